package fault

import (
	"fmt"
	"strings"
	"testing"
)

// show writes a node as one line, so that a tree can stand in a table.
func show(n *Node) string {
	if n == nil {
		return "none"
	}
	switch n.Kind {
	case Sequence:
		items := make([]string, len(n.Items))
		for i, item := range n.Items {
			items[i] = show(item)
		}
		return "[" + strings.Join(items, " ") + "]"
	case Mapping:
		pairs := make([]string, len(n.Pairs))
		for i, p := range n.Pairs {
			pairs[i] = p.Key + "=" + show(p.Value)
		}
		return "{" + strings.Join(pairs, " ") + "}"
	case Empty:
		return "empty"
	case Null:
		return "null"
	case String:
		return fmt.Sprintf("%q", n.Text)
	}
	return n.Text
}

func TestReadYAML(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"", "none"},
		{"# only a comment\n", "none"},
		{"\ufeffa: 1", "{a=1}"},
		{"a: 1\r\nb: 2\r\n", "{a=1 b=2}"},
		{"---\na: 1\n...\n", "{a=1}"},
		{"a:\nb: null\nc: ~\nd: ''", `{a=empty b=null c=null d=""}`},
		{"[true, False, yes, off, no]", `[true false "yes" "off" "no"]`},
		{"[0, -0, +7, 1_000, 0x1F, 0o17, 0b101, -9223372036854775809, 18446744073709551616]", "[0 0 7 1000 31 15 5 -9223372036854775809 18446744073709551616]"},
		{"[1.50, -.5, 5., +1.0, 0.0]", "[1.50 -0.5 5.0 1.0 0.0]"},
		{`[1.2.3, 2026-01-02, 12:30, 0xZZ, "1", '0x1', -, +]`, `["1.2.3" "2026-01-02" "12:30" "0xZZ" "1" "0x1" "-" "+"]`},
		{"{1: a, true: b, 1.5: c, ~: d, 007: e}", `{1="a" true="b" 1.5="c" ~="d" 007="e"}`},
		{"a: |\n  x\n   y\nb: >-\n  x\n  y\n", `{a="x\n y\n" b="x y"}`},
		{"a: &x [1]\nb: *x\n", "{a=[1] b=[1]}"},
		{"a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\nc:\n  q: 4\n  <<: [*x, {r: 5, p: 6}]\n", "{a={p=1 q=2} b={q=3 p=1} c={q=4 p=1 r=5}}"},
		{"? a\n: 1\n", "{a=1}"},
		{"&k a: 1", "{a=1}"},
	} {
		n, faults := ReadYAML("f", []byte(c.src))
		if got := show(n); got != c.want || len(faults) > 0 {
			t.Errorf("%q is %s, want %s; faults:\n%v", c.src, got, c.want, faults)
		}
	}
}

