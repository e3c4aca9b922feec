package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"

	"ifmatch/sqltext"
)

// systemSchemas hold nothing of the user's. Their routines are read all the
// same: sys.execute_prepared_stmt writes whatever it is told to.
const systemSchemas = "('mysql','sys','information_schema','performance_schema')"

// notTheServers leaves the views out that the server came with, and not those that
// somebody has made in its schemas.
const notTheServers = "TABLE_SCHEMA NOT IN ('information_schema','performance_schema') AND DEFINER NOT IN ('mysql.sys@localhost','mariadb.sys@localhost')"

// PrivilegeError says that the service account is not allowed to see what it
// has to.
type PrivilegeError struct {
	Privilege string // "SELECT"
	On        string // "shop.products"
	Err       error  // the server's answer
}

// Error names the privilege and the object.
func (e *PrivilegeError) Error() string {
	return fmt.Sprintf("the service account may not look at %s: grant it %s on it (%v)", e.On, e.Privilege, e.Err)
}

// Unwrap gives the server's answer.
func (e *PrivilegeError) Unwrap() error { return e.Err }

// Read reads the catalog through db: all tables of the schemas that the given
// tables are in, and the views, routines, triggers and events of all schemas,
// because what stands in one can write another. It asks ten queries, however
// many tables there are. What the account may not see is left out and told in
// Catalog.Unseen; a *[PrivilegeError] is given where it may not see one of the
// given tables. A table that does not exist is no error here, but for [Check].
//
// The queries may wait for DDL that is under way, as long as ctx allows. They
// are not one snapshot: DDL between two of them shows in the next catalog.
func Read(ctx context.Context, db *sql.DB, tables []Name) (*Catalog, error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("read schema: connect: %w", err)
	}
	defer func() { _ = conn.Close() }()
	r := &reader{
		ctx:  ctx,
		conn: conn,
		c: &Catalog{
			tables: map[Name]*Table{},
			views:  map[Name]*View{},
			others: map[Name]string{},
		},
	}
	if err := r.server(); err != nil {
		return nil, fmt.Errorf("read schema: the server's variables: %w", err)
	}
	if len(tables) == 0 {
		return r.c, nil
	}
	r.restrict(tables)
	for _, part := range []struct {
		of   string
		read func() error
	}{
		{"grants", r.grants},
		{"tables", r.tables},
		{"columns", r.columns},
		{"indexes", r.indexes},
		{"foreign keys", r.cascades},
		{"triggers", r.triggers},
		{"views", r.views},
		{"routines", r.routines},
		{"events", r.events},
	} {
		if err := part.read(); err != nil {
			return nil, fmt.Errorf("read schema: %s: %w", part.of, err)
		}
	}
	if err := r.probe(tables); err != nil {
		return nil, fmt.Errorf("read schema: %w", err)
	}
	return r.c, nil
}

// reader fills a catalog.
type reader struct {
	ctx     context.Context
	conn    *sql.Conn
	c       *Catalog
	schemas map[string]bool // those that are wanted, folded
	in      string          // "(?,?)" for them
	args    []any
	text    sqltext.Text // for one body after the other
}

// restrict has the following queries ask for the schemas of these tables.
func (r *reader) restrict(tables []Name) {
	r.schemas = map[string]bool{}
	for _, n := range tables {
		folded := r.c.Fold(n).Schema
		r.schemas[folded] = true
		for _, s := range []string{n.Schema, folded} {
			if !slices.Contains(r.args, any(s)) {
				r.args = append(r.args, s)
			}
		}
	}
	r.in = "(?" + strings.Repeat(",?", len(r.args)-1) + ")"
}

