package main

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"ifmatch/wire"
)

const (
	// tableRows is the number of rows of each table.
	tableRows = 100_000
	// mostConnections is what the server takes, less what the lab itself uses.
	mostConnections = 900
	// rangeRows is the number of rows of sysbench's range SELECTs.
	rangeRows = 100
)

// A work is what a connection does over and over: one statement, or a
// transaction of several.
type work struct {
	name       string
	prepared   bool
	statements []statement
	most       int  // connections at which it is still measured; 0 for any number
	connects   bool // each time over a connection of its own, which it opens and ends
}

// A statement has its parameters as ?.
type statement struct {
	// sql is what the client sends. guarded is what it sends to ifmatch, where
	// that differs: the statement as an app wrote it, of which sql is what
	// ifmatch makes.
	sql, guarded string
	params       []param
	answer       int  // the number of rows, or one of the constants
	text         bool // sent as text in any case: MySQL does not prepare it
}

// Answers that are no rows.
const (
	oneRow = -1 // one row affected
	fine   = -2 // OK
)

// param is what a work gives for a parameter.
type param byte

const (
	someID     param = iota // key of one of the connection's own rows
	rangeID                 // one from which rangeRows rows are the connection's own
	rangeEnd                // the last of these
	sameID                  // that of the statement before
	someNumber              // a number that differs from one statement to the next
	someText                // sysbench's value for column c
	somePad                 // and for column pad
	itsVersion              // version that the row of someID has
)

// bump is what ifmatch adds to a write.
const bump = ", `guarded`.`version` = `guarded`.`version` + 1"

// The statements of sysbench's OLTP scripts, on a table that is guarded and on
// one that is not.
var (
	plainPoint     = statement{sql: "SELECT c FROM plain WHERE id=?", params: []param{someID}, answer: 1}
	point          = statement{sql: "SELECT c FROM guarded WHERE id=?", params: []param{someID}, answer: 1}
	simpleRange    = statement{sql: "SELECT c FROM guarded WHERE id BETWEEN ? AND ?", params: []param{rangeID, rangeEnd}, answer: rangeRows}
	sumRange       = statement{sql: "SELECT SUM(k) FROM guarded WHERE id BETWEEN ? AND ?", params: []param{rangeID, rangeEnd}, answer: 1}
	orderRange     = statement{sql: "SELECT c FROM guarded WHERE id BETWEEN ? AND ? ORDER BY c", params: []param{rangeID, rangeEnd}, answer: rangeRows}
	distinctRange  = statement{sql: "SELECT DISTINCT c FROM guarded WHERE id BETWEEN ? AND ? ORDER BY c", params: []param{rangeID, rangeEnd}, answer: rangeRows}
	indexUpdate    = statement{sql: "UPDATE guarded SET k=k+1" + bump + " WHERE id=?", guarded: "UPDATE guarded SET k=k+1 WHERE id=?", params: []param{someID}, answer: oneRow}
	nonIndexUpdate = statement{sql: "UPDATE guarded SET c=?" + bump + " WHERE id=?", guarded: "UPDATE guarded SET c=? WHERE id=?", params: []param{someText, someID}, answer: oneRow}
	deletion       = statement{sql: "DELETE FROM guarded WHERE id=?", params: []param{someID}, answer: oneRow}
	insertion      = statement{sql: "INSERT INTO guarded (id, k, c, pad) VALUES (?, ?, ?, ?)", params: []param{sameID, someNumber, someText, somePad}, answer: oneRow}
	// versionUpdate is no statement of sysbench's: the writer names the version.
	versionUpdate = statement{sql: "UPDATE guarded SET k=?" + bump + " WHERE id=? AND version=?", guarded: "UPDATE guarded SET k=? WHERE id=? AND version=?",
		params: []param{someNumber, someID, itsVersion}, answer: oneRow}
)

// readWrite is a transaction of oltp_read_write.
var readWrite = []statement{{sql: "BEGIN", answer: fine, text: true}, point, point, point, point, point, point, point, point, point, point,
	simpleRange, sumRange, orderRange, distinctRange, indexUpdate, nonIndexUpdate, deletion, insertion, {sql: "COMMIT", answer: fine}}

