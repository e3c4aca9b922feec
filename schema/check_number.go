package schema

// maxCounterName is ledger.MaxCounterName.
const maxCounterName = 1024

// checkNumber asks that a counter can number a column. One that is missing has its
// fault already.
func (e *entry) checkNumber(col *Column) {
	if len(e.Number.Counter) > maxCounterName {
		e.fault(e.PosOf("number.counter"), "the name of a counter has at most %d bytes, this one has %d", maxCounterName, len(e.Number.Counter))
	}
	pos := e.PosOf("number.column")
	switch {
	case col == nil:
	case col.Generated:
		e.fault(pos, "column %q of %s is generated, so no counter can number it", col.Name, e.in.Name)
	case col.AutoIncrement:
		e.fault(pos, "column %q of %s is AUTO_INCREMENT, so the server numbers it; take that away, or the counter", col.Name, e.in.Name)
	case col.Class != Integer:
		e.fault(pos, "column %q of %s is of type %s; a counter numbers whole numbers", col.Name, e.in.Name, col.describe())
	}
}