func TestReadYAMLFaults(t *testing.T) {
	for _, c := range []struct{ src, want string }{
		{"a: [1", "f:1:4: not YAML: "},
		{"a: b: c", "f:1:4: not YAML: "},
		{"a: 1\n---\nb: 2", "f:2:1: a second document begins here"},
		{"a: !!str 1", "f:1:4: tags such as !!str"},
		{"%YAML 1.2\n---\na: 1", "f:1:1: directives"},
		{"a: 1\n\tb: 2", "f:2:1: tab in the indentation"},
		{"a: |\n  x\n \ty\n", "f:3:2: tab in the indentation"},
		{"ä: \xc3(", "f:1:4: byte 0xC3 is not UTF-8"},
		{"ä: \x00", "f:1:4: control character U+0000"},
		{"a: 1\rb: 2", "f:1:5: control character U+000D"},
		{"a: 1\nb: 2\na: 3", `f:3:1: duplicate key "a", first given at line 1`},
		{"{a: {x: 1, x: 2}, a: 3}", `f:1:12: duplicate key "x"` + "\n" + `f:1:19: duplicate key "a"`},
		{"a: *x", "f:1:4: alias *x names no anchor above it"},
		{"a: &x [*x]", "f:1:8: alias *x names no anchor above it"},
		{"a: {<<: 1}", "f:1:5: the merge key << wants a mapping"},
		{"[a]: 1", "f:1:4: not YAML: "},
		{"[012, 00, -07]", "f:1:2: the number 012 begins with 0\nf:1:7: the number 00 begins with 0\nf:1:11: the number -07 begins with 0"},
		{"[1e3, 1.5E-3]", "f:1:2: the number 1e3 has an exponent\nf:1:7: the number 1.5E-3 has an exponent"},
		{"[.inf, -.INF, .nan]", "f:1:2: .inf is no number\nf:1:8: -.INF is no number\nf:1:15: .nan is no number"},
		{"[" + strings.Repeat("9", 66) + "]", "f:1:2: the number " + strings.Repeat("9", 40) + "… has more than 65 digits"},
		{"[1." + strings.Repeat("0", 65) + "]", "f:1:2: the number 1." + strings.Repeat("0", 38) + "… has more than 65 digits"},
		{"a: " + strings.Repeat("[", 65) + strings.Repeat("]", 65), "f:1:68: nested deeper than 64 levels"},
		{strings.Repeat("- ", 65) + "a", "f:1:129: nested deeper than 64 levels"},
		{steps(66), "f:66:66: nested deeper than 64 levels"},
		{strings.Repeat("#", MaxSize+1), "f: has 4194305 bytes, more than the limit"},
		{strings.Repeat("\n", MaxLines), "f: has 65537 lines, more than the limit"},
		{bomb(), "f:4:7: has more than 1048576 values"},
	} {
		_, faults := ReadYAML("f", []byte(c.src))
		faults.Sort()
		lines, want := strings.Split(faults.Error(), "\n"), strings.Split(c.want, "\n")
		if len(lines) != len(want) {
			t.Errorf("%.40q has\n%v\nwant\n%v", c.src, faults, c.want)
			continue
		}
		for i := range lines {
			if !strings.HasPrefix(lines[i], want[i]) {
				t.Errorf("%.40q has\n%v\nwant\n%v", c.src, faults, c.want)
				break
			}
		}
	}
}

// steps is block mappings n deep, one a line.
func steps(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// bomb is a small document that its aliases make a large one.
func bomb() string {
	var b strings.Builder
	b.WriteString("a: &a [1" + strings.Repeat(",1", 63) + "]\n")
	for c := 'b'; c < 'g'; c++ {
		fmt.Fprintf(&b, "%c: &%c [*%c%s]\n", c, c, c-1, strings.Repeat(fmt.Sprintf(", *%c", c-1), 63))
	}
	return b.String()
}

// Whatever comes in, it ends, without a panic, in a node or in faults whose
// positions lie within the source.
func FuzzReadYAML(f *testing.F) {
	for _, s := range []string{
		"", "a: 1", "a: &x {b: [1, *x]}", "- - a\n- b", "a: |\n  x", "{<<: *a}", "? a\n: b", "a: 'x\n  y'", "---\n---", "a:\n  - b: c\n    d: e\n", "!!a &b *c", "\"\\x\"", "a: >+\n\n x\n\n", "[a: b, {c}]", "%a\n", "&a &b c", "a: #\n b", "\xff", "- ? - : -", "<<: {a: b}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		n, faults := ReadYAML("f", src)
		lines := strings.Count(string(src), "\n") + 1
		for _, fault := range faults {
			if fault.Pos.Line > lines || fault.Pos.Line < 0 || (fault.Pos.Line > 0 && fault.Pos.Column < 1) {
				t.Errorf("position %v outside of %d lines", fault.Pos, lines)
			}
			if strings.Contains(fault.Text, "parser failed") {
				t.Logf("%q: %v", src, fault)
			}
		}
		var walk func(n *Node, depth int)
		walk = func(n *Node, depth int) {
			if depth > 2*MaxDepth {
				t.Fatal("deeper than the limit")
			}
			if n.Pos.Line < 1 || n.Pos.Line > lines || n.Pos.Column < 1 {
				t.Errorf("position %v outside of %d lines", n.Pos, lines)
			}
			keys := make(map[string]bool)
			for _, p := range n.Pairs {
				if keys[p.Key] {
					t.Errorf("key %q twice", p.Key)
				}
				keys[p.Key] = true
				walk(p.Value, depth+1)
			}
			for _, item := range n.Items {
				walk(item, depth+1)
			}
		}
		if n != nil {
			walk(n, 0)
		}
	})
}
