//go:build unix && !linux

package main

import "syscall"

// ownGroup keeps a terminal's Ctrl-C from the child, which the demo ends itself.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
