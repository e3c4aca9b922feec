package main

import (
	"os"
	"runtime/debug"
)

// gcPercent is how much the heap may grow before garbage is collected. A proxy
// allocates nothing for a statement that it has seen before, so collecting
// often costs little and keeps memory small.
const gcPercent = 50

// setUpProcess sets the Go runtime up for a proxy, as far as the environment does
// not say what is wanted (GOGC).
func setUpProcess() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}
