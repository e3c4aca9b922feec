package stress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// Bar shows how far a run is: on a terminal as a bar that moves, elsewhere as a
// line now and then.
type Bar struct {
	out      io.Writer
	terminal bool
	name     string // of the run
	next     time.Duration
	drawn    bool
	last     Live // from which rates are taken
	rates    [2]float64
}

// NewBar returns a bar for the run called name.
func NewBar(out io.Writer, name string) *Bar {
	return &Bar{out: out, terminal: isTerminal(out), name: name}
}

// isTerminal says whether out is a terminal that can go back in its line.
func isTerminal(out io.Writer) bool {
	f, isFile := out.(*os.File)
	if !isFile || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// linesOf is how many lines a run has where there is no terminal, about.
const linesOf = 10

// Show shows the state of the run.
func (b *Bar) Show(l Live) {
	if !b.terminal && l.Since < b.next {
		return
	}
	// The last time is soon after the one before.
	if took := l.Since - b.last.Since; took >= progressEvery/2 || b.last.Since == 0 {
		b.rates = [2]float64{float64(l.Acknowledged-b.last.Acknowledged) / took.Seconds(), float64(l.Conflicting-b.last.Conflicting) / took.Seconds()}
		b.last = l
	}
	const width = 24
	share := min(float64(l.Since)/float64(l.For), 1)
	figures := fmt.Sprintf("%5.1f/%g s  acknowledged %d (%.0f/s)  conflicting %d (%.0f/s)", min(l.Since, l.For).Seconds(), l.For.Seconds(),
		l.Acknowledged, b.rates[0], l.Conflicting, b.rates[1])
	if b.terminal {
		full := int(share * width)
		fmt.Fprintf(b.out, "\r\x1b[K%s [%s%s] %s", b.name, strings.Repeat("#", full), strings.Repeat("-", width-full), figures)
		b.drawn = true
		return
	}
	fmt.Fprintf(b.out, "%s %s\n", b.name, figures)
	b.next = l.Since + max(l.For/linesOf, time.Second)
}

// Done takes the bar away.
func (b *Bar) Done() {
	if b.drawn {
		fmt.Fprint(b.out, "\r\x1b[K")
	}
}
