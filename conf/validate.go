package conf

import (
	"net"
	"strconv"
	"strings"
	"time"

	"ifmatch/fault"
)

// Validate holds a Config against the rules; the error is a *UsageError that
// names each flag that is wrong and says what would be right. It opens no file
// and makes no connection.
func (c Config) Validate() error { return usageError(c.faults()) }

func (c Config) faults() fault.List {
	v := validator{}
	v.address("listen", c.Listen, true)
	v.address("backend", c.Backend, false)
	if c.Admin != "" {
		v.address("admin", c.Admin, true)
	}
	if c.Policy == "" {
		v.add("policy", "wants the path of the policy file, is empty")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		given, missing := "tls-cert", "tls-key"
		if c.TLSCert == "" {
			given, missing = missing, given
		}
		v.add(given, "wants --%s beside it: a certificate and its key come together", missing)
	}
	v.word("backend-tls", string(c.BackendTLS), tlsModes)
	if c.BackendCA != "" && !c.BackendTLS.Verifies() {
		v.add("backend-ca", "has no effect with --backend-tls %s; it wants verify-ca or verify-identity", c.BackendTLS)
	}
	v.atLeast("max-sessions", c.MaxSessions, 0)
	v.atLeast("plan-cache", c.PlanCache, 1)
	v.contexts(c.Contexts)
	v.notNegative("idle-transaction-warn", c.IdleTransactionWarn)
	v.notNegative("idle-transaction-end", c.IdleTransactionEnd)
	v.word("log-format", c.LogFormat, logFormats)
	v.word("log-level", c.LogLevel, logLevels)
	v.notNegative("drain", c.Drain)
	if c.ObserveWait <= 0 {
		v.add("observe-wait", "wants a duration greater than 0, has %s", c.ObserveWait)
	}
	if c.SchemaRefresh <= 0 {
		v.add("schema-refresh", "wants a duration greater than 0, has %s", c.SchemaRefresh)
	}
	return v.list
}

type validator struct{ list fault.List }

func (v *validator) add(name, format string, args ...any) { v.list.Add(place(name), format, args...) }

// address checks host:port. An own address may leave out the host, which means
// every interface, and may have port 0, which means a free one.
func (v *validator) address(name, address string, own bool) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		v.add(name, "wants host:port, such as 127.0.0.1:3306, has %q", address)
		return
	}
	low := 1
	if own {
		low = 0
	}
	if n, err := strconv.Atoi(port); err != nil || n < low || n > 65535 {
		v.add(name, "wants a port from %d to 65535, has %q", low, address)
	}
	if host == "" && !own {
		v.add(name, "wants a host before the port, has %q", address)
	}
	if strings.ContainsAny(host, " /") {
		v.add(name, "wants a host name or address before the port, has %q", address)
	}
}

func (v *validator) word(name, word string, words []string) {
	if choice, ok := oneOf(word, words); !ok {
		v.add(name, "wants %s, has %q%s", choice, word, fault.DidYouMean(word, words))
	}
}

func (v *validator) atLeast(name string, n, low int) {
	if n < low {
		v.add(name, "wants a number of at least %d, has %d", low, n)
	}
}

// contexts does not show the URL: it may hold a password.
func (v *validator) contexts(place string) {
	if place == InMemory {
		return
	}
	if _, err := ParseRedis(place); err != nil {
		v.add("contexts", "%v", err)
	}
}

func (v *validator) notNegative(name string, d time.Duration) {
	if d < 0 {
		v.add(name, "wants a duration of at least 0, has %s", d)
	}
}
