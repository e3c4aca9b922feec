// Package numbering knows the routines of schema ifmatch by which clients get numbers:
// it finds CALL of one by its tokens, and says what the call asks of which counter, and
// what it answers with. Who may call, and the counters themselves, are for others.
package numbering
