package fault

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of what ReadYAML takes. They are far beyond what a person writes, and
// keep a damaged or hostile file from taking the memory, the stack or minutes:
// the YAML parser recurses from each line of a block to the next.
const (
	MaxSize  = 4 << 20 // bytes of a file
	MaxLines = 1 << 16 // lines of a file
	MaxDepth = 64      // lists and mappings within one another
	MaxNodes = 1 << 20 // values of a document, aliased ones counted each time
)

// ReadYAML reads one YAML 1.2 document. The node is nil where the document
// holds nothing but comments. Faults are never lost: where there are some the
// node is what could be read beside them, or nil.
//
// Stricter than YAML, so that a file means the same to every reader: duplicate
// keys, tags, directives, keys that are not scalars, several documents, tabs in
// the indentation, integers with leading zeros and numbers with an exponent are
// faults. Anchors, aliases and merge keys are resolved.
func ReadYAML(file string, src []byte) (node *Node, faults List) {
	t := &tree{file: file, anchors: make(map[string]*Node)}
	defer func() {
		// The YAML parser is not ours. A fault beats a proxy that does not start
		// for a reason that nobody understands.
		if r := recover(); r != nil {
			t.faults.Add(Position{File: file}, "cannot be read as YAML: the YAML parser failed with: %v", r)
			node, faults = nil, t.faults
		}
	}()
	return t.read(src), t.faults
}

// tree turns a document of goccy/go-yaml into Nodes.
type tree struct {
	file    string
	faults  List
	anchors map[string]*Node
	full    bool // a fault has been made of too many values
}

func (t *tree) read(src []byte) *Node {
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n"))
	if t.checkBytes(src); len(t.faults) > 0 {
		return nil
	}
	tokens := lexer.Tokenize(string(src))
	if t.checkTokens(tokens); len(t.faults) > 0 {
		return nil
	}
	f, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		t.addSyntax(err)
		return nil
	}
	var root *Node
	for i, doc := range f.Docs {
		if i > 0 {
			t.faults.Add(t.docPosition(doc), "a second document begins here; the file wants exactly one")
			return nil
		}
		if doc.Body != nil {
			root = t.node(doc.Body, 0)
		}
	}
	if root != nil && root.Kind == Empty {
		return nil
	}
	return root
}

// checkBytes looks for what no YAML file may hold, before the parser sees it.
func (t *tree) checkBytes(src []byte) {
	if len(src) > MaxSize {
		t.faults.Add(Position{File: t.file}, "has %d bytes, more than the limit of %d", len(src), MaxSize)
		return
	}
	lines := bytes.Split(src, []byte("\n"))
	if len(lines) > MaxLines {
		t.faults.Add(Position{File: t.file}, "has %d lines, more than the limit of %d", len(lines), MaxLines)
		return
	}
	for i, line := range lines {
		indent := len(line) - len(bytes.TrimLeft(line, " \t"))
		if tab := bytes.IndexByte(line[:indent], '\t'); tab >= 0 && indent < len(line) {
			t.faults.Add(Position{t.file, i + 1, tab + 1}, "tab in the indentation; YAML wants spaces")
		}
		for column, rest := 1, line; len(rest) > 0; column++ {
			r, size := utf8.DecodeRune(rest)
			switch {
			case r == utf8.RuneError && size == 1:
				t.faults.Add(Position{t.file, i + 1, column}, "byte 0x%02X is not UTF-8", rest[0])
				return // one such byte is seldom alone
			case r < ' ' && r != '\t', r >= 0x7F && r <= 0x9F && r != 0x85:
				t.faults.Add(Position{t.file, i + 1, column}, "control character %U; write it as an escape in double quotes", r)
				return
			}
			rest = rest[size:]
		}
	}
}

// checkTokens refuses what this reader does not take, and bounds the recursion
// of the parser, which has no bound of its own: block lists and mappings nest
// by the columns of their indentation, everything else by tokens of one kind.
func (t *tree) checkTokens(tokens token.Tokens) {
	flow, line, onLine := 0, 0, 0
	var open []int // columns at which lines begin that hold the one at hand
	for _, tk := range tokens {
		if tk.Position == nil {
			continue
		}
		if tk.Position.Line != line {
			line, onLine = tk.Position.Line, 0
			if flow == 0 {
				for len(open) > 0 && open[len(open)-1] >= tk.Position.Column {
					open = open[:len(open)-1]
				}
				open = append(open, tk.Position.Column)
			}
		}
		switch tk.Type {
		case token.TagType:
			t.faults.Add(t.position(tk), "tags such as %s are not used here", abridge(tk.Value))
			return
		case token.DirectiveType:
			t.faults.Add(t.position(tk), "directives are not used here")
			return
		case token.MappingStartType, token.SequenceStartType:
			flow++
		case token.MappingEndType, token.SequenceEndType:
			flow = max(0, flow-1)
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType:
			onLine++
		}
		if flow > MaxDepth || onLine > MaxDepth || len(open) > MaxDepth+1 {
			t.faults.Add(t.position(tk), "nested deeper than %d levels", MaxDepth)
			return
		}
	}
}

