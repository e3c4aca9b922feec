package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"ifmatch/ledger"
	"ifmatch/schema"
)

// Backend is what a plan goes by beside the catalog.
type Backend struct {
	Ledger          []ledger.Statement      // what is missing of the schema ifmatch
	StatementBinlog bool                    // there is a binary log, of statements
	Tables          map[schema.Name]Storage // by folded name
}

// Storage is what the cost of changing a table goes by.
type Storage struct {
	Rows, Bytes    int64 // as the server guesses them; bytes with indexes
	Compressed     bool  // ROW_FORMAT=COMPRESSED
	Fulltext       bool  // it has a FULLTEXT index
	Spatial        bool  // it has a SPATIAL index
	IndexedVirtual bool  // it has an index on a column that is computed when read
	Versioned      bool  // MariaDB keeps its history (SYSTEM VERSIONING)

	LastTrigger string // of those BEFORE UPDATE, the one that runs last
}

// size says how big the table is, for people.
func (s Storage) size() string {
	const mebi = 1 << 20
	return "about " + strconv.FormatInt(s.Rows, 10) + " rows, " + strconv.FormatInt((s.Bytes+mebi-1)/mebi, 10) + " MiB"
}

// Read reads through db what a plan needs of the tables beside the catalog, by
// a few queries, however many tables there are. Triggers that the account may not
// see are missing; the catalog's Unseen tells of them.
func Read(ctx context.Context, db *sql.DB, c *schema.Catalog, tables []schema.Name) (*Backend, error) {
	r := reader{ctx: ctx, db: db, c: c, schemas: map[string]bool{}, b: &Backend{Tables: map[schema.Name]Storage{}}}
	if len(tables) == 0 {
		return r.b, nil
	}
	for _, n := range tables {
		folded := c.Fold(n).Schema
		r.schemas[folded] = true
		r.args = append(r.args, n.Schema, folded)
	}
	r.in = " IN (?" + strings.Repeat(", ?", len(r.args)-1) + ")"
	for _, part := range []struct {
		of   string
		read func() error
	}{
		{"the server's variables", r.server},
		{"tables", r.tables},
		{"indexes", r.indexes},
		{"triggers", r.triggers},
	} {
		if err := part.read(); err != nil {
			return nil, fmt.Errorf("read what a migration needs: %s: %w", part.of, err)
		}
	}
	return r.b, nil
}

// reader fills a Backend.
type reader struct {
	ctx     context.Context
	db      *sql.DB
	c       *schema.Catalog
	schemas map[string]bool // those that are wanted, folded
	in      string          // " IN (?, ?)" for them
	args    []any
	b       *Backend
}

func (r *reader) server() error {
	// Shown and not selected: MySQL is about to lose binlog_format, and with it
	// binary logs of statements.
	rows, err := r.db.QueryContext(r.ctx, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format') AND Value IN ('ON', 'STATEMENT')")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	is := 0
	for rows.Next() {
		is++
	}
	if err := rows.Err(); err != nil {
		return err
	}
	r.b.StatementBinlog = is == 2
	r.b.Ledger, err = ledger.Missing(r.ctx, r.db)
	return err
}

// each runs a query whose first two columns are a schema and a table, and calls
// set with the table's folded name and what is known of it.
func (r *reader) each(query string, further []any, set func(of schema.Name, s *Storage)) error {
	rows, err := r.db.QueryContext(r.ctx, query, r.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var n schema.Name
	into := append([]any{&n.Schema, &n.Name}, further...)
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return err
		}
		folded := r.c.Fold(n)
		if !r.schemas[folded.Schema] {
			continue
		}
		s := r.b.Tables[folded]
		set(folded, &s)
		r.b.Tables[folded] = s
	}
	return rows.Err()
}

func (r *reader) tables() error {
	var kind string
	var format sql.NullString
	var rows, bytes sql.NullInt64
	const query = `SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ROW_FORMAT, TABLE_ROWS, DATA_LENGTH + INDEX_LENGTH
		FROM information_schema.TABLES WHERE TABLE_SCHEMA`
	return r.each(query+r.in, []any{&kind, &format, &rows, &bytes}, func(_ schema.Name, s *Storage) {
		s.Versioned = kind == "SYSTEM VERSIONED"
		s.Compressed = strings.EqualFold(format.String, "Compressed")
		s.Rows, s.Bytes = rows.Int64, bytes.Int64
	})
}

func (r *reader) indexes() error {
	virtual := map[string]bool{} // columns that are computed when read, as table and name in lower case
	var name, kind string
	var n schema.Name
	rows, err := r.db.QueryContext(r.ctx, "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME FROM information_schema.COLUMNS WHERE EXTRA LIKE '%VIRTUAL GENERATED%' AND TABLE_SCHEMA"+r.in, r.args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(&n.Schema, &n.Name, &name); err != nil {
			return err
		}
		virtual[r.c.Fold(n).String()+"."+strings.ToLower(name)] = true
	}
	if err := rows.Err(); err != nil {
		return err
	}
	// An index may be on an expression, which is no column.
	const query = "SELECT TABLE_SCHEMA, TABLE_NAME, COALESCE(COLUMN_NAME, ''), INDEX_TYPE FROM information_schema.STATISTICS WHERE TABLE_SCHEMA"
	return r.each(query+r.in, []any{&name, &kind}, func(of schema.Name, s *Storage) {
		s.Fulltext = s.Fulltext || kind == "FULLTEXT"
		s.Spatial = s.Spatial || kind == "SPATIAL"
		s.IndexedVirtual = s.IndexedVirtual || virtual[of.String()+"."+strings.ToLower(name)]
	})
}

func (r *reader) triggers() error {
	var name string
	const query = `SELECT EVENT_OBJECT_SCHEMA, EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS
		WHERE ACTION_TIMING = 'BEFORE' AND EVENT_MANIPULATION = 'UPDATE' AND EVENT_OBJECT_SCHEMA`
	return r.each(query+r.in+" ORDER BY ACTION_ORDER", []any{&name}, func(_ schema.Name, s *Storage) { s.LastTrigger = name })
}
