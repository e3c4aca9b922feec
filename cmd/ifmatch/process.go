package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// gcPercent is how much the heap may grow before garbage is collected. A proxy
// allocates nothing for a statement that it has seen before, so collecting
// often costs little and keeps memory small.
const gcPercent = 50

// setUpProcess sets the Go runtime up for a proxy, as far as the environment does
// not say what is wanted (GOMAXPROCS, GOGC).
//
// Half of the CPUs run it. A proxy is one of three on the way of a statement and
// has the least to do; where it has more threads than work, they wake each other
// for nothing and take CPUs from client and server. One of them carries tens of
// thousands of statements a second.
func setUpProcess() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS((runtime.GOMAXPROCS(0) + 1) / 2)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
