//go:build !linux

package main

import "syscall"

// Elsewhere a child does not end with its parent by itself, and a process
// cannot be told from a later one with its number, so leftovers of a killed
// run are left alone; new ports are taken beside them.

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func startTime(int) string { return "" }

func commandLineMentions(int, string) bool { return false }
