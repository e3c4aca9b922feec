package main

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"ifmatch/wire"
)

const (
	// tableRows is the number of rows of each table.
	tableRows = 100_000
	// mostConnections is what the server takes, less what the lab itself uses.
	mostConnections = 900
)

// A work is a kind of statement. Text has the parameters as %d.
type work struct {
	name     string
	prepared bool
	// sql is what the client sends. guarded is what it sends to ifmatch, where
	// that differs: the statement as an app wrote it, of which sql is what
	// ifmatch makes.
	sql, guarded string
	params       []param
	rows         uint64 // of the answer; 0 for a write
	most         int    // connections at which it is still measured
}

// param is what a work gives for a parameter.
type param byte

const (
	someID     param = iota // key of one of the connection's own rows
	someNumber              // a number that differs from one statement to the next
	itsVersion              // version that the row of someID has
)

const (
	pointSelect   = "SELECT c FROM plain WHERE id = "
	guardedSelect = "SELECT c FROM guarded WHERE id = "
	allRows       = "SELECT id, k, c FROM plain"
	allGuarded    = "SELECT k, c FROM guarded"
)

// works are what is measured. The writes are on the guarded table; those to it
// by ifmatch lack what the policy adds.
var works = []work{
	{name: "select text", sql: pointSelect + "%d", params: []param{someID}, rows: 1},
	{name: "select prepared", prepared: true, sql: pointSelect + "?", params: []param{someID}, rows: 1},
	{name: "select-guarded text", sql: guardedSelect + "%d", params: []param{someID}, rows: 1},
	{name: "select-guarded prepared", prepared: true, sql: guardedSelect + "?", params: []param{someID}, rows: 1},
	{name: "update-version text",
		sql:     "UPDATE guarded SET k = %d, `guarded`.`version` = `guarded`.`version` + 1 WHERE id = %d AND version = %d",
		guarded: "UPDATE guarded SET k = %d WHERE id = %d AND version = %d",
		params:  []param{someNumber, someID, itsVersion}},
	{name: "update-version prepared", prepared: true,
		sql:     "UPDATE guarded SET k = ?, `guarded`.`version` = `guarded`.`version` + 1 WHERE id = ? AND version = ?",
		guarded: "UPDATE guarded SET k = ? WHERE id = ? AND version = ?",
		params:  []param{someNumber, someID, itsVersion}},
	{name: "update-bump text",
		sql:     "UPDATE guarded SET k = %d, `guarded`.`version` = `guarded`.`version` + 1 WHERE id = %d",
		guarded: "UPDATE guarded SET k = %d WHERE id = %d",
		params:  []param{someNumber, someID}},
	{name: "update-bump prepared", prepared: true,
		sql:     "UPDATE guarded SET k = ?, `guarded`.`version` = `guarded`.`version` + 1 WHERE id = ?",
		guarded: "UPDATE guarded SET k = ? WHERE id = ?",
		params:  []param{someNumber, someID}},
	{name: "100000 rows", sql: allRows, rows: tableRows, most: 16},
	{name: "100000 rows-guarded", sql: allGuarded, rows: tableRows, most: 16},
}

// policy guards one of the two tables.
const policy = "tables:\n  bench.guarded:\n    version: version\n"

// setUp makes the two tables, of which each is a sysbench table with a version.
var setUp = []string{
	"CREATE DATABASE IF NOT EXISTS bench",
	"DROP TABLE IF EXISTS bench.plain, bench.guarded",
	`CREATE TABLE bench.plain (id INT NOT NULL PRIMARY KEY, k INT NOT NULL DEFAULT 0, c CHAR(120) NOT NULL DEFAULT '',
		pad CHAR(60) NOT NULL DEFAULT '', version BIGINT UNSIGNED NOT NULL DEFAULT 1) ENGINE=InnoDB`,
	"CREATE TABLE bench.guarded LIKE bench.plain",
	fmt.Sprintf(`INSERT INTO bench.plain (id, k, c, pad)
		SELECT n, n, RPAD(SHA2(n, 512), 120, '-'), RPAD(SHA2(n, 256), 60, '-')
		FROM (WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t WHERE n < %d) SELECT n FROM t) AS numbers`, tableRows),
	"INSERT INTO bench.guarded SELECT * FROM bench.plain",
	"ANALYZE TABLE bench.plain, bench.guarded",
}

