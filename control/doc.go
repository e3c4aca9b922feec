// Package control knows the statements by which a client controls its session:
// transactions and savepoints, SET, PREPARE and EXECUTE, LOCK TABLES, what it says to the
// proxy itself. It tells them from those that only read and write rows, by their tokens,
// and says what they change. It knows nothing of a session: what to make of that is for
// the caller.
package control
