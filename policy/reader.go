package policy

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ifmatch/fault"
)

// reader turns nodes into a policy, and collects what is wrong on the way. It
// goes on after a fault; a table with one is thrown away in the end, so that what
// it makes of a wrong value does not matter.
type reader struct {
	wrong     map[*Table]bool // those with a fault
	file      string
	faults    fault.List
	marks     []mark
	path      string              // of the value being read, below its section or table
	positions map[string]Position // by path, of the table being read
}

// mark is something that the file says outright, by key or by key and value.
type mark struct {
	path, value string
	pos         Position
}

// field is a key of a mapping, and how its value is read.
type field struct {
	name string
	read func(*fault.Node)
}

// keys is what keys a mapping has.
type keys struct {
	at      map[string]Position
	strange bool // the mapping could not be read, or has unknown keys
}

// lacks says whether a key is missing. Of a mapping with unknown keys it is not
// known: one of them may be the key, misspelt.
func (k keys) lacks(key string) bool {
	_, has := k.at[key]
	return !has && !k.strange
}

// fields reads a mapping of known keys. What it is the mapping of is said as in
// `"version" wants a mapping`.
func (r *reader) fields(n *fault.Node, what string, known []field) keys {
	if n.Kind != fault.Mapping {
		r.faults.Add(n.Pos, "%s wants a mapping of keys to values, has %s", what, n.Describe())
		return keys{strange: true}
	}
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.name
	}
	outer := r.path
	defer func() { r.path = outer }()
	k := keys{at: make(map[string]Position, len(n.Pairs))}
	for _, p := range n.Pairs {
		k.at[p.Key] = p.Pos
		i := slices.Index(names, p.Key)
		if i < 0 {
			k.strange = true
			r.faults.Add(p.Pos, "unknown key %q%s", p.Key, meant(p.Key, what, names))
			continue
		}
		r.path = strings.TrimPrefix(outer+"."+p.Key, ".")
		r.locate(r.path, p.Value.Pos)
		r.marks = append(r.marks, mark{r.path, p.Value.Text, p.Pos})
		known[i].read(p.Value)
	}
	return k
}

// listedKeys is up to how many known keys a fault lists.
const listedKeys = 8

// meant says what may be meant by a key that is unknown where it stands.
func meant(name, what string, known []string) string {
	if s := fault.DidYouMean(name, known); s != "" {
		return s
	}
	if home, ok := homes[name]; ok {
		return " here; it stands " + home
	}
	if len(known) <= listedKeys {
		return "; " + what + " takes " + fault.OneOf(known)
	}
	return ""
}

// homes is where the keys stand that are easily put in a wrong place.
var homes = func() map[string]string {
	m := map[string]string{
		"accounts": "at the top", "defaults": "at the top", "errors": "at the top", "routines": "at the top", "tables": "at the top",
		"column": "under version, status or number", "term": "under version", "digest": "under version", "external": "under version", "bump": "under version",
		"initial": "under status", "otherwise": "under status", "transitions": "under status", "delete": "under status",
		"to": "under a transition", "from": "under a transition or delete", "when": "under a transition or delete", "unless": "under a transition or delete", "set": "under a transition",
		"lease": "under pending", "on_abandon": "under pending", "counter": "under number",
		"key": "under a table", "version": "under a table", "ignore": "under a table", "require": "under a table", "status": "under a table", "pending": "under a table", "number": "under a table",
	}
	for _, f := range settingsFields(nil, nil) {
		m[f.name] = "under defaults or a table"
	}
	return m
}()

// wants adds the fault of a value of the wrong type.
func (r *reader) wants(n *fault.Node, key, what string) {
	r.faults.Add(n.Pos, "%q wants %s, has %s", key, what, n.Describe())
}

// locate notes the position of what stands at path, for Table.PosOf.
func (r *reader) locate(path string, pos Position) {
	if r.positions != nil {
		r.positions[path] = pos
	}
}

