package control

import (
	"strings"

	"ifmatch/sqltext"
)

// The user variables by which a client speaks to the proxy.
const (
	HintVariable    = "ifmatch"         // the expectation of the next guarded write
	ContextVariable = "ifmatch_context" // whose requests follow
)

// OwnVariable gives the user variable of the proxy's that token i is, in any way
// of writing it, or "".
func OwnVariable(t *sqltext.Text, i int) string {
	if t.Tokens[i].Kind != sqltext.UserVar {
		return ""
	}
	b := t.Bytes(i)[1:]
	if len(b) >= 2 && (b[0] == '`' || b[0] == '\'' || b[0] == '"') {
		b = b[1 : len(b)-1]
	}
	for _, name := range [...]string{HintVariable, ContextVariable} {
		if len(b) == len(name) && strings.EqualFold(string(b), name) {
			return name
		}
	}
	return ""
}
