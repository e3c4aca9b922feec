package stress

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Target is where load goes, and on which table.
type Target struct {
	dsn *mysql.Config

	Table  string // name, or database.name; "" for one that the load makes itself
	Key    string // column that names a row; "" for the primary key
	Column string // integer column that is added to; needed where Table is given
}

// ParseTarget reads a DSN, as Go's driver writes it or as a URL:
//
//	user:password@tcp(127.0.0.1:4406)/shop
//	mysql://user:password@127.0.0.1:4406/shop
//
// password is taken where the DSN has none. An error does not repeat the DSN,
// which has a secret in it.
func ParseTarget(dsn, password string) (*Target, error) {
	const want = "it looks like user:password@tcp(host:port)/database or mysql://user:password@host:port/database"
	var cfg *mysql.Config
	if rest, isURL := strings.CutPrefix(dsn, "mysql://"); isURL {
		u, err := url.Parse("//" + rest)
		if err != nil {
			return nil, errors.New("the DSN is no URL; " + want) // the error would name it
		}
		if cfg, err = mysql.ParseDSN("/?" + u.RawQuery); err != nil {
			return nil, fmt.Errorf("the DSN cannot be read: %w; %s", err, want)
		}
		cfg.User = u.User.Username()
		cfg.Passwd, _ = u.User.Password()
		cfg.Net, cfg.Addr, cfg.DBName = "tcp", u.Host, strings.TrimPrefix(u.Path, "/")
		if u.Port() == "" {
			cfg.Addr += ":3306"
		}
	} else {
		var err error
		if cfg, err = mysql.ParseDSN(dsn); err != nil {
			return nil, fmt.Errorf("the DSN cannot be read: %w; %s", err, want)
		}
	}
	switch {
	case cfg.DBName == "":
		return nil, errors.New("the DSN names no database; " + want)
	case cfg.User == "":
		return nil, errors.New("the DSN names no user; " + want)
	}
	if cfg.Passwd == "" {
		cfg.Passwd = password
	}
	cfg.ClientFoundRows = true // a save that changes nothing has been acknowledged as well
	cfg.MultiStatements = false
	cfg.Logger = quiet{}
	const connectWithin, answerWithin = 10 * time.Second, time.Minute
	if cfg.Timeout == 0 {
		cfg.Timeout = connectWithin
	}
	if cfg.ReadTimeout == 0 {
		cfg.ReadTimeout = answerWithin
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = answerWithin
	}
	return &Target{dsn: cfg}, nil
}

// Address is the host and port, or the path of the socket.
func (t *Target) Address() string { return t.dsn.Addr }

// open opens connections whose statements are prepared or have their values in
// the text.
func (t *Target) open(prepared bool) (*sql.DB, error) {
	cfg := t.dsn.Clone()
	cfg.InterpolateParams = !prepared
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, fmt.Errorf("the DSN cannot be used: %w", err)
	}
	return sql.OpenDB(connector), nil
}

// quiet drops what the driver would print: its errors come back as errors.
type quiet struct{}

func (quiet) Print(...any) {}
