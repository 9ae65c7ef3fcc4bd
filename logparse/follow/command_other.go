//go:build !unix

package follow

import "os/exec"

func ownGroup(*exec.Cmd) {}

func terminate(cmd *exec.Cmd, _ bool) { _ = cmd.Process.Kill() }