func (t *tree) addSyntax(err error) {
	var y yaml.Error
	if !errors.As(err, &y) {
		t.faults.Add(Position{File: t.file}, "not YAML: %v", err)
		return
	}
	t.faults.Add(t.position(y.GetToken()), "not YAML: %s", y.GetMessage())
}

func (t *tree) position(tk *token.Token) Position {
	if tk == nil || tk.Position == nil {
		return Position{File: t.file}
	}
	return Position{File: t.file, Line: max(1, tk.Position.Line), Column: max(1, tk.Position.Column)}
}

func (t *tree) docPosition(doc *ast.DocumentNode) Position {
	if doc.Start != nil {
		return t.position(doc.Start)
	}
	if doc.Body != nil {
		return t.position(doc.Body.GetToken())
	}
	return Position{File: t.file}
}

func (t *tree) node(n ast.Node, depth int) *Node {
	if depth > MaxDepth {
		t.faults.Add(t.position(n.GetToken()), "nested deeper than %d levels", MaxDepth)
		return &Node{Pos: t.position(n.GetToken()), size: 1}
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		value := t.node(n.Value, depth)
		// Known only from here on, so that nothing can contain itself.
		t.anchors[n.Name.GetToken().Value] = value
		return value
	case *ast.AliasNode:
		tk := n.Value.GetToken()
		if value := t.anchors[tk.Value]; value != nil {
			return value
		}
		t.faults.Add(t.position(n.GetToken()), "alias *%s names no anchor above it", abridge(tk.Value))
		return &Node{Pos: t.position(n.GetToken()), size: 1}
	case *ast.MappingNode:
		return t.mapping(n, depth)
	case *ast.MappingValueNode:
		return t.mapping(&ast.MappingNode{Start: n.Start, Values: []*ast.MappingValueNode{n}}, depth)
	case *ast.SequenceNode:
		return t.sequence(n, depth)
	}
	return t.scalar(n)
}

func (t *tree) sequence(n *ast.SequenceNode, depth int) *Node {
	out := &Node{Kind: Sequence, Pos: t.position(n.GetToken()), size: 1}
	for _, v := range n.Values {
		item := t.node(v, depth+1)
		if !t.grow(out, item) {
			break
		}
		out.Items = append(out.Items, item)
	}
	return out
}

func (t *tree) mapping(n *ast.MappingNode, depth int) *Node {
	out := &Node{Kind: Mapping, Pos: t.position(n.Start), size: 1}
	if !n.IsFlowStyle && len(n.Values) > 0 {
		out.Pos = t.position(n.Values[0].Key.GetToken())
	}
	own := make(map[string]Position, len(n.Values))
	var merges []*ast.MappingValueNode
	for _, v := range n.Values {
		if v.Key.IsMergeKey() {
			merges = append(merges, v)
			continue
		}
		key, pos, ok := t.key(v.Key)
		if !ok {
			continue
		}
		if first, again := own[key]; again {
			t.faults.Add(pos, "duplicate key %q, first given at line %d", abridge(key), first.Line)
			continue
		}
		own[key] = pos
		value := t.node(v.Value, depth+1)
		if _, null := v.Value.(*ast.NullNode); null && value.Kind == Empty {
			value.Pos = pos // there is nothing else to point at
		}
		if !t.grow(out, value) {
			return out
		}
		out.Pairs = append(out.Pairs, Pair{Key: key, Pos: pos, Value: value})
	}
	for _, m := range merges {
		t.merge(out, own, t.node(m.Value, depth+1), t.position(m.Key.GetToken()))
	}
	return out
}

// merge adds the pairs of a mapping, or of each of a list of mappings, whose
// keys are not there yet: see https://yaml.org/type/merge.html.
func (t *tree) merge(out *Node, own map[string]Position, from *Node, pos Position) {
	sources := []*Node{from}
	if from.Kind == Sequence {
		sources = from.Items
	}
	for _, source := range sources {
		if source.Kind != Mapping {
			t.faults.Add(pos, "the merge key << wants a mapping or a list of mappings, has %s", source.Kind)
			return
		}
		for _, p := range source.Pairs {
			if _, there := own[p.Key]; there {
				continue
			}
			own[p.Key] = p.Pos
			if !t.grow(out, p.Value) {
				return
			}
			out.Pairs = append(out.Pairs, p)
		}
	}
}

// grow counts a child into its parent, and says whether there is room for it.
func (t *tree) grow(parent, child *Node) bool {
	if t.full {
		return false
	}
	if parent.size+child.size > MaxNodes {
		t.full = true
		t.faults.Add(parent.Pos, "has more than %d values, aliased ones counted each time", MaxNodes)
		return false
	}
	parent.size += child.size
	return true
}

