package main

import (
	"fmt"
	"io"
	"os"
)

// page is what the reader sees. Its first write error is kept and ends the demo
// as failed.
type page struct {
	out    io.Writer
	colour bool
	step   int // number of the last step
	err    error
}

// newPage writes on out, in colour where that is a terminal that has it.
// NO_COLOR is honoured (https://no-color.org).
func newPage(out io.Writer) *page {
	p := &page{out: out}
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return p
	}
	if info, err := file.Stat(); err == nil {
		p.colour = info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

func (p *page) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(p.out, format, args...); err != nil && p.err == nil {
		p.err = fmt.Errorf("write the page: %w", err)
	}
}

// Looks of a text, as SGR parameters.
const (
	bold  = "1"
	red   = "31"
	green = "32"
)

func (p *page) paint(look, text string) string {
	if !p.colour {
		return text
	}
	return "\x1b[" + look + "m" + text + "\x1b[0m"
}

// title begins a part of the story.
func (p *page) title(format string, args ...any) {
	p.step = 0
	p.printf("\n%s\n", p.paint(bold, fmt.Sprintf(format, args...)))
}

// did tells a step: who did what, the row as they had it, and how it ended.
func (p *page) did(who, what string, row product, end string) {
	p.step++
	line := fmt.Sprintf("  %d  %-4s %-20s %s", p.step, who, what, row)
	if end != "" {
		line += "  " + end
	}
	p.printf("%s\n", line)
}

// more adds a line to the step before it.
func (p *page) more(text string) { p.printf("     %s\n", text) }

// moral ends a part of the story.
func (p *page) moral(look, format string, args ...any) {
	p.printf("  => %s\n", p.paint(look, fmt.Sprintf(format, args...)))
}

// remark is a line outside the story.
func (p *page) remark(format string, args ...any) { p.printf(format+"\n", args...) }

// closing says how to end the demo.
func (p *page) closing() { p.printf("\nCtrl-C ends the demo.\n") }
