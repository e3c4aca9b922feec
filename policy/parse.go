package policy

import (
	"regexp"
	"strconv"

	"ifmatch/fault"
)

// policy reads the top of the file.
func (r *reader) policy(root *fault.Node) *Policy {
	p := &Policy{File: r.file, Defaults: DefaultSettings(), Errors: DefaultErrors()}
	if root == nil {
		return p
	}
	// Tables are read last: they stand on the defaults and errors, wherever in
	// the file these are.
	var tables *fault.Node
	section := func(read func(*fault.Node)) func(*fault.Node) {
		return func(n *fault.Node) {
			// A heading may have nothing but comments under it.
			if n.Kind != fault.Empty && n.Kind != fault.Null {
				read(n)
			}
		}
	}
	r.fields(root, "a policy", []field{
		{"defaults", section(func(n *fault.Node) {
			r.path = "" // as under a table
			r.fields(n, `"defaults"`, settingsFields(r, &p.Defaults))
		})},
		{"errors", section(func(n *fault.Node) { r.errors(n, &p.Errors) })},
		{"accounts", section(func(n *fault.Node) { p.Accounts = r.accounts(n) })},
		{"routines", section(func(n *fault.Node) { p.Routines, p.routineAt = r.routines(n) })},
		{"tables", section(func(n *fault.Node) { tables = n })},
	})
	if tables != nil {
		p.Tables = r.tables(tables, p.Defaults, p.Errors)
	}
	p.marks = r.marks
	return p
}

func (r *reader) tables(n *fault.Node, base Settings, errors Errors) []*Table {
	if n.Kind != fault.Mapping {
		r.wants(n, "tables", "a mapping of database.table to keys")
		return nil
	}
	first := make(map[Name]Position, len(n.Pairs))
	var out []*Table
	for _, pair := range n.Pairs {
		before := len(r.faults)
		t := r.table(pair, base, errors)
		if pos, again := first[t.Name]; again && t.Name != (Name{}) {
			r.faults.Add(t.Pos, "duplicate table %s, first given at line %d", t.Name, pos.Line)
		}
		first[t.Name] = t.Pos
		out = append(out, t)
		if len(r.faults) > before {
			if r.wrong == nil {
				r.wrong = make(map[*Table]bool)
			}
			r.wrong[t] = true
		}
	}
	return out
}

func (r *reader) accounts(n *fault.Node) map[string]Mode {
	if n.Kind != fault.Mapping {
		r.wants(n, "accounts", "a mapping of user names to modes, such as {backup: off}")
		return nil
	}
	out := make(map[string]Mode, len(n.Pairs))
	for _, p := range n.Pairs {
		if p.Key == "" {
			r.faults.Add(p.Pos, "\"accounts\" has an empty user name")
		}
		mode := out[p.Key]
		word(r, p.Value, p.Key, modes, &mode)
		out[p.Key] = mode
		r.marks = append(r.marks, mark{"mode", p.Value.Text, p.Pos})
	}
	return out
}

func (r *reader) routines(n *fault.Node) (out []Name, at []Position) {
	r.fields(n, `"routines"`, []field{{"allow", func(n *fault.Node) {
		if n.Kind != fault.Sequence {
			r.wants(n, "allow", "a list of routines, such as [shop.close_day]")
			return
		}
		seen := make(map[Name]bool)
		for _, item := range n.Items {
			if item.Kind != fault.String {
				r.wants(item, "allow", "names of routines")
				continue
			}
			name := r.name(item.Text, item.Pos, "routine")
			if seen[name] && name != (Name{}) {
				r.faults.Add(item.Pos, "\"allow\" names %s twice", name)
			}
			seen[name] = true
			out, at = append(out, name), append(at, item.Pos)
		}
	}}})
	return out, at
}

var stateForm = regexp.MustCompile(`^[0-9A-Z]{5}$`)

func (r *reader) errors(n *fault.Node, e *Errors) {
	code := func(key string, c *Code) field {
		return field{key, func(n *fault.Node) {
			r.fields(n, strconv.Quote(key), []field{
				{"code", func(n *fault.Node) { c.Code = uint16(r.integer(n, "code", 1, 65535, int(c.Code))) }},
				{"state", func(n *fault.Node) { r.state(n, c) }},
			})
		}}
	}
	r.fields(n, `"errors"`, []field{
		code("version", &e.Version),
		code("status", &e.Status),
		code("unread", &e.Unread),
		code("refused", &e.Refused),
		code("doomed", &e.Doomed),
	})
}

func (r *reader) state(n *fault.Node, c *Code) {
	switch {
	case n.Kind == fault.Integer:
		r.faults.Add(n.Pos, "\"state\" wants an SQLSTATE in quotes, such as \"45000\", has %s", n.Describe())
	case n.Kind != fault.String || !stateForm.MatchString(n.Text):
		r.wants(n, "state", "an SQLSTATE: five of 0-9 and A-Z in quotes, such as \"45000\"")
	case n.Text[:2] == "00":
		r.faults.Add(n.Pos, "\"state\" wants an SQLSTATE of an error, has %s: class 00 means success", n.Describe())
	default:
		c.State = n.Text
	}
}
