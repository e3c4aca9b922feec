package ledger

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
)

// Range is the numbers that a counter gives. Its zero value is no range.
type Range struct {
	First, Last int64
	Ends        bool // behind the last number there is none; else the first follows
}

// Given reports whether there is a range: it has two numbers at least.
func (r Range) Given() bool { return r.First < r.Last }

// String gives the range as it is written: 1000-2000 or 1000-2000!; "" for none.
func (r Range) String() string {
	if !r.Given() {
		return ""
	}
	s := strconv.FormatInt(r.First, 10) + "-" + strconv.FormatInt(r.Last, 10)
	if r.Ends {
		s += "!"
	}
	return s
}

// size gives how many numbers there are in a range that is given. It is less than
// 2^64, as no range begins with the least BIGINT.
func (r Range) size() uint64 { return uint64(r.Last) - uint64(r.First) + 1 }

// ParseRange reads what String writes. The error is a *CounterError.
func ParseRange(text string) (Range, error) {
	if text == "" {
		return Range{}, nil
	}
	var r Range
	s, ends := strings.CutSuffix(text, "!")
	r.Ends = ends
	at := strings.IndexByte(strings.TrimPrefix(s, "-"), '-')
	if at < 0 {
		return Range{}, wrong("range %q is not of the form '1000-2000' or '1000-2000!'", text)
	}
	at += len(s) - len(strings.TrimPrefix(s, "-"))
	for _, half := range []struct {
		digits string
		into   *int64
	}{{s[:at], &r.First}, {s[at+1:], &r.Last}} {
		if digits := strings.TrimPrefix(half.digits, "-"); digits == "" || strings.Trim(digits, "0123456789") != "" {
			return Range{}, wrong("range %q is not of the form '1000-2000' or '1000-2000!'", text)
		}
		n, err := strconv.ParseInt(half.digits, 10, 64)
		if err != nil {
			return Range{}, wrong("range %q has a number that is no BIGINT", text)
		}
		*half.into = n
	}
	switch {
	case r.First >= r.Last:
		return Range{}, wrong("range %q: the second number must be greater than the first", text)
	case r.First == math.MinInt64:
		return Range{}, wrong("range %q: it cannot begin with the least BIGINT, as the counter is put one before its first number", text)
	}
	return r, nil
}

// state is what a counter is at, as its row in the ledger has it. A counter with a
// range may have counted on over its end: value is then folded into the range, and
// turns says how often. It is one before the first number where none was given.
type state struct {
	there bool // it has a row
	value int64
	turns uint64
	Range
}

// add counts n on. What it refuses leaves the state as it was.
func (s *state) add(n int64) error {
	if !s.Given() {
		sum := s.value + n
		if n > 0 && sum < s.value || n < 0 && sum > s.value {
			return refused("it is at %d, and %d more are beyond BIGINT", s.value, n)
		}
		s.value = sum
		return nil
	}
	size, by := s.size(), uint64(n)
	if n < 0 {
		by = -by
	}
	if by > size {
		return refused("range %s has %d numbers, %d are more", s.Range, size, by)
	}
	given := uint64(s.value) - uint64(s.First) + 1 // numbers of this turn up to where it is
	switch {
	case n >= 0 && by <= size-given:
		given += by
	case n >= 0 && s.Ends:
		return refused("range %s has %d numbers left, %d are more", s.Range, size-given, by)
	case n >= 0:
		if s.turns == math.MaxUint64 {
			return refused("range %s was gone through too often to count it", s.Range)
		}
		s.turns++
		given = by - (size - given)
	case by < given:
		given -= by
	case s.turns > 0:
		s.turns--
		given += size - by
	default:
		return refused("range %s begins %d numbers before where it is, %d are more", s.Range, max(given, 1)-1, by)
	}
	s.value = int64(uint64(s.First) + given - 1)
	return nil
}

// set puts the counter to v.
func (s *state) set(v int64) error {
	if s.Given() && (v < s.First || v > s.Last) {
		return refused("%d is outside its range %s", v, s.Range)
	}
	s.value, s.turns = v, 0
	return nil
}

