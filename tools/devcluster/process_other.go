//go:build !linux

package main

import "syscall"

// Other systems do not end children with their parent, and do not tell a process
// from a later one with its pid. Processes of a killed run are left alone, and the
// next run takes other ports.

func childAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func startTime(int) string { return "" }

func commandLineMentions(int, string) bool { return false }
