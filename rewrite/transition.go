package rewrite

import (
	"strconv"

	"ifmatch/policy"
	"ifmatch/schema"
)

// This file writes what the status machine adds to a statement: conditions on
// the row as it was, and what a transition sets.

// states appends what require and status ask of the row.
func (w *writer) states() {
	t := w.Table
	for i := range t.require {
		if !t.require[i].always() {
			w.lit(" AND ")
			w.condition(&t.require[i])
		}
	}
	switch w.target.kind {
	case targetGroup:
		if !t.status.open(w.target.group) {
			w.lit(" AND ")
			w.allowed(w.target.group)
		}
	case targetOther, targetNear:
		w.lit(" AND FALSE")
	case targetByRow:
		w.lit(" AND ")
		w.byTarget(w.allowed, func() { w.lit("FALSE") }, w.unnamed)
	}
}

// unnamed writes whether a state may be given that no transition names.
func (w *writer) unnamed() {
	if w.Table.status.unnamed(Value{}).kind == targetPasses {
		w.lit("TRUE")
		return
	}
	w.lit("FALSE")
}

func (w *writer) condition(c *condition) { w.buf = c.append(w.buf, w.name()) }

func (w *writer) filter(f *filter) { w.buf = f.appendLocked(w.buf, w.name(), w.lock) }

// term is one thing that a transition asks.
type term struct {
	kind  byte // of a reason's code: f, q, w, u
	index int
	write func()
}

// terms lists what a transition asks besides `from`.
func (w *writer) terms(i int) []term {
	tr := &w.Table.status.transitions[i]
	var all []term
	for n := range tr.require {
		all = append(all, term{'q', n, func() { w.condition(&tr.require[n]) }})
	}
	for n, f := range tr.when {
		all = append(all, term{'w', n, func() { w.filter(f) }})
	}
	for n, f := range tr.unless {
		all = append(all, term{'u', n, func() {
			w.filter(f)
			w.lit(" IS NOT TRUE")
		}})
	}
	return all
}

// from writes the `from` of a transition.
func (w *writer) from(i int) {
	if c := w.Table.status.transitions[i].from; c != nil {
		w.condition(c)
		return
	}
	w.lit("TRUE")
}

// guardOf writes all that a transition asks, as terms joined by AND.
func (w *writer) guardOf(i int) {
	first := true
	and := func(write func()) {
		if !first {
			w.lit(" AND ")
		}
		first = false
		write()
	}
	if w.Table.status.transitions[i].from != nil {
		and(func() { w.from(i) })
	}
	for _, t := range w.terms(i) {
		and(t.write)
	}
	if first {
		w.lit("TRUE")
	}
}

// allowed writes whether a transition of the group allows the change, so that
// AND can join it to what stands before.
func (w *writer) allowed(group int) {
	by := w.Table.status.groups[group].by
	if len(by) == 1 {
		w.guardOf(by[0])
		return
	}
	w.lit("(")
	for n, i := range by {
		if n > 0 {
			w.lit(" OR ")
		}
		w.guardOf(i)
	}
	w.lit(")")
}

// given writes the state that the statement gives.
func (w *writer) given() {
	w.lit("(")
	if w.stated != nil {
		w.buf = w.stated.appendLiteral(w.buf)
	} else {
		w.tokens(w.change.value)
	}
	w.lit(")")
}

// givenNumber writes it as a number. A BIT takes texts as the bytes of one.
func (w *writer) givenNumber() {
	if w.Table.status.column.Class != schema.Bit {
		w.given()
		return
	}
	w.lit("CAST(COALESCE(CONV(HEX(")
	w.given()
	w.lit("), 16, 10), 0) AS DECIMAL(20))")
}

// givenText writes its text as bytes of UTF-8, or as those that a column of bytes
// takes.
func (w *writer) givenText() {
	if w.Table.status.column.Class == schema.Binary {
		w.lit("CAST(")
		w.given()
		w.lit(" AS BINARY)")
		return
	}
	w.lit("CAST(CAST(")
	w.given()
	w.lit(" AS CHAR CHARACTER SET utf8mb4) AS BINARY)")
}

// givenCharacters writes it as characters that are compared by a collation.
func (w *writer) givenCharacters() {
	w.lit("CONVERT(")
	w.given()
	w.lit(" USING utf8mb4)")
}

