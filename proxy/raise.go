package proxy

import (
	"strings"

	"ifmatch/rewrite"
	"ifmatch/wire"
)

// errOutOfRange is ER_DATA_OUT_OF_RANGE.
const errOutOfRange = 1690

// raised reports whether a write failed because a guard in it has raised its
// error: the server has undone the statement then, and nothing else.
func raised(e *wire.ERR) bool {
	return e.Code == errOutOfRange && strings.Contains(e.Message, rewrite.RaiseConstant)
}
