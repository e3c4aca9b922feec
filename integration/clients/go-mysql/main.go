// Command go-mysql goes through the steps of a client with the client of
// go-mysql-org/go-mysql.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/go-mysql-org/go-mysql/client"
	"github.com/go-mysql-org/go-mysql/mysql"
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
	var options []client.Option
	if len(args) > 5 {
		pem, err := os.ReadFile(args[5])
		if err != nil {
			return err
		}
		cfg := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: args[0]}
		cfg.RootCAs.AppendCertsFromPEM(pem)
		options = append(options, func(c *client.Conn) error { c.SetTLSConfig(cfg); return nil })
	}
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		if m.Path == "github.com/go-mysql-org/go-mysql" {
			say(line{Version: m.Version})
		}
	}
	var on [2]*client.Conn
	for i := range on {
		var err error
		if on[i], err = client.Connect(args[0]+":"+args[1], args[2], args[3], args[4], options...); err != nil {
			return err
		}
		defer on[i].Close()
	}
	tell := func(step string, conn *client.Conn, q string, args ...any) {
		l := line{Way: "go-mysql", Step: step}
		r, err := conn.Execute(q, args...)
		var e *mysql.MyError
		switch {
		case errors.As(err, &e):
			l.Error, l.Code, l.State, l.Message = fmt.Sprintf("%T", e), e.Code, e.State, e.Message
		case err != nil:
			l.Error, l.Message = fmt.Sprintf("%T", err), err.Error()
		default:
			l.Got = text(r)
		}
		say(l)
	}
	const key = 1
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

// text gives the columns of a row, or the number of rows affected.
func text(r *mysql.Result) string {
	if !r.HasResultset() {
		return fmt.Sprint(r.AffectedRows)
	}
	var columns []string
	for _, v := range r.Values[0] {
		if b, ok := v.Value().([]byte); ok {
			columns = append(columns, string(b))
			continue
		}
		columns = append(columns, fmt.Sprint(v.Value()))
	}
	return strings.Join(columns, "|")
}