// confine gives the counter a range, or takes it away. Without one the counter
// shows how far it has counted over all turns.
func (s *state) confine(r Range) error {
	switch {
	case r.Given():
		s.Range, s.value, s.turns = r, r.First-1, 0
		return nil
	case !s.Given():
		return nil
	}
	at := new(big.Int).SetUint64(s.turns)
	at.Mul(at, new(big.Int).SetUint64(s.size()))
	at.Add(at, big.NewInt(s.value))
	if !at.IsInt64() {
		return refused("without range %s it would be at %s, which is no BIGINT; set it first", s.Range, at)
	}
	s.value, s.turns, s.Range = at.Int64(), 0, Range{}
	return nil
}

// Op is what is asked of a counter: Alloc, Add, Set or Confine, or its zero value,
// which reads it.
type Op struct {
	kind opKind
	n    int64
	to   Range
}

type opKind uint8

const (
	opRead opKind = iota
	opAlloc
	opAdd
	opSet
	opConfine
)

// MaxAlloc is how many numbers one Alloc takes at most. It is more than a client
// may ask for in one call, so that an INSERT of many rows has its numbers at once.
const MaxAlloc = 65536

// Alloc takes n numbers, 1 to MaxAlloc.
func Alloc(n int64) Op { return Op{kind: opAlloc, n: n} }

// Add counts n on, or back where it is negative. 0 reads the counter.
func Add(n int64) Op { return Op{kind: opAdd, n: n} }

// Set puts the counter to v.
func Set(v int64) Op { return Op{kind: opSet, n: v} }

// Confine gives the counter a range and puts it one before its first number. No
// range takes the range away.
func Confine(r Range) Op { return Op{kind: opConfine, to: r} }

// Numbers is what an Op gives.
type Numbers struct {
	First int64 // of those allocated
	Value int64 // the counter now: the last of those allocated
	Range Range // of the counter now
}

// At gives number i of those allocated, from 0.
func (n Numbers) At(i int) int64 {
	s := state{value: n.First, Range: Range{First: n.Range.First, Last: n.Range.Last}}
	if s.add(int64(i)) != nil {
		panic("ledger: a number that was not allocated") // would be a fault of the caller's
	}
	return s.value
}

// apply carries out op. Where it is refused the state is as it was.
func (s *state) apply(op Op) (Numbers, error) {
	var out Numbers
	var err error
	switch op.kind {
	case opAlloc:
		if op.n < 1 || op.n > MaxAlloc {
			return out, wrong("%d numbers at once; 1 to %d can be had", op.n, MaxAlloc)
		}
		next := *s
		if err = next.add(op.n); err == nil {
			first := *s
			err = first.add(1)
			out.First, *s = first.value, next
		}
	case opAdd:
		err = s.add(op.n)
	case opSet:
		err = s.set(op.n)
	case opConfine:
		err = s.confine(op.to)
	}
	out.Value, out.Range = s.value, s.Range
	return out, err
}

// CounterErrorKind says whose fault a CounterError is.
type CounterErrorKind uint8

const (
	// Wrong is what no counter could do. Nothing was taken.
	Wrong CounterErrorKind = iota
	// Refused is what the counter cannot do where it is. Nothing was taken.
	Refused
	// Failed is that the backend could not be asked. Nothing was taken.
	Failed
	// Uncertain is that the backend did not answer: numbers may have been taken, and
	// will not be given again.
	Uncertain
)

// CounterError is why a counter gave no number.
type CounterError struct {
	Kind    CounterErrorKind
	Counter string // "" where it is not known yet
	Text    string // what is wrong
	err     error
}

// Error names the counter and says what is wrong.
func (e *CounterError) Error() string {
	text := e.Text
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	if e.Counter == "" {
		return text
	}
	return fmt.Sprintf("counter %q: %s", e.Counter, text)
}

// Unwrap gives the backend's error, if it is about one.
func (e *CounterError) Unwrap() error { return e.err }

func wrong(format string, args ...any) error {
	return &CounterError{Kind: Wrong, Text: fmt.Sprintf(format, args...)}
}

func refused(format string, args ...any) error {
	return &CounterError{Kind: Refused, Text: fmt.Sprintf(format, args...)}
}