func (t *tree) key(k ast.Node) (text string, pos Position, ok bool) {
	pos = t.position(k.GetToken())
	if m, is := k.(*ast.MappingKeyNode); is {
		k = m.Value
	}
	if k == nil {
		t.faults.Add(pos, "a key is missing before the colon")
		return "", pos, false
	}
	if a, is := k.(*ast.AnchorNode); is {
		k = a.Value
	}
	switch k := k.(type) {
	case *ast.StringNode:
		return k.Value, pos, true
	case *ast.LiteralNode:
		return k.Value.Value, pos, true
	case *ast.NullNode:
		if k.Token.Type == token.ImplicitNullType {
			t.faults.Add(pos, "a key is missing before the colon")
			return "", pos, false
		}
		return k.Token.Value, pos, true
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		// Whatever a name looks like, it is a name: user 007, column 1.
		return k.GetToken().Value, pos, true
	}
	t.faults.Add(pos, "a key wants to be a single name")
	return "", pos, false
}

func (t *tree) scalar(n ast.Node) *Node {
	out := &Node{Pos: t.position(n.GetToken()), size: 1}
	switch n := n.(type) {
	case *ast.NullNode:
		out.Kind = Null
		if n.Token.Type == token.ImplicitNullType {
			out.Kind = Empty
		}
	case *ast.BoolNode:
		out.Kind, out.Text = Bool, "false"
		if n.Value {
			out.Text = "true"
		}
	case *ast.IntegerNode:
		t.number(out, n.Token.Value, integer)
	case *ast.FloatNode:
		t.number(out, n.Token.Value, decimal)
	case *ast.InfinityNode, *ast.NanNode:
		t.faults.Add(out.Pos, "%s is no number that a column can hold; quote it if a text is meant", n.GetToken().Value)
	case *ast.StringNode:
		if n.Token.Type == token.StringType && looseNumber.MatchString(n.Value) {
			t.number(out, n.Value, looselyNumber)
			break
		}
		out.Kind, out.Text = String, n.Value
	case *ast.LiteralNode:
		out.Kind, out.Text = String, n.Value.Value
	default:
		t.faults.Add(out.Pos, "a value is wanted here")
	}
	return out
}

func (t *tree) number(out *Node, text string, normal func(string) (Kind, string, error)) {
	kind, plain, err := normal(strings.ReplaceAll(text, "_", ""))
	if err != nil {
		t.faults.Add(out.Pos, "the number %s %v", abridge(text), err)
		return
	}
	out.Kind, out.Text = kind, plain
}

// looseNumber is what YAML 1.2 takes for a number and our parser for a text:
// integers beyond 64 bits, and exponents without a point before them.
var looseNumber = regexp.MustCompile(`^[-+]?[0-9]+([eE][-+]?[0-9]+)?$`)

func looselyNumber(s string) (Kind, string, error) {
	if strings.ContainsAny(s, "eE") {
		return decimal(s)
	}
	return integer(s)
}

// maxDigits is how many digits a number may have: MySQL's DECIMAL has 65.
const maxDigits = 65

func integer(s string) (Kind, string, error) {
	digits := strings.TrimLeft(s, "+-")
	if len(digits) > 1 && digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9' {
		return Empty, "", errors.New("begins with 0: octal to some, decimal to others; write it without, or quote it")
	}
	// A binary number has the most digits for its value, four for a decimal one.
	if len(digits) > 4*maxDigits {
		return Empty, "", fmt.Errorf("has more than %d digits", maxDigits)
	}
	i, ok := new(big.Int).SetString(s, 0)
	if !ok {
		return Empty, "", errors.New("is not an integer; quote it if a text is meant")
	}
	if text := i.String(); len(strings.TrimPrefix(text, "-")) <= maxDigits {
		return Integer, text, nil
	}
	return Empty, "", fmt.Errorf("has more than %d digits", maxDigits)
}

func decimal(s string) (Kind, string, error) {
	s = strings.TrimPrefix(s, "+")
	sign := ""
	if digits, negative := strings.CutPrefix(s, "-"); negative {
		sign, s = "-", digits
	}
	if strings.ContainsAny(s, "eE") {
		return Empty, "", errors.New("has an exponent; write its digits out, or quote it")
	}
	whole, fraction, _ := strings.Cut(s, ".")
	if len(whole)+len(fraction) > maxDigits {
		return Empty, "", fmt.Errorf("has more than %d digits", maxDigits)
	}
	if strings.Trim(whole+fraction, "0123456789") != "" {
		return Empty, "", errors.New("is not a number; quote it if a text is meant")
	}
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		fraction = "0"
	}
	return Decimal, sign + whole + "." + fraction, nil
}