func item(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// word reads one of the words of an enumeration, each at the index of its
// value. An empty word cannot be written.
func word[T ~uint8](r *reader, n *fault.Node, key string, words []string, to *T) {
	if n.Kind == fault.String && n.Text != "" {
		if i := slices.Index(words, n.Text); i >= 0 {
			*to = T(i)
			return
		}
	}
	if words[0] == "" {
		words = words[1:]
	}
	near := ""
	if n.Kind == fault.String {
		near = fault.DidYouMean(n.Text, words)
	}
	r.faults.Add(n.Pos, "%q wants %s, has %s%s", key, fault.OneOf(words), n.Describe(), near)
}

func (r *reader) boolean(n *fault.Node, key string, to *bool) {
	if n.Kind != fault.Bool {
		r.wants(n, key, "true or false")
		return
	}
	*to = n.Text == "true"
}

// durationForm is a Go duration without sign and with a digit before the point.
var durationForm = regexp.MustCompile(`^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`)

func (r *reader) duration(n *fault.Node, key string, to *time.Duration) {
	if n.Kind != fault.String || !durationForm.MatchString(n.Text) {
		what := "a duration with a unit, such as 30m or 1h30m"
		if n.Kind == fault.Integer {
			r.faults.Add(n.Pos, "%q wants %s, has %s; write %ss if seconds are meant", key, what, n.Describe(), n.Text)
			return
		}
		r.wants(n, key, what)
		return
	}
	d, err := time.ParseDuration(n.Text)
	switch {
	case err != nil:
		r.faults.Add(n.Pos, "%q is longer than 292 years, the longest there is, with %s", key, n.Describe())
	case d <= 0:
		r.faults.Add(n.Pos, "%q wants a duration greater than 0, has %s", key, n.Describe())
	default:
		*to = d
	}
}

// integer reads an integer from low to high, and gives otherwise where it is none.
func (r *reader) integer(n *fault.Node, key string, low, high, otherwise int) int {
	if n.Kind == fault.Integer {
		if i, err := strconv.Atoi(n.Text); err == nil && i >= low && i <= high {
			return i
		}
	}
	r.faults.Add(n.Pos, "%q wants a whole number from %d to %d, has %s", key, low, high, n.Describe())
	return otherwise
}

func (r *reader) text(n *fault.Node, key, what string) string {
	if n.Kind != fault.String || strings.TrimSpace(n.Text) == "" {
		r.wants(n, key, what)
		return ""
	}
	return n.Text
}

func (r *reader) sql(n *fault.Node, key string) string {
	s := strings.TrimSpace(n.Text)
	if s == "" {
		r.faults.Add(n.Pos, "%q is empty; give it SQL, or remove it", key)
	}
	return s
}

func (r *reader) column(n *fault.Node, key string) string {
	if n.Kind != fault.String {
		r.wants(n, key, "a column name")
		return ""
	}
	r.columnName(n.Text, n.Pos, key)
	return n.Text
}

func (r *reader) columnName(name string, pos Position, key string) {
	if why := wrongName(name); why != "" {
		r.faults.Add(pos, "%q wants column names, has %q: a name %s", key, name, why)
	}
}

// maxName is how many characters a name may have in MySQL:
// https://dev.mysql.com/doc/refman/en/identifier-length.html
const maxName = 64

// wrongName says what rule for names in MySQL this one breaks, or "". See
// https://dev.mysql.com/doc/refman/en/identifiers.html.
func wrongName(name string) string {
	switch {
	case name == "":
		return "cannot be empty"
	case utf8.RuneCountInString(name) > maxName:
		return "has at most 64 characters"
	case strings.TrimSpace(name) != name:
		return "cannot begin or end with a space"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "cannot have control characters"
	}
	return ""
}

// columns reads a list of different column names that has at least one.
func (r *reader) columns(n *fault.Node, path string) []string {
	key := path[strings.LastIndexByte(path, '.')+1:]
	if n.Kind != fault.Sequence {
		what := "a list of column names"
		if n.Kind == fault.String {
			r.faults.Add(n.Pos, "%q wants %s, has %s; write [%s]", key, what, n.Describe(), n.Text)
			return nil
		}
		r.wants(n, key, what)
		return nil
	}
	if len(n.Items) == 0 {
		r.faults.Add(n.Pos, "%q has an empty list; give it a column, or remove it", key)
	}
	seen := make(columnSet)
	var out []string
	for i, it := range n.Items {
		r.locate(item(path, len(out)), it.Pos)
		if it.Kind != fault.String {
			r.faults.Add(it.Pos, "%q wants column names, item %d is %s", key, i+1, it.Describe())
			continue
		}
		r.columnName(it.Text, it.Pos, key)
		seen.add(r, it.Text, it.Pos, key)
		out = append(out, it.Text)
	}
	return out
}

// columnSet is a set of column names, in which case does not count, as it does
// not in MySQL on any platform.
type columnSet map[string]bool

func columnsOf(names []string) columnSet {
	s := make(columnSet, len(names))
	for _, n := range names {
		s[strings.ToLower(n)] = true
	}
	return s
}

func (s columnSet) has(name string) bool { return s[strings.ToLower(name)] }

func (s columnSet) add(r *reader, name string, pos Position, key string) {
	if s.has(name) {
		r.faults.Add(pos, "%q names the column %q twice", key, name)
	}
	s[strings.ToLower(name)] = true
}

func sameColumn(a, b string) bool { return a != "" && strings.EqualFold(a, b) }