// byTarget writes a CASE by the state that the statement gives: named is called
// for each group of states, near for what must not be given, unnamed for all else.
// See [Plan.targetOf] for what is near.
func (w *writer) byTarget(named func(group int), near, unnamed func()) {
	m := w.Table.status
	w.lit("CASE WHEN ")
	w.given()
	w.lit(" IS NULL THEN ")
	switch {
	case m.null >= 0:
		named(m.null)
	case m.voided():
		near()
	default:
		unnamed()
	}
	switch m.column.Class {
	case schema.Year:
		// One or two digits stand for years of two centuries, as texts and as numbers.
		w.lit(" WHEN ")
		w.given()
		w.lit(" NOT BETWEEN 1901 AND 2155 THEN ")
		near()
	case schema.Enum, schema.Set:
		// A text that is no element may be the number of one, or of several.
		w.lit(" WHEN ORD(")
		w.givenText()
		w.lit(") BETWEEN 1 AND 57 THEN ")
		near()
	}
	for g := range m.groups {
		if g == m.deletion || len(m.groups[g].states) == 0 {
			continue
		}
		w.lit(" WHEN ")
		w.isAmong(m.groups[g].states)
		w.lit(" THEN ")
		named(g)
	}
	if w.nearly() {
		w.lit(" THEN ")
		near()
	}
	w.lit(" ELSE ")
	unnamed()
	w.lit(" END")
}

// isAmong writes whether the state that the statement gives is one of these.
func (w *writer) isAmong(states []stateValue) {
	var numbers, texts []stateValue
	for _, s := range states {
		if s.numeric {
			numbers = append(numbers, s)
		} else {
			texts = append(texts, s)
		}
	}
	if len(numbers) > 0 {
		w.givenNumber()
		w.buf = appendList(w.buf, numbers, false)
	}
	if len(numbers) > 0 && len(texts) > 0 {
		w.lit(" OR ")
	}
	if len(texts) > 0 {
		w.givenText()
		w.buf = appendList(w.buf, texts, false)
	}
}

// nearly writes the last WHEN of [writer.byTarget], up to THEN. It is false where
// nothing is near.
func (w *writer) nearly() bool {
	m := w.Table.status
	first := true
	or := func() {
		if first {
			w.lit(" WHEN ")
		} else {
			w.lit(" OR ")
		}
		first = false
	}
	if m.texts > 0 {
		or()
		// What cannot be said in UTF-8 is NULL to MySQL and has a question mark to
		// MariaDB, and may be cut off when it is stored.
		w.givenText()
		w.lit(" IS NULL OR INSTR(")
		w.givenText()
		w.lit(", x'3f') > 0 OR ")
		w.equalUnder("utf8mb4_unicode_ci")
		if c := m.column.collation(); c != "" {
			or()
			w.equalUnder(c)
		}
		if m.marked() {
			// What its character set does not have becomes a question mark.
			or()
			w.lit("LENGTH(")
			w.givenCharacters()
			w.lit(") > CHAR_LENGTH(")
			w.givenCharacters()
			w.lit(")")
		}
		if !m.column.keeps() {
			w.lit(" OR TRUE")
		}
		if d := m.column.def; d != nil && len(d.Members) > 0 {
			or()
			w.givenText()
			w.lit(" <> ")
			w.members(d)
		}
		if d := m.column.def; d != nil && d.Length > 0 && m.column.Class == schema.Binary {
			or()
			w.lit("LENGTH(")
			w.givenText()
			w.lit(") > ")
			w.buf = strconv.AppendInt(w.buf, int64(d.Length), 10)
			if d.DataType == "binary" {
				w.lit(" OR RIGHT(")
				w.givenText()
				w.lit(", 1) = x'00'")
			}
		}
		if d := m.column.def; d != nil && d.Length > 0 && m.column.Class == schema.String {
			or()
			if d.Long() {
				w.lit("LENGTH(")
			} else {
				w.lit("CHAR_LENGTH(")
			}
			w.givenCharacters()
			w.lit(") > ")
			w.buf = strconv.AppendInt(w.buf, int64(d.Length), 10)
		}
	}
	if m.numbers > 0 {
		for _, g := range m.groups {
			for _, s := range g.states {
				if s.numeric {
					// No difference: of unsigned numbers it may be out of range.
					or()
					w.givenNumber()
					w.lit(" > " + s.text + " - 1.0 AND ")
					w.givenNumber()
					w.lit(" < " + s.text + " + 1.0")
				}
			}
		}
		if m.column.numeric() && m.column.Class != schema.Bit {
			// What is stored of a text that begins otherwise, or of JSON, is not
			// what it is compared as.
			or()
			w.lit("ORD(")
			w.givenText()
			w.lit(") NOT IN (0, 32, 43, 45, 46) AND ORD(")
			w.givenText()
			w.lit(") NOT BETWEEN 48 AND 57")
		}
		if low, high := m.column.bounds(); high != "" {
			or()
			w.givenNumber()
			w.lit(" NOT BETWEEN " + low + " AND " + high)
		}
	}
	return !first
}

