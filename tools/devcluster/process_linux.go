package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// childAttributes ties a child to the life of the thread that starts it, and
// keeps Ctrl-C in a terminal from reaching it before its turn. kwok gets the
// chance to end the commands that run in pods.
func childAttributes(name string) *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if name == "kwok" {
		attr.Pdeathsig = syscall.SIGTERM
	}
	return attr
}

// startTime is the moment at which pid was started, in the kernel's ticks;
// empty when there is no such process or it has ended.
func startTime(pid int) string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name in parentheses may hold anything; count from behind it.
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

// adoptOrphans makes this process the parent of descendants whose own parent
// ended, so that killDescendants finds them.
func adoptOrphans() error {
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}

// killDescendants ends all children and what they leave behind. It gives up
// after two seconds: a process in the middle of I/O cannot be killed.
func killDescendants() {
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline); {
		children := livingChildren()
		if len(children) == 0 {
			return
		}
		for _, pid := range children {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func livingChildren() []int {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	var pids []int
	for _, list := range lists {
		data, _ := os.ReadFile(list)
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && startTime(pid) != "" {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
