// Package conf is the configuration of the commands: its defaults, its flags,
// its file, and the rules that it must keep.
package conf

import (
	"slices"
	"time"

	"ifmatch/fault"
)

// Config is what the commands are told. Every field is a flag, and every flag
// is a key of the configuration file, of the same name.
type Config struct {
	Listen  string // host:port that clients connect to; port 0 takes a free one
	Backend string // host:port of the MySQL or MariaDB server
	Policy  string // path of the policy file
	Admin   string // host:port of health and metrics; "" for none

	ServiceUser     string // account that reads the schema; "" for none
	ServicePassword string // secret: never to be logged

	TLSCert    string // path of the PEM certificate for clients; "" for a self-signed one
	TLSKey     string // path of its key
	RSAKey     string // path of the PEM key for passwords of clients without TLS; "" for one of its own
	RequireTLS bool   // refuse clients that do not ask for TLS
	BackendTLS TLSMode
	BackendCA  string // path of a PEM bundle; "" for the system's

	MaxSessions         int           // 0 for no limit
	Contexts            string        // where named contexts live: memory, or a redis:// URL, which may hold a secret
	ContextsPassword    string        // of that server, from the environment; secret: never to be logged
	IdleTransactionWarn time.Duration // after which a session that is idle in a transaction is logged; 0 for never
	IdleTransactionEnd  time.Duration // after which it is rolled back and ended; 0 for never
	PlanCache           int           // plans kept, over all sessions

	LogFormat string // text or json
	LogLevel  string // debug, info, warn or error

	Drain         time.Duration // how long open transactions may go on after SIGTERM
	SchemaRefresh time.Duration // how often the schema is read again
	ObserveWait   time.Duration // how long reading beside a statement in mode observe may keep its client waiting
}

// Default is the configuration where nothing is said.
func Default() Config {
	return Config{
		Listen:     "127.0.0.1:4406",
		Backend:    "127.0.0.1:3306",
		Policy:     "policy.yaml",
		Admin:      "127.0.0.1:4480",
		BackendTLS: TLSPreferred,
		Contexts:   InMemory,
		PlanCache:  4096,

		IdleTransactionWarn: 10 * time.Second,
		IdleTransactionEnd:  5 * time.Minute,

		LogFormat:     "text",
		LogLevel:      "info",
		Drain:         30 * time.Second,
		SchemaRefresh: 10 * time.Second,
		ObserveWait:   50 * time.Millisecond,
	}
}

// TLSMode is how the proxy speaks to the backend. The words are those of
// MySQL's --ssl-mode, in lower case with '-' for '_'.
type TLSMode string

// TLS modes.
const (
	TLSDisabled       TLSMode = "disabled"        // never TLS
	TLSPreferred      TLSMode = "preferred"       // TLS where the backend offers it; nothing is verified
	TLSRequired       TLSMode = "required"        // TLS or nothing; nothing is verified
	TLSVerifyCA       TLSMode = "verify-ca"       // and the certificate is signed by a known authority
	TLSVerifyIdentity TLSMode = "verify-identity" // and it is for the host of Backend
)

var (
	tlsModes   = []string{string(TLSDisabled), string(TLSPreferred), string(TLSRequired), string(TLSVerifyCA), string(TLSVerifyIdentity)}
	logFormats = []string{"text", "json"}
	logLevels  = []string{"debug", "info", "warn", "error"}
)

// Verifies says whether the backend's certificate is held against authorities.
func (m TLSMode) Verifies() bool { return m == TLSVerifyCA || m == TLSVerifyIdentity }

// UsageError says that flags, environment or configuration file are wrong, and
// lists all that is. Commands that meet it exit with status 2.
type UsageError struct{ Faults fault.List }

// Error gives the faults, one a line, each with its place: "file:line:col",
// "--flag" or the name of the environment variable.
func (e *UsageError) Error() string { return e.Faults.Error() }

// Unwrap gives the list of faults.
func (e *UsageError) Unwrap() error { return e.Faults }

func usageError(faults fault.List) error {
	if len(faults) == 0 {
		return nil
	}
	faults.Sort()
	return &UsageError{faults}
}

func oneOf(word string, words []string) (text string, ok bool) {
	if slices.Contains(words, word) {
		return "", true
	}
	return fault.OneOf(words), false
}