// equalUnder writes whether the state that the statement gives is equal to one that
// is named, under a collation of utf8mb4.
func (w *writer) equalUnder(collation string) {
	w.givenCharacters()
	w.lit(" COLLATE " + collation + " IN (")
	sep := ""
	for _, g := range w.Table.status.groups {
		for _, s := range g.states {
			if !s.numeric {
				w.lit(sep)
				w.buf = appendCharacters(w.buf, s.text)
				sep = ", "
			}
		}
	}
	w.lit(")")
}

// members writes what an ENUM or SET makes of the text that the statement gives:
// its elements of that name, in their order.
func (w *writer) members(d *schema.Column) {
	w.lit("CONCAT_WS(_binary ','")
	for _, m := range d.Members {
		w.lit(", IF(")
		if w.Table.status.column.Class == schema.Set {
			w.lit("FIND_IN_SET(")
			w.buf = appendBytes(w.buf, m)
			w.lit(", ")
			w.givenText()
			w.lit(")")
		} else {
			w.givenText()
			w.lit(" = ")
			w.buf = appendBytes(w.buf, m)
		}
		w.lit(", ")
		w.buf = appendBytes(w.buf, m)
		w.lit(", NULL)")
	}
	w.lit(")")
}

// settings writes the assignments of the policy, each with a comma behind it.
func (w *writer) settings() {
	m := w.Table.status
	var by []int
	columns := m.sets
	if w.target.kind == targetGroup {
		by = m.groups[w.target.group].by
		columns = m.setColumns(by)
	}
	for i := range columns {
		c := &columns[i]
		w.column(c.Name)
		w.lit(" = ")
		if w.target.kind == targetGroup {
			w.settingOf(c, by)
		} else {
			w.settingByRow(c)
		}
		w.lit(", ")
	}
}

// settingOf writes what a group's transitions set a column to.
func (w *writer) settingOf(c *Column, by []int) {
	m := w.Table.status
	if len(by) == 1 {
		w.buf = m.transitions[by[0]].setting(c.Name).append(w.buf, w.name())
		return
	}
	w.lit("CASE")
	for _, i := range by {
		w.lit(" WHEN ")
		w.guardOf(i)
		w.lit(" THEN ")
		if f := m.transitions[i].setting(c.Name); f != nil {
			w.buf = f.append(w.buf, w.name())
		} else {
			w.unset(c)
		}
	}
	w.lit(" ELSE ")
	w.unset(c)
	w.lit(" END")
}

// settingByRow writes what a column is set to where the target is known by row only.
func (w *writer) settingByRow(c *Column) {
	m := w.Table.status
	w.lit("CASE")
	for g := range m.groups {
		by := m.groups[g].by
		if !m.setsBy(by, c.Name) {
			continue
		}
		if g == m.null {
			w.lit(" WHEN ")
			w.given()
			w.lit(" IS NULL THEN ")
			w.settingOf(c, by)
		}
		if len(m.groups[g].states) > 0 {
			w.lit(" WHEN ")
			w.isAmong(m.groups[g].states)
			w.lit(" THEN ")
			w.settingOf(c, by)
		}
	}
	w.lit(" ELSE ")
	w.unset(c)
	w.lit(" END")
}

// unset writes what a column becomes that the policy does not set after all: the
// client's value, or what it is.
func (w *writer) unset(c *Column) {
	for _, item := range w.change.items {
		if sameName(item.column, c.Name) {
			w.lit("(")
			w.tokens(item.value)
			w.lit(")")
			return
		}
	}
	if c.def != nil && c.def.OnUpdateNow {
		w.lit("CURRENT_TIMESTAMP(" + strconv.Itoa(c.def.Fsp) + ")")
		return
	}
	w.column(c.Name)
}

// givesWay reports whether the client's assignment of a column gives way.
func (w *writer) givesWay(column string) bool {
	m := w.Table.status
	if w.target.kind == targetGroup {
		return m.setsBy(m.groups[w.target.group].by, column)
	}
	for _, c := range m.sets {
		if sameName(c.Name, column) {
			return true
		}
	}
	return false
}

// assignments writes SET anew behind what the policy sets: the client's own
// assignments, those left out that give way, and the version.
func (w *writer) assignments() {
	sep := ""
	for _, item := range w.change.items {
		if w.givesWay(item.column) {
			continue
		}
		w.lit(sep)
		sep = ", "
		from, to := w.toks[item.whole.from].Start, w.toks[item.whole.to-1].End
		if w.versions() && sameName(item.column, w.Table.Version.Column.Name) && w.replaces() {
			from = w.toks[item.value.from].Start
			w.bytes(w.toks[item.whole.from].Start, from)
			w.value()
			continue
		}
		w.bytes(from, to)
		w.count(item.whole)
	}
	if w.versions() && w.assigned.kind == unassigned {
		w.bump()
	}
}

// versions reports whether the statement changes a version of the proxy's.
func (w *writer) versions() bool {
	return w.Verb == Update && w.Table.Version != nil && w.Table.Version.External == policy.ExternalNone
}
