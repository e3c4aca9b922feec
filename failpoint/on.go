//go:build failpoints

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
)

var (
	wanted string
	at     int64 = 1
	passed atomic.Int64
)

func init() {
	name, n, counted := strings.Cut(os.Getenv(Env), "#")
	wanted = name
	if counted {
		at, _ = strconv.ParseInt(n, 10, 64)
	}
}

// Here is a place where the process may be ended: at once, as by kill -9.
func Here(name string) {
	if name != wanted || passed.Add(1) != at {
		return
	}
	if p, err := os.FindProcess(os.Getpid()); err == nil {
		p.Kill()
	}
	select {} // until the signal is there
}
