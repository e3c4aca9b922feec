package taking

import (
	"slices"
	"strings"
)

// A Deed is something that an open transaction has done to a taking.
type Deed struct {
	*Row
	By   *Holder
	Gave bool // the row was given back; else it was taken
}

// Deeds are what the open transaction of a session has done, in order. The zero value
// has none.
type Deeds struct {
	all   []Deed
	marks []mark
	doubt bool
}

// mark is a savepoint: how many deeds were done before it.
type mark struct {
	name  string
	deeds int
}

// Add notes what was done.
func (d *Deeds) Add(deeds ...Deed) { d.all = append(d.all, deeds...) }

// All gives what was done so far. It is not to be changed.
func (d *Deeds) All() []Deed { return d.all }

// Gave reports whether the row was given back.
func (d *Deeds) Gave(key Key) bool {
	return slices.ContainsFunc(d.all, func(d Deed) bool { return d.Gave && d.Key == key })
}

// Doubt says that a statement whose effect is not seen may have gone back in the
// transaction: what has become of what was done until now is to be asked.
func (d *Deeds) Doubt() { d.doubt = d.doubt || len(d.all) > 0 }

// Save notes a savepoint; one of the same name gives way.
func (d *Deeds) Save(name string) {
	if i := d.mark(name); i >= 0 {
		d.marks = slices.Delete(d.marks, i, i+1)
	}
	d.marks = append(d.marks, mark{name, len(d.all)})
}

// Release forgets a savepoint, and those after it.
func (d *Deeds) Release(name string) {
	if i := d.mark(name); i >= 0 {
		d.marks = d.marks[:i]
	}
}

func (d *Deeds) mark(name string) int {
	return slices.IndexFunc(d.marks, func(m mark) bool { return strings.EqualFold(m.name, name) })
}

// BackTo gives what was done since a savepoint, which the server has undone, and forgets
// it. Where the savepoint is not known all is in doubt.
func (d *Deeds) BackTo(name string) (undone []Deed) {
	i := d.mark(name)
	if i < 0 {
		d.Doubt()
		return nil
	}
	n := d.marks[i].deeds
	d.marks = d.marks[:i+1]
	undone = slices.Clone(d.all[n:])
	d.all = d.all[:n]
	return undone
}

// End gives what was done in the transaction, which is over, and whether it shares its
// fate.
func (d *Deeds) End() (deeds []Deed, sure bool) {
	deeds, sure = d.all, !d.doubt
	*d = Deeds{}
	return deeds, sure
}
