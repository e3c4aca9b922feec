package migrate

import "ifmatch/sqltext"

// Cost is how the server carries out an ALTER TABLE, the cheapest first.
type Cost uint8

// The costs. The server's word for each is in the statement, so that it fails
// where it cannot keep to it.
const (
	Instant Cost = iota // ALGORITHM=INSTANT
	Online              // ALGORITHM=INPLACE, LOCK=NONE
	Shared              // ALGORITHM=INPLACE, LOCK=SHARED
	Copy                // ALGORITHM=COPY, LOCK=SHARED
)

var clauses = [...]string{
	", ALGORITHM=INSTANT",
	", ALGORITHM=INPLACE, LOCK=NONE",
	", ALGORITHM=INPLACE, LOCK=SHARED",
	", ALGORITHM=COPY, LOCK=SHARED",
}

func (c Cost) clause() string { return clauses[c] }

var costs = [...]string{
	"instant: the table's definition changes, no row is touched",
	"in place: the table is rebuilt, reads and writes go on",
	"in place: the table is rebuilt, writes wait, reads go on",
	"copy: the table is copied row by row, writes wait, reads go on",
}

// String says in plain words what the cost is.
func (c Cost) String() string { return costs[c] }

// addCost foretells what adding a column costs. It goes by what the servers
// refuse: MariaDB in instant_alter_column_possible and
// ha_innobase::check_if_supported_inplace_alter (handler0alter.cc), MySQL in
// the page "Online DDL Operations" and the function of the same name.
//
// Where it is wrong, nothing goes wrong: the statement names its algorithm, and
// the server refuses it.
func addCost(flavor sqltext.Flavor, s Storage) Cost {
	switch {
	case s.Fulltext && flavor == sqltext.MySQL:
		return Copy
	case s.Fulltext, s.IndexedVirtual && flavor == sqltext.MariaDB, s.Compressed && s.Spatial:
		return Shared
	case s.Compressed:
		return Online
	}
	return Instant
}
