package policy

import (
	"strings"

	"ifmatch/fault"
)

// table reads one entry of `tables`. Keys that are not given are as in base.
func (r *reader) table(p fault.Pair, base Settings, errors Errors) *Table {
	t := &Table{Name: r.name(p.Key, p.Pos, "table"), Pos: p.Pos, Settings: base, Errors: errors}
	r.path, r.positions = "", make(map[string]Position)
	t.positions = r.positions
	n := p.Value
	given := r.fields(n, "table "+p.Key, append([]field{
		{"key", func(n *fault.Node) { t.Key = r.columns(n, "key") }},
		{"version", func(n *fault.Node) { t.Version = r.version(n) }},
		{"ignore", func(n *fault.Node) { t.Ignore = r.columns(n, "ignore") }},
		{"require", func(n *fault.Node) { t.Require = r.conditions(n, "require") }},
		{"status", func(n *fault.Node) { t.Status = r.status(n) }},
		{"pending", func(n *fault.Node) { t.Pending = r.pending(n) }},
		{"number", func(n *fault.Node) { t.Number = r.number(n) }},
	}, settingsFields(r, &t.Settings)...))
	r.checkGuards(t, p.Key, given)
	r.checkColumns(t)
	r.checkAssignments(t)
	if pos, ok := given.at["pending"]; ok {
		if given.lacks("version") {
			r.faults.Add(pos, "\"pending\" wants \"version\" beside it: only by its version can an abandoned row be told from one that was changed since")
		}
		if given.lacks("status") {
			r.faults.Add(pos, "\"pending\" wants \"status\" beside it: rows are taken by a value of the status column")
		}
	}
	return t
}

// checkGuards refuses an entry that guards nothing, which nobody writes who
// does not think that the table is protected by it.
func (r *reader) checkGuards(t *Table, name string, given keys) {
	for _, key := range []string{"version", "require", "status", "pending", "number"} {
		if !given.lacks(key) {
			return
		}
	}
	if _, own := given.at["mode"]; own && t.Mode == ModeOff {
		return
	}
	r.faults.Add(t.Pos, "%s has nothing to guard it by; give it \"version\", \"require\" or \"status\", or mode: off", name)
}

// checkColumns looks for a column in two places that exclude each other.
func (r *reader) checkColumns(t *Table) {
	key := columnsOf(t.Key)
	for i, c := range t.Ignore {
		pos := t.PosOf(item("ignore", i))
		switch {
		case key.has(c):
			r.faults.Add(pos, "column %q is part of \"key\", and a change of the key is never ignored; remove it from \"ignore\"", c)
		case t.Status != nil && sameColumn(c, t.Status.Column):
			r.faults.Add(pos, "column %q is the status column, and a change of the status is never ignored; remove it from \"ignore\"", c)
		}
	}
	if t.Version == nil {
		return
	}
	ignored := columnsOf(t.Ignore)
	for i, c := range t.Version.Digest.Columns {
		if ignored.has(c) {
			r.faults.Add(t.PosOf(item("version.digest", i)), "column %q is also under \"ignore\", but a write to it changes the digest; remove it from one of the two", c)
		}
	}
	for _, v := range []struct{ key, column string }{{"column", t.Version.Column}, {"term", t.Version.Term}} {
		if v.column == "" {
			continue
		}
		pos := t.PosOf("version." + v.key)
		if key.has(v.column) {
			r.faults.Add(pos, "version column %q is also part of \"key\"; a version changes with every write, a key must not", v.column)
		}
		if ignored.has(v.column) {
			r.faults.Add(pos, "version column %q is also under \"ignore\"; remove it there", v.column)
		}
		if t.Status != nil && sameColumn(t.Status.Column, v.column) {
			r.faults.Add(pos, "version column %q is also the status column; they want two different columns", v.column)
		}
	}
}

// checkAssignments refuses a `set` of what is set by others.
func (r *reader) checkAssignments(t *Table) {
	if t.Status == nil {
		return
	}
	for _, transition := range t.Status.Transitions {
		for _, a := range transition.Set {
			switch {
			case sameColumn(a.Column, t.Status.Column):
				r.faults.Add(a.Pos, "\"set\" names the status column %q, which the statement itself sets; remove it", a.Column)
			case t.Version != nil && sameColumn(a.Column, t.Version.Column):
				r.faults.Add(a.Pos, "\"set\" names the version column %q, which is bumped with every write; remove it", a.Column)
			}
		}
	}
}

// name reads "database.table", or "database.routine"; a part that has a dot or
// a backtick in it stands in backticks. A name with a fault is empty.
func (r *reader) name(s string, pos Position, what string) Name {
	parts, ok := splitName(s)
	switch {
	case !ok:
		r.faults.Add(pos, "name %q has a backtick out of place; they stand around a part that has a dot in it, as in `a.b`.c", s)
	case len(parts) == 1:
		r.faults.Add(pos, "%q names no database; write it as database.%s", s, what)
	case len(parts) > 2:
		r.faults.Add(pos, "name %q has more than two parts; write it as database.%s, with backticks around a part that has a dot in it", s, what)
	default:
		for _, part := range parts {
			if why := wrongName(part); why != "" {
				r.faults.Add(pos, "%s %q: a name %s", what, s, why)
				return Name{}
			}
		}
		return Name{Schema: parts[0], Table: parts[1]}
	}
	return Name{}
}

// splitName cuts a name at the dots outside of backticks, and takes these off.
func splitName(s string) (parts []string, ok bool) {
	for {
		part, rest, more := strings.Cut(s, ".")
		if strings.HasPrefix(s, "`") {
			if part, rest, ok = cutQuoted(s); !ok {
				return nil, false
			}
			if more = rest != ""; more {
				if rest, ok = strings.CutPrefix(rest, "."); !ok {
					return nil, false
				}
			}
		} else if strings.Contains(part, "`") {
			return nil, false
		}
		parts = append(parts, part)
		if !more {
			return parts, true
		}
		s = rest
	}
}

// cutQuoted takes a name in backticks, two of which stand for one, off s.
func cutQuoted(s string) (name, rest string, ok bool) {
	var b strings.Builder
	for s = s[1:]; ; {
		end := strings.IndexByte(s, '`')
		if end < 0 {
			return "", "", false
		}
		b.WriteString(s[:end])
		s = s[end+1:]
		if !strings.HasPrefix(s, "`") {
			return b.String(), s, true
		}
		b.WriteByte('`')
		s = s[1:]
	}
}
