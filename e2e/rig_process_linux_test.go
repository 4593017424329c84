package e2e

import (
	"os/exec"
	"syscall"
)

// endWithTests has the kernel kill the process when the thread that starts it
// ends, as all do when the tests time out.
func endWithTests(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
