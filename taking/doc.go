// Package taking keeps who has taken which pending rows, as far as this process knows, and
// what an open transaction has done about that: ROLLBACK takes it back, and where it is not
// proved how a transaction has ended the ledger is asked. The ledger knows of takings too,
// and has the last word.
package taking