// The names of works without the protocol.
const (
	workPoint      = "point_select"
	workGuarded    = "point_select guarded"
	workNonIndex   = "update_non_index guarded"
	workIndex      = "update_index guarded"
	workVersion    = "update_version guarded"
	workReadWrite  = "read_write guarded"
	workRows       = "100000 rows"
	workRowsGuard  = "100000 rows guarded"
	workConnecting = "connect, query, quit"
)

// works are what is measured.
var works = append(bothProtocols(
	work{name: workPoint, statements: []statement{plainPoint}},
	work{name: workGuarded, statements: []statement{point}},
	work{name: workNonIndex, statements: []statement{nonIndexUpdate}},
	work{name: workIndex, statements: []statement{indexUpdate}},
	work{name: workVersion, statements: []statement{versionUpdate}},
	work{name: workReadWrite, statements: readWrite},
),
	work{name: workRows, statements: []statement{{sql: "SELECT id, k, c FROM plain", answer: tableRows}}, most: 1},
	work{name: workRowsGuard, statements: []statement{{sql: "SELECT k, c FROM guarded", answer: tableRows}}, most: 1},
	work{name: workConnecting, statements: []statement{plainPoint}, most: 16, connects: true},
)

// connections gives those numbers of connections at which the work is measured:
// its own greatest, if all are too many.
func (w *work) connections(wanted []int) (fit []int) {
	for _, n := range wanted {
		if w.most == 0 || n <= w.most {
			fit = append(fit, n)
		}
	}
	if len(fit) == 0 {
		fit = []int{w.most}
	}
	return fit
}

func bothProtocols(works ...work) []work {
	var both []work
	for _, w := range works {
		text, prepared := w, w
		text.name += " text"
		prepared.name += " prepared"
		prepared.prepared = true
		both = append(both, text, prepared)
	}
	return both
}

// policy guards one of the two tables, and sysbench's own.
const policy = "tables:\n  bench.guarded: {version: version}\n  bench." + sysbenchTable + ": {version: version}\n"

// setUp makes the two tables, of which each is a sysbench table with a version.
var setUp = []string{
	"CREATE DATABASE IF NOT EXISTS bench",
	"DROP TABLE IF EXISTS bench.plain, bench.guarded, bench." + sysbenchTable,
	"CREATE TABLE bench." + sysbenchTable + " (id INT NOT NULL PRIMARY KEY, version BIGINT UNSIGNED NOT NULL DEFAULT 1) ENGINE=InnoDB", // so that the policy holds
	`CREATE TABLE bench.plain (id INT NOT NULL PRIMARY KEY, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL DEFAULT '',
		pad CHAR(60) NOT NULL DEFAULT '', version BIGINT UNSIGNED NOT NULL DEFAULT 1, KEY (k)) ENGINE=InnoDB`,
	"CREATE TABLE bench.guarded LIKE bench.plain",
	fmt.Sprintf(`INSERT INTO bench.plain (id, k, c, pad)
		SELECT n, n, RPAD(SHA2(n, 512), 119, '-'), RPAD(SHA2(n, 256), 59, '-')
		FROM (WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t WHERE n < %d) SELECT n FROM t) AS numbers`, tableRows),
	"INSERT INTO bench.guarded SELECT * FROM bench.plain",
	"ANALYZE TABLE bench.plain, bench.guarded",
}

// A script makes the packets of one connection for one work.
type script struct {
	work   work
	client *client
	addr   string     // where the work connects itself
	ready  []prepared // of the work's statements
	buf    []byte

	base, own int      // the connection's own rows have the keys base … base+own-1
	versions  []uint64 // that these rows have
	at        int      // row of the statement at hand
	random    uint64
}

// prepared is a statement as it is sent.
type prepared struct {
	statement
	id     uint32   // of the prepared statement
	pieces []string // text between the parameters
}

// newScript prepares a connection for a work. The table is divided between the
// connections, so that each knows the versions of its own rows.
func newScript(c *client, w work, addr string, guarded bool, number, connections int) (*script, error) {
	s := &script{work: w, client: c, addr: addr, own: tableRows / connections, random: rand.Uint64() | 1}
	s.base = 1 + number*s.own
	for _, st := range w.statements {
		if guarded && st.guarded != "" {
			st.sql = st.guarded
		}
		p := prepared{statement: st, pieces: strings.Split(st.sql, "?")}
		for _, param := range st.params {
			if param == itsVersion {
				if err := s.readVersions(); err != nil {
					return nil, err
				}
			}
		}
		if w.prepared && !st.text {
			var err error
			if p.id, err = c.prepare(st.sql); err != nil {
				return nil, err
			}
		}
		s.ready = append(s.ready, p)
	}
	if w.connects {
		c.quit()
	}
	return s, nil
}

