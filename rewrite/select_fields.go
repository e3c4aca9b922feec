package rewrite

import "ifmatch/policy"

// capture finds where the keys and tokens of the tables in FROM are to be seen,
// and adds what is not to the select list. It is nil where of no table all is.
func (s *selection) capture() *Capture {
	c := &Capture{list: s.columns, fold: s.rules.foldCase}
	var clear bool
	c.ordinals, clear = s.ordinals()
	s.closed = !clear || s.namesHidden()
	for i := range s.refs {
		r := &s.refs[i]
		if r.table == nil {
			continue
		}
		if o, ok := s.origin(c, r); ok {
			o.first = c.fields
			c.fields += len(o.Fields)
			c.Origins = append(c.Origins, o)
		}
	}
	if len(c.Origins) == 0 {
		return nil
	}
	if c.Hidden == 0 {
		c.ordinals = nil
	}
	c.width = s.width()
	return c
}

// origin finds or adds the fields of one table. Nothing is added to c unless ok.
func (s *selection) origin(c *Capture, r *tableRef) (o Origin, ok bool) {
	t := r.table
	if t.watched != nil {
		return s.observedOrigin(c, r)
	}
	other, unclear := s.shares(r)
	if unclear {
		return o, false
	}
	o = Origin{Table: t, Alias: r.source.name, alias: []byte(r.source.name), schema: []byte(t.Name.Schema), table: []byte(t.Name.Name)}
	columns := make([]*Column, 0, len(t.Key)+2)
	for i := range t.Key {
		columns = append(columns, &t.Key[i])
	}
	columns = append(columns, &t.Version.Column)
	if t.Version.Term != nil {
		columns = append(columns, t.Version.Term)
	}
	var hidden []int // fields
	for _, column := range columns {
		f, shown := s.shown(r, column, other)
		if !shown {
			hidden = append(hidden, len(o.Fields))
		}
		o.Fields = append(o.Fields, f)
	}
	if len(hidden) == 0 {
		return o, true
	}
	if t.Settings.Capture != policy.CaptureHidden || s.distinct || s.closed || other && r.name.to-r.name.from == 1 {
		return o, false
	}
	for _, i := range hidden {
		if !s.canHide(o.Fields[i].Column) {
			return o, false
		}
	}
	qualifier := s.qualifier(r)
	for _, i := range hidden {
		o.Fields[i].Hidden = c.hide(qualifier, o.Fields[i].Column)
	}
	return o, true
}

// canHide reports whether a column can be added to the select list.
func (s *selection) canHide(c *Column) bool {
	names := []string{c.Name}
	for _, d := range c.digest {
		names = append(names, d.Name)
	}
	for _, name := range names {
		if !s.env.UTF8 && !ascii(name) {
			return false
		}
	}
	// ORDER BY looks in the select list first. Of a column that NATURAL or USING
	// makes of two it would find the one that is added.
	for i := s.order.from; s.merged && i < s.order.to; i++ {
		if name, ok := s.Name(i); ok && sameName(name, c.Name) {
			return false
		}
	}
	return true
}

// shown finds the item of the select list that shows a column. other is set where
// a table of another schema has the same name.
func (s *selection) shown(r *tableRef, c *Column, other bool) (Field, bool) {
	f := Field{Column: c, Hidden: -1, name: []byte(c.Name)}
	if !c.visible(r.table.Settings.Capture == policy.CaptureVisible) {
		return f, false
	}
	for i := range s.items {
		if !s.shows(&s.items[i], r, c, other) {
			continue
		}
		if where, clear := s.place(i); clear {
			f.Left, f.Right, f.place = i, len(s.items)-1-i, where
			return f, true
		}
	}
	return f, false
}

// shows reports whether an item shows a column of a table.
func (s *selection) shows(it *item, r *tableRef, c *Column, other bool) bool {
	if it.kind == itemExpression || it.kind == itemColumn && !sameName(it.ref.column, c.Name) {
		return false
	}
	switch {
	case it.ref.schema != "":
		if !s.sameTable(it.ref.schema, r.source.table.Schema) || !s.sameTable(it.ref.table, r.source.name) {
			return false
		}
	case it.ref.table != "":
		if other || !s.sameTable(it.ref.table, r.source.name) {
			return false
		}
	case s.merged:
		// One of two columns that are equal, or of which one is NULL.
		return false
	}
	if it.kind == itemColumn {
		// Without a table's name it can be no other's: the server would not
		// know which.
		return true
	}
	if r.table.columns == nil {
		return true
	}
	def := r.table.columns.Column(c.Name)
	return def != nil && !def.Invisible
}

// place says what is known of where the columns of item i stand in an answer. It
// is not clear where an expression may stand there too, or a column by another
// name: of some of them a server says that they are the column of that name.
func (s *selection) place(i int) (where place, clear bool) {
	first, last := len(s.items), -1
	for k := range s.items {
		if s.items[k].kind == itemWildcard {
			first, last = min(first, k), k
		}
	}
	switch {
	case i < first:
		return fromLeft, true
	case i > last:
		return fromRight, true
	}
	for k := first; k < last; k++ {
		if it := &s.items[k]; it.kind == itemExpression || it.renamed {
			return between, false
		}
	}
	return between, true
}
