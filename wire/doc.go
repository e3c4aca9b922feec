// Package wire reads and writes MySQL's client/server protocol for a relaying
// proxy, in the dialects of MySQL and MariaDB.
//
// A [Conn] frames packets over a network connection. It reads one packet at a
// time and can hand it on to another Conn without decoding it, whatever its
// size, in bounded memory. An idle Conn holds no buffer, so that ten thousand
// idle sessions cost little.
//
// Beside it stands one type for each message. Parsing is bounds-checked and
// never panics; what cannot be read is a [*MalformedError]. Parsed messages
// mostly point into the bytes they were parsed from, and are valid as long as
// those are.
//
// The package knows nothing of policies, SQL or sessions.
//
// Sources: the "Client/Server Protocol" pages of the MySQL source documentation
// (dev.mysql.com/doc/dev/mysql-server), MariaDB's "Clients & Servers / Protocol"
// pages, and the servers' sql/protocol_classic.cc, sql/protocol.cc,
// sql/auth/sql_authentication.cc and sql/sql_prepare.cc.
package wire
