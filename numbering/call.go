package numbering

import (
	"bytes"
	"strings"

	"ifmatch/ledger"
	"ifmatch/sqltext"
)

// Call is CALL of one of the routines.
type Call struct {
	Routine *Routine

	args []sqltext.Span // tokens of the arguments
}

// Mentioned reports whether a text that is not read yet may call a numbering
// routine: their names end alike.
func Mentioned(sql []byte) bool {
	lower := bytes.ToLower(sql)
	return bytes.Contains(lower, []byte("call")) && bytes.Contains(lower, []byte("ids"))
}

// Parse reads a statement that begins with CALL, in a session whose database is db. ok is
// false where it is no call of these routines, of which the server is to say what it
// thinks: a wrong number of arguments too.
func Parse(t *sqltext.Text, stmt sqltext.Span, db string) (call Call, ok bool) {
	i := int(stmt.Start) + 1 // behind CALL
	name, ok := t.Name(i)
	if !ok || i >= int(stmt.End) {
		return call, false
	}
	if i++; t.IsOp(i, ".") {
		if db = name; i+1 >= int(stmt.End) {
			return call, false
		}
		if name, ok = t.Name(i + 1); !ok {
			return call, false
		}
		i += 2
	}
	if !strings.EqualFold(db, ledger.Schema) {
		return call, false
	}
	if call.Routine, ok = routines[strings.ToLower(name)]; !ok || !t.IsOp(i, "(") || !t.IsOp(int(stmt.End)-1, ")") {
		return call, false
	}
	depth, from := 0, i+1
	for i++; i < int(stmt.End); i++ {
		switch {
		case t.IsOp(i, "("), t.IsOp(i, "{"):
			depth++
		case depth > 0 && (t.IsOp(i, ")") || t.IsOp(i, "}")):
			depth--
		case depth == 0 && t.IsOp(i, ","), depth == 0 && t.IsOp(i, ")"):
			if i == from {
				return call, false
			}
			call.args = append(call.args, sqltext.Span{Start: int32(from), End: int32(i)})
			if t.IsOp(i, ")") && i != int(stmt.End)-1 {
				return call, false
			}
			from = i + 1
		}
	}
	return call, depth == 0 && from == int(stmt.End) && len(call.args) == call.Routine.params
}
