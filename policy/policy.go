// Package policy is the policy language: which tables are guarded, and how.
//
// Parse reads a policy file and finds every fault in it, each with its
// position. What it gives is immutable and can be shared by all sessions.
// Whether the tables and columns exist is for package schema to say.
package policy

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"ifmatch/fault"
)

// Position is a place in a policy file.
type Position = fault.Position

// Fault is one thing that is wrong with a policy.
type Fault = fault.Fault

// Faults is everything that is wrong with a policy, sorted by position.
type Faults = fault.List

// Policy is a policy file that was read and found right. It is immutable.
type Policy struct {
	File     string          // as given to Parse or Load
	Defaults Settings        // `defaults` over DefaultSettings
	Accounts map[string]Mode // by user name; goes over every table's mode
	Routines []Name          // routines that may be called though they write guarded tables
	Tables   []*Table        // in the order of the file
	Errors   Errors

	marks     []mark     // what the file says outright, for Unsupported
	routineAt []Position // of each of Routines
}

// PosOfRoutine gives the position of Routines[i].
func (p *Policy) PosOfRoutine(i int) Position { return p.routineAt[i] }

// Name is the name of a table or routine, exactly as the policy writes it:
// whether case counts depends on the server.
type Name struct{ Schema, Table string }

// String gives "schema.table", with backticks around a part that has a dot or
// a backtick in it.
func (n Name) String() string { return quoteName(n.Schema) + "." + quoteName(n.Table) }

func quoteName(s string) string {
	if !strings.ContainsAny(s, ".`") {
		return s
	}
	return "`" + strings.ReplaceAll(s, "`", "``") + "`"
}

// Errors is what the client sees, by kind of conflict.
type Errors struct{ Version, Status, Unread, Refused, Doomed Code }

// Code is an error as MySQL's protocol sends it: number and SQLSTATE.
type Code struct {
	Code  uint16 // 1 to 65535
	State string // five of 0-9 and A-Z
}

// DefaultErrors is what holds where the policy says nothing: ER_CHECKREAD,
// ER_SIGNAL_EXCEPTION twice, ER_OPTION_PREVENTS_STATEMENT and
// ER_TRANSACTION_ROLLBACK_DURING_COMMIT of MySQL's share/messages_to_clients.txt.
func DefaultErrors() Errors {
	return Errors{
		Version: Code{1020, "40001"},
		Status:  Code{1644, "45000"},
		Unread:  Code{1644, "45000"},
		Refused: Code{1290, "HY000"},
		Doomed:  Code{3101, "40000"},
	}
}

// Table is a guarded table.
type Table struct {
	Name Name
	Pos  Position // of the table's name in the file
	Settings
	Key     []string // nil: the primary key, to be read from the server
	Version *Version // nil: no version
	Ignore  []string // a write to these columns alone is neither checked nor bumped
	Require []Condition
	Status  *Status  // nil: no status column
	Pending *Pending // nil: rows cannot be taken
	Number  *Number  // nil: no column is numbered
	Errors  Errors

	positions map[string]Position
}

// PosOf gives the position of a key's value: "key", "version", "ignore",
// "mode", with ".name" for a key below it ("version.column", "version.term",
// "number.column") and "[i]" for an item of a list ("key[0]", "ignore[1]",
// "version.digest[2]"). Where the file does not have it, it is the position of
// what it would stand in, and in the end of the table's name.
func (t *Table) PosOf(key string) Position {
	for key != "" {
		if pos, ok := t.positions[key]; ok {
			return pos
		}
		key = key[:max(0, strings.LastIndexAny(key, ".["))]
	}
	return t.Pos
}

// NeedsLedger reports whether a table has pending rows or numbers, which outlive
// the proxy in the backend's schema ifmatch.
func (p *Policy) NeedsLedger() bool {
	return slices.ContainsFunc(p.Tables, func(t *Table) bool { return t.Pending != nil || t.Number != nil })
}

// Load reads and parses the policy file at path. The error of a file that
// cannot be read names it and wraps the system's error; every other error is
// Faults.
func Load(path string) (*Policy, error) {
	p, faults, err := LoadRight(path)
	if err == nil {
		err = faults.Err()
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// LoadRight reads the policy file at path as far as it is right: its faults, and a
// policy with the tables that have none, so that these can be held against more than
// the file. The error is that of a file that cannot be read.
func LoadRight(path string) (*Policy, Faults, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read policy: %w", err)
	}
	p, faults := parseRight(path, src)
	return p, faults, nil
}

// Parse reads a policy. The name of the file is used for positions only. An
// error is Faults, and has every fault that was found.
func Parse(file string, src []byte) (*Policy, error) {
	p, faults := parseRight(file, src)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return p, nil
}

// parseRight gives what is right of a policy, and all that is not.
func parseRight(file string, src []byte) (*Policy, Faults) {
	r := &reader{file: file}
	root, faults := fault.ReadYAML(file, src)
	r.faults = slices.Clone(faults)
	p := r.policy(root)
	all := withoutEchoes(r.faults, len(faults))
	if len(all) > 0 {
		p.keepRight(r.wrong, faults)
	}
	return p, all
}

// keepRight drops the tables that are wrong, and those with a fault of the YAML
// between them and the next; the routines too, of which it is not known.
func (p *Policy) keepRight(wrong map[*Table]bool, faults Faults) {
	var right []*Table
	for i, t := range p.Tables {
		hit := func(f Fault) bool {
			return !f.Pos.Before(t.Pos) && (i+1 == len(p.Tables) || f.Pos.Before(p.Tables[i+1].Pos))
		}
		if !wrong[t] && !slices.ContainsFunc(faults, hit) {
			right = append(right, t)
		}
	}
	p.Tables, p.Routines, p.routineAt = right, nil, nil
}

// withoutEchoes drops from the faults those after the first n that stand where
// one of the first n stands: what could not be read as YAML is then also wrong
// as a policy, but the user has made one mistake.
func withoutEchoes(faults Faults, n int) Faults {
	first := make(map[Position]bool, n)
	for _, f := range faults[:n] {
		first[f.Pos] = true
	}
	echoes := slices.DeleteFunc(faults[n:], func(f Fault) bool { return first[f.Pos] })
	return faults[:n+len(echoes)]
}

// Observing gives the positions at which the policy says mode: observe.
func (p *Policy) Observing() []Position {
	var all []Position
	for _, m := range p.marks {
		if m.path == "mode" && m.value == observing {
			all = append(all, m.pos)
		}
	}
	return all
}

// observing is the word for ModeObserve.
var observing = ModeObserve.String()
