package conf

import (
	"github.com/spf13/pflag"
)

// configFlag is the one flag that is no key of the file.
const configFlag = "config"

// passwordFlag is the flag whose value is a secret, and passwordEnv the
// environment variable that spares the user from showing it in the process list.
const (
	passwordFlag = "service-password"
	passwordEnv  = "IFMATCH_SERVICE_PASSWORD"
)

// Flags adds all flags to fs. They write to c; what c holds is their default.
// A command that wants only some of them takes these over by
// cmd.Flags().AddFlag(fs.Lookup(name)); Load does not mind the missing ones.
func (c *Config) Flags(fs *pflag.FlagSet) {
	fs.String(configFlag, "", "read settings from this YAML `file`; its keys are named as the flags, and flags win")
	c.settings(fs)
}

// settings adds the flags that are also keys of the file.
func (c *Config) settings(fs *pflag.FlagSet) {
	fs.StringVar(&c.Listen, "listen", c.Listen, "accept clients at this `host:port`")
	fs.StringVar(&c.Backend, "backend", c.Backend, "`host:port` of the MySQL or MariaDB server")
	fs.StringVar(&c.Policy, "policy", c.Policy, "policy `file`")
	fs.StringVar(&c.Admin, "admin", c.Admin, "serve health and metrics at this `host:port`; empty for none")
	fs.StringVar(&c.ServiceUser, "service-user", c.ServiceUser, "`account` that reads the schema; without one the policy must name every key")
	fs.StringVar(&c.ServicePassword, passwordFlag, c.ServicePassword, "its `password`; better in the environment as "+passwordEnv)
	fs.StringVar(&c.TLSCert, "tls-cert", c.TLSCert, "PEM certificate `file` for clients; a self-signed one is made where it is not given")
	fs.StringVar(&c.TLSKey, "tls-key", c.TLSKey, "PEM key `file` of --tls-cert")
	fs.StringVar(&c.RSAKey, "rsa-key", c.RSAKey, "PEM key `file` with which clients without TLS encrypt passwords where the backend has TLS; one is made where it is not given")
	fs.BoolVar(&c.RequireTLS, "require-tls", c.RequireTLS, "refuse clients that do not use TLS")
	fs.StringVar((*string)(&c.BackendTLS), "backend-tls", string(c.BackendTLS), "TLS to the backend, a `mode`: disabled, preferred, required, verify-ca or verify-identity")
	fs.StringVar(&c.BackendCA, "backend-ca", c.BackendCA, "PEM `file` of the authorities that verify-ca and verify-identity trust; the system's where it is not given")
	fs.IntVar(&c.MaxSessions, "max-sessions", c.MaxSessions, "`number` of clients that may be connected at once; 0 for no limit")
	fs.StringVar(&c.Contexts, "contexts", c.Contexts, "where named contexts are kept, a `place`: memory, or redis://[user:password@]host:port[/db][?prefix=…&timeout=250ms] (rediss:// for TLS, &ca=file); password better in the environment as "+redisPasswordEnv)
	fs.DurationVar(&c.IdleTransactionWarn, "idle-transaction-warn", c.IdleTransactionWarn, "log a session that is idle in a transaction for this `time`; 0 for never")
	fs.DurationVar(&c.IdleTransactionEnd, "idle-transaction-end", c.IdleTransactionEnd, "roll back, and end, a session that is idle in a transaction for this `time`; 0 for never")
	fs.IntVar(&c.PlanCache, "plan-cache", c.PlanCache, "`number` of statement plans that are kept")
	fs.StringVar(&c.LogFormat, "log-format", c.LogFormat, "`format` of the log: text or json")
	fs.StringVar(&c.LogLevel, "log-level", c.LogLevel, "`level` of the log: debug, info, warn or error")
	fs.DurationVar(&c.Drain, "drain", c.Drain, "`time` that open transactions have after SIGTERM")
	fs.DurationVar(&c.SchemaRefresh, "schema-refresh", c.SchemaRefresh, "`time` after which the schema is read again")
	fs.DurationVar(&c.ObserveWait, "observe-wait", c.ObserveWait, "`time` for which reading rows beside a statement, in mode observe, may keep its client waiting")
}