// A script makes the packets of one connection for one work.
type script struct {
	work   work
	client *client
	stmt   uint32   // id of the prepared statement
	pieces []string // text between the parameters
	buf    []byte

	base, own int      // the connection's own rows have the keys base … base+own-1
	versions  []uint64 // that these rows have
	at        int      // row of the statement at hand
	random    uint64
}

// newScript prepares a connection for a work. The table is divided between the
// connections, so that each knows the versions of its own rows.
func newScript(c *client, w work, guarded bool, number, connections int) (*script, error) {
	if guarded && w.guarded != "" {
		w.sql = w.guarded
	}
	s := &script{work: w, client: c, own: tableRows / connections, random: uint64(number)*0x9e3779b97f4a7c15 + 1}
	s.base = 1 + number*s.own
	for _, p := range w.params {
		if p == itsVersion {
			var err error
			if s.versions, err = c.numbers(fmt.Sprintf("SELECT version FROM guarded WHERE id BETWEEN %d AND %d ORDER BY id", s.base, s.base+s.own-1)); err != nil {
				return nil, err
			}
			if len(s.versions) != s.own {
				return nil, fmt.Errorf("%d rows have a version, expected %d", len(s.versions), s.own)
			}
		}
	}
	if w.prepared {
		var err error
		s.stmt, err = c.prepare(w.sql)
		return s, err
	}
	s.pieces = splitParams(w.sql)
	return s, nil
}

// splitParams gives the text between the parameters.
func splitParams(sql string) []string {
	var pieces []string
	start := 0
	for i := 0; i+1 < len(sql); i++ {
		if sql[i:i+2] == "%d" {
			pieces = append(pieces, sql[start:i])
			start = i + 2
		}
	}
	return append(pieces, sql[start:])
}

// next makes the command of the next statement.
func (s *script) next() []byte {
	s.random ^= s.random << 13
	s.random ^= s.random >> 7
	s.random ^= s.random << 17
	s.at = int(s.random % uint64(s.own))
	if s.work.prepared {
		return s.execute()
	}
	s.buf = append(s.buf[:0], byte(wire.ComQuery))
	for i, piece := range s.pieces {
		s.buf = append(s.buf, piece...)
		if i < len(s.work.params) {
			s.buf = strconv.AppendUint(s.buf, s.value(s.work.params[i]), 10)
		}
	}
	return s.buf
}

// execute makes COM_STMT_EXECUTE. Types are given each time, as most clients do.
func (s *script) execute() []byte {
	b := append(s.buf[:0], byte(wire.ComStmtExecute))
	b = binary.LittleEndian.AppendUint32(b, s.stmt)
	b = append(b, 0, 1, 0, 0, 0, 0, 1) // no cursor, one iteration, no NULL, types follow
	for range s.work.params {
		b = append(b, byte(wire.TypeLongLong), 0)
	}
	for _, p := range s.work.params {
		b = binary.LittleEndian.AppendUint64(b, s.value(p))
	}
	s.buf = b
	return b
}

func (s *script) value(p param) uint64 {
	switch p {
	case someID:
		return uint64(s.base + s.at)
	case itsVersion:
		return s.versions[s.at]
	}
	return s.random >> 33
}

// step sends one statement and checks its answer.
func (s *script) step() error {
	rows, affected, err := s.client.roundTrip(s.next())
	switch {
	case err != nil:
		return err
	case rows != s.work.rows:
		return fmt.Errorf("%s: %d rows, expected %d", s.work.name, rows, s.work.rows)
	case s.work.rows == 0 && affected != 1:
		return fmt.Errorf("%s: %d rows affected, expected 1", s.work.name, affected)
	}
	if s.versions != nil {
		s.versions[s.at]++
	}
	return nil
}
