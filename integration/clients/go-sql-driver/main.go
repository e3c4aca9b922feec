// Command go-sql-driver goes through the steps of a client with go-sql-driver/mysql.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/go-sql-driver/mysql"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// line is a line of the output.
type line struct {
	Version string `json:"version,omitempty"`
	Way     string `json:"way,omitempty"`
	Step    string `json:"step,omitempty"`
	Got     string `json:"got,omitempty"`
	Error   string `json:"error,omitempty"`
	Code    uint16 `json:"code,omitempty"`
	State   string `json:"state,omitempty"`
	Message string `json:"message,omitempty"`
}

func say(l line) { json.NewEncoder(os.Stdout).Encode(l) }

func run(args []string) error {
	cfg := mysql.NewConfig()
	cfg.Net, cfg.Addr, cfg.User, cfg.Passwd, cfg.DBName = "tcp", args[0]+":"+args[1], args[2], args[3], args[4]
	if len(args) > 5 {
		pem, err := os.ReadFile(args[5])
		if err != nil {
			return err
		}
		cfg.TLS = &tls.Config{RootCAs: x509.NewCertPool(), ServerName: args[0]}
		cfg.TLS.RootCAs.AppendCertsFromPEM(pem)
	}
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == "github.com/go-sql-driver/mysql" {
			say(line{Version: m.Version})
		}
	}
	for number, way := range []string{"prepared by the server", "interpolateParams"} {
		cfg.InterpolateParams = number == 1
		if err := steps(way, number, cfg); err != nil {
			return err
		}
	}
	return nil
}

func steps(way string, number int, cfg *mysql.Config) error {
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return err
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	ctx := context.Background()
	var on [2]*sql.Conn
	for i := range on {
		if on[i], err = db.Conn(ctx); err != nil {
			return err
		}
		defer on[i].Close()
	}
	tell := func(step string, conn *sql.Conn, q string, args ...any) {
		l := line{Way: way, Step: step}
		got, err := do(ctx, conn, q, args...)
		var e *mysql.MySQLError
		switch {
		case errors.As(err, &e):
			l.Error, l.Code, l.State, l.Message = fmt.Sprintf("%T", err), e.Number, string(e.SQLState[:]), e.Message
		case err != nil:
			l.Error, l.Message = fmt.Sprintf("%T", err), err.Error()
		}
		l.Got = got
		say(l)
	}
	key := 10*number + 1
	tell("update", on[0], fmt.Sprintf("UPDATE products SET price=1 WHERE id=%d AND version=1", key))
	tell("conflict", on[0], fmt.Sprintf("UPDATE products SET price=1 WHERE id=%d AND version=1", key))
	tell("row", on[0], fmt.Sprintf("SELECT price, version FROM products WHERE id=%d", key))
	tell("prepared update", on[0], "UPDATE products SET price=? WHERE id=? AND version=?", 2, key, 2)
	tell("prepared conflict", on[0], "UPDATE products SET price=? WHERE id=? AND version=?", 3, key, 2)
	tell("prepared row", on[0], "SELECT price, version FROM products WHERE id=?", key)
	tell("read", on[0], "SELECT name FROM products WHERE id=?", key+1)
	tell("overtaken by", on[1], "UPDATE products SET price=7 WHERE id=?", key+1)
	tell("overtaken", on[0], "UPDATE products SET name='mine' WHERE id=?", key+1)
	tell("row of the other", on[0], "SELECT price, version FROM products WHERE id=?", key+1)
	return nil
}

// do gives the columns of a row, or the number of rows affected.
func do(ctx context.Context, conn *sql.Conn, q string, args ...any) (string, error) {
	if !strings.HasPrefix(q, "SELECT") {
		r, err := conn.ExecContext(ctx, q, args...)
		if err != nil {
			return "", err
		}
		n, err := r.RowsAffected()
		return fmt.Sprint(n), err
	}
	rows, err := conn.QueryContext(ctx, q, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	rows.Next()
	texts, dest := make([]string, len(columns)), make([]any, len(columns))
	for i := range dest {
		dest[i] = &texts[i]
	}
	if err := rows.Scan(dest...); err != nil {
		return "", err
	}
	return strings.Join(texts, "|"), rows.Err()
}
