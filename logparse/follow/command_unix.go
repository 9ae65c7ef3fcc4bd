//go:build unix

package follow

import (
	"os/exec"
	"syscall"
)

// ownGroup starts cmd in a process group of its own, so that all of a pipeline
// can be ended and a Ctrl-C at the terminal does not reach it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// terminate asks the group to end, or kills it.
func terminate(cmd *exec.Cmd, kill bool) {
	sig := syscall.SIGTERM
	if kill {
		sig = syscall.SIGKILL
	}
	_ = syscall.Kill(-cmd.Process.Pid, sig) // ESRCH: all gone already
}
