package rewrite

import (
	"ifmatch/schema"
)

// This file is about the form in which a read set keeps keys and tokens: bytes
// that do not depend on the session that reads them, nor on the protocol,
// because sessions share them. The server makes them, by the same SQL in hidden
// columns, where tokens are read again, and in guards.

// plain reports whether a column's canonical form is what any SELECT shows of
// it: digits, or bytes that no character set converts.
func (c *Column) plain() bool {
	if c.digest != nil {
		return false
	}
	switch c.Class {
	case schema.Unknown, schema.Integer, schema.Year, schema.Decimal, schema.Binary:
		return true
	}
	return false
}

// KeySQL gives the SQL of the table's key in canonical form, one expression for
// each key column with commas between. qualifier goes before the columns as it
// stands, so it comes quoted; where it is empty they are not qualified. explain
// and migrate show it.
func (t *Table) KeySQL(qualifier string) string {
	var sql []byte
	for i := range t.Key {
		if i > 0 {
			sql = append(sql, ", "...)
		}
		sql = t.Key[i].appendForm(sql, qualifier)
	}
	return string(sql)
}

// TokenSQL is KeySQL for the token: the version or the digest, then the term if
// there is one. It is empty where the policy guards no version.
func (t *Table) TokenSQL(qualifier string) string {
	if t.Version == nil {
		return ""
	}
	sql := t.Version.Column.appendForm(nil, qualifier)
	if t.Version.Term != nil {
		sql = append(sql, ", "...)
		sql = t.Version.Term.appendForm(sql, qualifier)
	}
	return string(sql)
}

// appendForm writes the SQL that gives the canonical form of a column, or a
// digest, of the table known as qualifier. Of a plain column it is the column,
// else an expression that gives a binary string, NULL for NULL. It reads the
// same under every sql_mode and character set of the session. What it is
// compared with has to be a binary string as well, introduced by _binary: in a
// session whose connection speaks UTF-16 a bare literal has other bytes.
func (c *Column) appendForm(dst []byte, qualifier string) []byte {
	switch {
	case c.digest != nil:
		return appendDigest(dst, c.digest, qualifier)
	case c.plain():
		return appendColumn(dst, qualifier, c.Name)
	}
	if c.Class == schema.Other && c.def != nil && c.def.Long() {
		dst = append(dst, "CAST("...) // a VECTOR cannot be cast to text
		dst = appendColumn(dst, qualifier, c.Name)
		return append(dst, " AS BINARY)"...)
	}
	dst = append(dst, "CAST(CAST("...)
	dst = c.appendSettled(dst, qualifier)
	return append(dst, " AS CHAR CHARACTER SET utf8mb4) AS BINARY)"...)
}

// appendSettled writes the column so that its text depends on no setting of the
// session.
func (c *Column) appendSettled(dst []byte, qualifier string) []byte {
	switch {
	case c.Class == schema.Bit:
		return append(appendColumn(dst, qualifier, c.Name), "+0"...)
	case c.Class == schema.Float:
		return appendExact(dst, qualifier, c.Name)
	case c.Class == schema.Temporal && c.def != nil && c.def.DataType == "timestamp":
		return appendInstant(dst, qualifier, c.Name)
	case c.Class == schema.String && c.def != nil && c.def.DataType == "char":
		// MariaDB's sql_mode ORACLE makes RTRIM give NULL for an empty string.
		dst = append(dst, "IFNULL(RTRIM("...)
		dst = appendColumn(dst, qualifier, c.Name)
		dst = append(dst, "),LEFT("...)
		dst = appendColumn(dst, qualifier, c.Name)
		return append(dst, ",0))"...)
	}
	return appendColumn(dst, qualifier, c.Name)
}

// appendColumn writes a column's name behind its qualifier.
func appendColumn(dst []byte, qualifier, name string) []byte {
	if qualifier != "" {
		dst = append(dst, qualifier...)
		dst = append(dst, '.')
	}
	return quoteName(dst, name)
}

// appendExact writes a FLOAT or DOUBLE so that its text gives the value back: a
// FLOAT by itself shows six digits, a FLOAT(7,3) three behind the point.
func appendExact(dst []byte, qualifier, name string) []byte {
	return append(appendColumn(dst, qualifier, name), "*1e0"...)
}

// appendInstant writes a TIMESTAMP as the server stores it. Its text would move
// with time_zone, and repeat for an hour where summer time ends.
func appendInstant(dst []byte, qualifier, name string) []byte {
	dst = append(dst, "UNIX_TIMESTAMP("...)
	return append(appendColumn(dst, qualifier, name), ')')
}

// ascii reports whether a column, or each of those that a digest is made of, can
// be named in every character set of a session.
func (c *Column) ascii() bool {
	for _, of := range c.digest {
		if !ascii(of.Name) {
			return false
		}
	}
	return ascii(c.Name)
}