// readVersions learns the versions of the connection's own rows.
func (s *script) readVersions() (err error) {
	s.versions, err = s.client.numbers(fmt.Sprintf("SELECT version FROM guarded WHERE id BETWEEN %d AND %d ORDER BY id", s.base, s.base+s.own-1))
	if err == nil && len(s.versions) != s.own {
		err = fmt.Errorf("%d rows have a version, expected %d", len(s.versions), s.own)
	}
	return err
}

// command makes the command of a statement.
func (s *script) command(p *prepared) []byte {
	if s.work.prepared && !p.text {
		return s.execute(p)
	}
	s.buf = append(s.buf[:0], byte(wire.ComQuery))
	for i, piece := range p.pieces {
		s.buf = append(s.buf, piece...)
		if i == len(p.params) {
			break
		}
		switch param := p.params[i]; param {
		case someText, somePad:
			s.buf = append(s.buf, '\'')
			s.buf = s.appendText(s.buf, param)
			s.buf = append(s.buf, '\'')
		default:
			s.buf = strconv.AppendUint(s.buf, s.value(param), 10)
		}
	}
	return s.buf
}

// execute makes COM_STMT_EXECUTE. Types are given each time, as most clients do.
func (s *script) execute(p *prepared) []byte {
	b := append(s.buf[:0], byte(wire.ComStmtExecute))
	b = binary.LittleEndian.AppendUint32(b, p.id)
	b = append(b, 0, 1, 0, 0, 0) // no cursor, one iteration
	if len(p.params) > 0 {
		b = append(b, 0, 1) // no NULL, types follow
	}
	for _, param := range p.params {
		kind := wire.TypeLongLong
		if param == someText || param == somePad {
			kind = wire.TypeVarString
		}
		b = append(b, byte(kind), 0)
	}
	for _, param := range p.params {
		if param == someText || param == somePad {
			b = append(b, byte(textLength[param]))
			b = s.appendText(b, param)
			continue
		}
		b = binary.LittleEndian.AppendUint64(b, s.value(param))
	}
	s.buf = b
	return b
}

// textLength is the length of sysbench's values in bytes.
var textLength = map[param]int{someText: 119, somePad: 59}

// appendText appends groups of eleven digits.
func (s *script) appendText(b []byte, p param) []byte {
	var n uint64
	for i := range textLength[p] {
		if i%12 == 11 {
			b = append(b, '-')
			continue
		}
		if n == 0 {
			n = s.next()
		}
		b = append(b, '0'+byte(n%10))
		n /= 10
	}
	return b
}

// next gives a random number.
func (s *script) next() uint64 {
	s.random ^= s.random << 13
	s.random ^= s.random >> 7
	s.random ^= s.random << 17
	return s.random
}

func (s *script) value(p param) uint64 {
	switch p {
	case someID, sameID:
		return uint64(s.base + s.at)
	case rangeID:
		s.at = int(s.next() % uint64(s.own-rangeRows+1))
		return uint64(s.base + s.at)
	case rangeEnd:
		return uint64(s.base + s.at + rangeRows - 1)
	case itsVersion:
		return s.versions[s.at]
	}
	return s.next() >> 33
}

// step does the work once and checks the answers.
func (s *script) step() error {
	if s.work.connects {
		c, err := dial(s.addr)
		if err != nil {
			return err
		}
		s.client = c
		defer c.quit()
	}
	for i := range s.ready {
		if err := s.send(&s.ready[i]); err != nil {
			return err
		}
	}
	return nil
}

func (s *script) send(p *prepared) error {
	if len(p.params) > 0 && p.params[0] != sameID {
		s.at = int(s.next() % uint64(s.own))
	}
	rows, affected, err := s.client.roundTrip(s.command(p))
	if err != nil {
		return err
	}
	switch {
	case p.answer >= 0 && rows != uint64(p.answer):
		return fmt.Errorf("%s: %d rows, expected %d", p.sql, rows, p.answer)
	case p.answer == oneRow && affected != 1:
		return fmt.Errorf("%s: %d rows affected, expected 1", p.sql, affected)
	}
	if s.versions != nil && p.answer == oneRow {
		s.versions[s.at]++
	}
	return nil
}
