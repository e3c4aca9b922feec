package fault

import (
	"strconv"
	"unicode/utf8"
)

// Kind is what a Node is.
type Kind uint8

// The kinds of Node. Empty is a key with nothing after it, which YAML takes
// for null; most readers want to tell it from a null that was meant.
const (
	Empty Kind = iota
	Null
	Bool
	Integer
	Decimal
	String
	Sequence
	Mapping
)

// Node is one value of a YAML document, aliases and merge keys resolved. An
// aliased value is shared by all places that name it, so a Node must not be
// changed.
type Node struct {
	Kind Kind
	Pos  Position // of an Empty value of a mapping: of its key
	// Text is the value of a scalar: "true" or "false" of a Bool, plain decimal
	// digits with a sign if negative of an Integer, digits with a point of a
	// Decimal, the characters of a String.
	Text  string
	Pairs []Pair  // of a Mapping, in the order of the file
	Items []*Node // of a Sequence

	size int // nodes below and including this one, shared ones counted each time
}

// Pair is one key of a mapping. Keys are unique within their mapping.
type Pair struct {
	Key   string
	Pos   Position // of the key
	Value *Node
}

// Scalar says whether the node is a single value, null included.
func (n *Node) Scalar() bool { return n.Kind != Sequence && n.Kind != Mapping }

// describeLimit is how many characters of a text Describe shows.
const describeLimit = 40

// Describe gives the node as it is named after "has" in a fault: "a list",
// "the number 7", `"text"`. It shows the value: use Kind.String where the
// value is a secret.
func (n *Node) Describe() string {
	switch n.Kind {
	case Bool:
		return n.Text
	case Integer, Decimal:
		return "the number " + abridge(n.Text)
	case String:
		return strconv.Quote(abridge(n.Text))
	}
	return n.Kind.String()
}

func abridge(s string) string {
	if utf8.RuneCountInString(s) <= describeLimit {
		return s
	}
	return string([]rune(s)[:describeLimit]) + "…"
}

// String gives the kind as it is named after "has" in a fault.
func (k Kind) String() string {
	switch k {
	case Empty:
		return "nothing"
	case Null:
		return "null"
	case Bool:
		return "true or false"
	case Integer, Decimal:
		return "a number"
	case String:
		return "a text"
	case Sequence:
		return "a list"
	case Mapping:
		return "a mapping"
	}
	return "kind " + strconv.Itoa(int(k))
}
