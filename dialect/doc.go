// Package dialect follows how the backend's session reads statements: server, sql_mode,
// character set and database, by what the server reports and answers, and how sure all of
// that is.
package dialect
