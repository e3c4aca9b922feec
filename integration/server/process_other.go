//go:build unix && !linux

package server

import "syscall"

// inside lets a command run with dir as its root folder, which takes root.
func inside(dir string) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Chroot: dir}
}

// dieWithParent can do nothing here: a server whose test was killed stays.
func dieWithParent(attr *syscall.SysProcAttr) *syscall.SysProcAttr {
	return attr
}
