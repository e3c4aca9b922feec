// Package fault says what is wrong with a configuration file, and where.
//
// It holds what the policy and the configuration of the proxy have in common:
// positions, faults and lists of them, the word that was probably meant, and
// a YAML tree in which every value knows where it stands.
package fault

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Position is a place in a configuration file. Lines and columns count from 1,
// columns in characters, not bytes. A line of 0 means the source as a whole;
// File is then also the place for sources that are no files, such as "--listen".
type Position struct {
	File         string
	Line, Column int
}

// Before reports whether p comes before q, both of one file.
func (p Position) Before(q Position) bool {
	return p.Line < q.Line || p.Line == q.Line && p.Column < q.Column
}

// String gives "file:line:column", or the file alone where there is no line.
func (p Position) String() string {
	if p.Line == 0 {
		return p.File
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column)
}

// Fault is one thing that is wrong. Text says what is wrong and, where there
// is one answer, what would be right.
type Fault struct {
	Pos  Position
	Text string
}

// Error gives "file:line:column: text".
func (f Fault) Error() string {
	if f.Pos == (Position{}) {
		return f.Text
	}
	return f.Pos.String() + ": " + f.Text
}

// List is every fault that was found, not only the first. A List that is to be
// returned as an error goes through Err, which sorts it.
type List []Fault

// Error gives the faults, one a line, without a line break at the end.
func (l List) Error() string {
	var b strings.Builder
	for i, f := range l {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.Error())
	}
	return b.String()
}

// Unwrap gives the single faults to errors.As.
func (l List) Unwrap() []error {
	errs := make([]error, len(l))
	for i, f := range l {
		errs[i] = f
	}
	return errs
}

// Add appends a fault whose text is made as by fmt.Sprintf.
func (l *List) Add(pos Position, format string, args ...any) {
	*l = append(*l, Fault{Pos: pos, Text: fmt.Sprintf(format, args...)})
}

// Sort orders the list by file, line, column and text, and drops repetitions,
// which a part of a file that several aliases point to would bring.
func (l *List) Sort() {
	slices.SortStableFunc(*l, func(a, b Fault) int {
		return cmp.Or(
			cmp.Compare(a.Pos.File, b.Pos.File),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Column, b.Pos.Column),
			cmp.Compare(a.Text, b.Text),
		)
	})
	*l = slices.Compact(*l)
}

// Err sorts the list and gives it as an error, or nil where it is empty.
func (l List) Err() error {
	if len(l) == 0 {
		return nil
	}
	l.Sort()
	return l
}
