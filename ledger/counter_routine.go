package ledger

import "strings"

// DirectCall is the error of a numbering routine that the server itself carries
// out. It says that the caller has the right to call it, and nothing else: there
// the numbers would be part of the caller's transaction.
const DirectCall = "ifmatch: numbers are given by the proxy; this call was made at the server, or within a routine"

// IsDirectCall reports whether an error's text is DirectCall, of this version or of
// another one, which has made the routine.
func IsDirectCall(text string) bool {
	always, _, _ := strings.Cut(DirectCall, ";")
	return strings.HasPrefix(text, always)
}

// errRoutineExists is ER_SP_ALREADY_EXISTS: another proxy has made it meanwhile.
const errRoutineExists = 1304

// routine makes the procedure that stands for a call. The proxy answers the call
// itself once the server has said, of this procedure, that the caller may execute it.
func routine(name, parameter string) Statement {
	parameters := "IN counter VARCHAR(1024)"
	if parameter != "" {
		parameters += ", IN " + parameter
	}
	return Statement{name, "the right to call " + name, "CREATE PROCEDURE `ifmatch`.`" + name + "` (" + parameters + ")\n" +
		"  SQL SECURITY INVOKER\n" +
		"  SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '" + DirectCall + "'"}
}
