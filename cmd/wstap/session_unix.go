//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// ownSession takes a process out of our terminal's reach.
func ownSession(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