// each runs a query and calls row for each of its rows.
func (r *reader) each(query string, args []any, row func(scan func(...any) error) error) error {
	rows, err := r.conn.QueryContext(r.ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (r *reader) server() error {
	var comment string
	c := r.c
	err := r.conn.QueryRowContext(r.ctx,
		"SELECT VERSION(), @@version_comment, @@lower_case_table_names, @@global.max_allowed_packet, @@global.sql_mode",
	).Scan(&c.VersionText, &comment, &c.LowerCaseTableNames, &c.MaxAllowedPacket, &c.SQLMode)
	if err != nil {
		return err
	}
	c.Flavor = sqltext.MySQL
	if strings.Contains(strings.ToLower(c.VersionText+comment), "mariadb") {
		c.Flavor = sqltext.MariaDB
	}
	c.Version = parseVersion(c.VersionText)
	return r.isolation()
}

// isolation reads the global isolation level. The variable has two names, by
// server and version.
func (r *reader) isolation() error {
	rows, err := r.conn.QueryContext(r.ctx, "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('tx_isolation', 'transaction_isolation')")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name, level string
		if err := rows.Scan(&name, &level); err != nil {
			return err
		}
		r.c.ReadsUncommitted = r.c.ReadsUncommitted || strings.EqualFold(level, "READ-UNCOMMITTED")
	}
	return rows.Err()
}

// parseVersion gives 101106 for "10.11.6-MariaDB", with or without the "5.5.5-"
// that MariaDB puts before it for old replicas; 0 for what is no version.
func parseVersion(text string) int {
	if rest, ok := strings.CutPrefix(text, "5.5.5-"); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
		text = rest
	}
	version := 0
	for i, part := range strings.SplitN(text, ".", 3) {
		end := 0
		for end < len(part) && part[end] >= '0' && part[end] <= '9' {
			end++
		}
		n, err := strconv.Atoi(part[:end])
		if err != nil || n > 99 {
			break
		}
		version += n * []int{10000, 100, 1}[i]
		if end < len(part) {
			break
		}
	}
	return version
}

func (r *reader) tables() error {
	const query = "SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA IN "
	return r.each(query+r.in, r.args, func(scan func(...any) error) error {
		var n Name
		var kind string
		var engine sql.NullString
		if err := scan(&n.Schema, &n.Name, &kind, &engine); err != nil {
			return err
		}
		folded := r.c.Fold(n)
		if !r.schemas[folded.Schema] {
			return nil // found by a collation that takes two schemas for one
		}
		switch kind {
		case "BASE TABLE", "SYSTEM VERSIONED":
			r.c.tables[folded] = &Table{Name: n, Engine: engine.String, Transactional: transactional(engine.String)}
		case "VIEW", "SYSTEM VIEW":
			// Views are read for all schemas.
		default:
			r.c.others[folded] = strings.ToLower(kind)
		}
		return nil
	})
}

// transactional says whether an engine undoes statements whole. Others that
// claim it (NDB) keep no row locks that a guard can stand on.
func transactional(engine string) bool {
	switch strings.ToLower(engine) {
	case "innodb", "rocksdb":
		return true
	}
	return false
}

func (r *reader) columns() error {
	const query = `SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, EXTRA, COLUMN_DEFAULT,
		CHARACTER_MAXIMUM_LENGTH, NUMERIC_PRECISION, NUMERIC_SCALE, DATETIME_PRECISION, CHARACTER_SET_NAME, COLLATION_NAME
		FROM information_schema.COLUMNS WHERE TABLE_SCHEMA IN `
	return r.each(query+r.in+" ORDER BY TABLE_SCHEMA, TABLE_NAME, ORDINAL_POSITION", r.args, func(scan func(...any) error) error {
		var n Name
		var col Column
		var columnType, nullable string
		var extra, charset, collation sql.NullString
		var length, precision, scale, fsp sql.NullInt64
		var value *string
		if err := scan(&n.Schema, &n.Name, &col.Name, &col.DataType, &columnType, &nullable, &extra, &value,
			&length, &precision, &scale, &fsp, &charset, &collation); err != nil {
			return err
		}
		t := r.c.Table(n)
		if t == nil {
			return nil
		}
		col.DataType = strings.ToLower(col.DataType)
		col.Nullable = nullable == "YES"
		col.Length, col.Precision, col.Scale, col.Fsp = int(length.Int64), int(precision.Int64), int(scale.Int64), int(fsp.Int64)
		col.Charset, col.Collation = charset.String, collation.String
		col.apply(columnType, extra.String)
		if r.c.Flavor == sqltext.MariaDB {
			col.applyMariaDBDefault(value)
		} else {
			col.Default = value
		}
		t.Columns = append(t.Columns, &col)
		return nil
	})
}

