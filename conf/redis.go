package conf

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// InMemory is the value of Contexts for the memory of the process.
const InMemory = "memory"

// redisPasswordEnv is the environment variable that spares the user from showing the
// password of the Redis server in the process list.
const redisPasswordEnv = "IFMATCH_CONTEXTS_PASSWORD"

// Redis says where a Redis server is and how it is used.
type Redis struct {
	Address  string // host:port
	User     string // "" for the server's default one
	Password string // secret: never to be logged
	DB       int
	TLS      bool
	CA       string        // path of a PEM bundle; "" for the system's
	Prefix   string        // of all keys
	Timeout  time.Duration // of each thing that is asked
}

// ParseRedis reads a URL redis://[user:password@]host[:port][/db][?prefix=…&timeout=…],
// or rediss://…[?ca=file] for TLS. Its errors do not show the URL: it may hold a password.
func ParseRedis(place string) (Redis, error) {
	u, err := url.Parse(place)
	if err != nil || u.Scheme != "redis" && u.Scheme != "rediss" || u.Hostname() == "" || u.Opaque != "" {
		return Redis{}, errors.New("wants memory or a URL such as redis://host:6379")
	}
	r := Redis{TLS: u.Scheme == "rediss", Prefix: "ifmatch:", Timeout: 250 * time.Millisecond, User: u.User.Username()}
	r.Password, _ = u.User.Password()
	if r.User != "" && r.Password == "" {
		if _, given := u.User.Password(); !given {
			return Redis{}, errors.New("wants user:password@, or :password@, before the host; a user alone may be a password")
		}
	}
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return Redis{}, errors.New("wants a port from 1 to 65535")
	}
	r.Address = net.JoinHostPort(u.Hostname(), port)
	if db := strings.Trim(u.Path, "/"); db != "" {
		if r.DB, err = strconv.Atoi(db); err != nil || r.DB < 0 {
			return Redis{}, errors.New("wants the number of a database behind the host, such as redis://host:6379/1")
		}
	}
	var options url.Values
	options, err = url.ParseQuery(u.RawQuery)
	if err != nil || u.Fragment != "" {
		return Redis{}, errors.New("wants options as ?prefix=… and &ca=…")
	}
	for name, values := range options {
		switch {
		case !slices.Contains([]string{"prefix", "ca", "timeout"}, name):
			return Redis{}, errors.New("has an unknown option behind ?; there are prefix, ca and timeout")
		case len(values) > 1:
			return Redis{}, fmt.Errorf("has the option %s twice", name)
		case name == "prefix":
			r.Prefix = values[0]
		case name == "timeout":
			if r.Timeout, err = time.ParseDuration(values[0]); err != nil || r.Timeout < 10*time.Millisecond || r.Timeout > 10*time.Second {
				return Redis{}, errors.New("wants a timeout from 10ms to 10s")
			}
		case !r.TLS:
			return Redis{}, errors.New("has the option ca without TLS; it wants rediss://")
		default:
			r.CA = values[0]
		}
	}
	if strings.ContainsAny(r.Prefix, "{}") || len(r.Prefix) > 100 {
		return Redis{}, errors.New("wants a prefix of at most 100 bytes without { and }")
	}
	return r, nil
}

// Redis gives where contexts are kept. ok is false where that is the memory. It is for
// a Config that has been validated.
func (c *Config) Redis() (r Redis, ok bool) {
	if c.Contexts == InMemory {
		return r, false
	}
	r, err := ParseRedis(c.Contexts)
	if r.Password == "" {
		r.Password = c.ContextsPassword
	}
	return r, err == nil
}
