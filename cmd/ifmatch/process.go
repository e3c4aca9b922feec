package main

import (
	"log/slog"
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

// releaseStart gives back the memory that reading policy and schema has left.
func releaseStart(log *slog.Logger) {
	debug.FreeOSMemory()
	if err := forgetProgram(); err != nil {
		log.Debug("pages of the program stay in memory", "error", err)
	}
}
