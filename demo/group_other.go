//go:build !unix

package main

import "syscall"

// ownGroup changes nothing here: the child sees Ctrl-C as well, and ends by it.
func ownGroup() *syscall.SysProcAttr { return nil }
