package contexts

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
)

// Connections to the server, at once, and those that are kept.
const (
	maxConns = 64
	maxIdle  = 16
)

// conn is a connection whose deadline is that of what is asked, whatever redigo
// would set.
type conn struct {
	redis.Conn
	net  *bounded
	used bool // before
}

// bounded leaves the deadline to who asks.
type bounded struct{ net.Conn }

func (bounded) SetDeadline(time.Time) error      { return nil }
func (bounded) SetReadDeadline(time.Time) error  { return nil }
func (bounded) SetWriteDeadline(time.Time) error { return nil }

// conns are the connections to the server.
type conns struct {
	dial func(ctx context.Context) (*conn, error)
	open chan struct{} // has an element for each that is in use
	idle chan *conn
}

func newConns(dial func(ctx context.Context) (*conn, error)) *conns {
	return &conns{dial: dial, open: make(chan struct{}, maxConns), idle: make(chan *conn, maxIdle)}
}

// do asks the server something, within patience. What is asked may be asked twice:
// where the server has closed a connection that was idle.
func (c *conns) do(patience time.Duration, ask func(redis.Conn) error) error {
	until := time.Now().Add(patience)
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	select {
	case c.open <- struct{}{}:
	default:
		select {
		case c.open <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	defer func() { <-c.open }()
	for {
		k, err := c.take(ctx)
		if err != nil {
			return err
		}
		k.net.Conn.SetDeadline(until)
		err = ask(k.Conn)
		if err == nil || isAnswer(err) && !passing(err) {
			c.give(k)
			return err
		}
		k.Close()
		if !k.used || isAnswer(err) || timedOut(err) {
			return err
		}
		c.closeIdle() // they are as old
	}
}

func (c *conns) take(ctx context.Context) (*conn, error) {
	select {
	case k := <-c.idle:
		k.used = true
		return k, nil
	default:
		return c.dial(ctx)
	}
}

func (c *conns) give(k *conn) {
	select {
	case c.idle <- k:
	default:
		k.Close()
	}
}

func (c *conns) closeIdle() {
	for {
		select {
		case k := <-c.idle:
			k.Close()
		default:
			return
		}
	}
}

// dialer gives what connects to the server of a configuration.
func dialer(cfg *Config) func(ctx context.Context) (*conn, error) {
	return func(ctx context.Context) (*conn, error) {
		k := &conn{}
		options := []redis.DialOption{
			redis.DialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
				var d net.Dialer
				nc, err := d.DialContext(ctx, network, address)
				if err != nil {
					return nil, err
				}
				until, _ := ctx.Deadline()
				nc.SetDeadline(until)
				k.net = &bounded{nc}
				return k.net, nil
			}),
			redis.DialUsername(cfg.User), redis.DialPassword(cfg.Password), redis.DialDatabase(cfg.DB),
		}
		if cfg.TLS != nil {
			options = append(options, redis.DialUseTLS(true), redis.DialTLSConfig(cfg.TLS), redis.DialTLSHandshakeTimeout(0))
		}
		var err error
		k.Conn, err = redis.DialContext(ctx, "tcp", cfg.Address, options...)
		return k, err
	}
}

// isAnswer reports whether err is what the server has answered.
func isAnswer(err error) bool {
	var e redis.Error
	return errors.As(err, &e)
}

// code gives the first word of an error that the server has answered with. The rest
// may repeat what was asked, and with it keys and values.
func code(err error) string {
	var e redis.Error
	if !errors.As(err, &e) {
		return ""
	}
	word, _, _ := strings.Cut(string(e), " ")
	return word
}

// refused reports whether an error will not go away by itself: a wrong password, a
// right that is missing, no such database or command, a certificate that is not trusted.
func refused(err error) bool {
	var untrusted *tls.CertificateVerificationError
	switch code(err) {
	case "ERR", "MOVED", "NOAUTH", "NOPERM", "WRONGPASS", "WRONGTYPE":
		return true
	}
	return errors.As(err, &untrusted)
}

// passing reports whether an answer is about the server, or the connection, and not
// about what was asked: it may be another one later, or over another connection.
func passing(err error) bool { return !ofContext(err) }

// ofContext reports whether an error is about the one context.
func ofContext(err error) bool {
	var e redis.Error
	return errors.Is(err, errRubbish) || errors.As(err, &e) && strings.Contains(string(e), "WRONGTYPE")
}

func timedOut(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// describe says what went wrong, without anything that was asked.
func describe(err error) string {
	switch {
	case isAnswer(err):
		return "the server answers " + code(err)
	case timedOut(err):
		return "no answer in time"
	}
	return err.Error()
}