// indexes reads the unique ones. A column's prefix that is unique makes the
// whole column unique, so it counts; an expression does not.
func (r *reader) indexes() error {
	const query = `SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, SUB_PART
		FROM information_schema.STATISTICS WHERE NON_UNIQUE = 0 AND TABLE_SCHEMA IN `
	type index struct {
		table   *Table
		name    string
		columns []string
		opaque  bool
	}
	var all []*index
	err := r.each(query+r.in+" ORDER BY TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX", r.args, func(scan func(...any) error) error {
		var n Name
		var name string
		var column, prefix sql.NullString
		if err := scan(&n.Schema, &n.Name, &name, &column, &prefix); err != nil {
			return err
		}
		t := r.c.Table(n)
		if t == nil {
			return nil
		}
		if len(all) == 0 || all[len(all)-1].table != t || all[len(all)-1].name != name {
			all = append(all, &index{table: t, name: name})
		}
		last := all[len(all)-1]
		last.columns = append(last.columns, column.String)
		last.opaque = last.opaque || !column.Valid
		t.Opaque = t.Opaque || !column.Valid || prefix.Valid
		return nil
	})
	for _, ix := range all {
		switch {
		case ix.opaque:
		case ix.name == "PRIMARY":
			ix.table.Key = ix.columns
		default:
			ix.table.Unique = append(ix.table.Unique, ix.columns)
		}
	}
	return err
}

func (r *reader) cascades() error {
	const query = `SELECT CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, UNIQUE_CONSTRAINT_SCHEMA, REFERENCED_TABLE_NAME, UPDATE_RULE, DELETE_RULE
		FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA IN `
	return r.each(query+r.in+" ORDER BY CONSTRAINT_SCHEMA, TABLE_NAME, CONSTRAINT_NAME", r.args, func(scan func(...any) error) error {
		var n Name
		var key Cascade
		if err := scan(&n.Schema, &n.Name, &key.Name, &key.Parent.Schema, &key.Parent.Name, &key.OnUpdate, &key.OnDelete); err != nil {
			return err
		}
		if t := r.c.Table(n); t != nil && key.writes() != "" {
			t.Cascades = append(t.Cascades, key)
		}
		return nil
	})
}

// probe tells tables that do not exist from those that may not be seen, which
// information_schema does not.
func (r *reader) probe(tables []Name) error {
	for _, n := range tables {
		if r.c.Table(n) != nil || r.c.View(n) != nil || r.c.others[r.c.Fold(n)] != "" {
			continue
		}
		err := r.each("SELECT 1 FROM "+backtick(n.Schema)+"."+backtick(n.Name)+" LIMIT 0", nil,
			func(func(...any) error) error { return nil })
		var answer *mysql.MySQLError
		switch {
		case err == nil:
			// It came into being a moment ago; the next catalog has it.
		case !errors.As(err, &answer):
			return err
		case denied(answer.Number):
			return &PrivilegeError{Privilege: "SELECT", On: n.String(), Err: err}
		}
	}
	return nil
}

// denied says whether an error is about privileges: ER_DBACCESS_DENIED_ERROR,
// ER_TABLEACCESS_DENIED_ERROR, ER_COLUMNACCESS_DENIED_ERROR.
func denied(code uint16) bool { return code == 1044 || code == 1142 || code == 1143 }

func backtick(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

func parenthesis(n int) string { return "(" + strconv.Itoa(n) + ")" }
