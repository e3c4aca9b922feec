package main

import "syscall"

// ownGroup keeps a terminal's Ctrl-C from the child, which the demo ends itself,
// and has the kernel end the child where the demo cannot, because it was killed.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
