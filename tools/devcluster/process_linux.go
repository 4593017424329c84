package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// childAttributes make a child end with the thread that starts it, and put it into a
// process group of its own, which does not get Ctrl-C of the terminal.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// startTime is the moment at which pid was started, in the kernel's ticks;
// empty when there is no such process or it has ended.
func startTime(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name in parentheses may hold spaces; count the fields after it.
	_, after, _ := strings.Cut(string(data[max(0, bytes.LastIndexByte(data, ')')):]), " ")
	fields := strings.Fields(after)
	if len(fields) < 20 || fields[0] == "Z" {
		return ""
	}
	return fields[19]
}

func commandLineMentions(pid int, text string) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && bytes.Contains(data, []byte(text))
}
