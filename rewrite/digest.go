package rewrite

import (
	"slices"
	"strconv"
	"strings"

	"ifmatch/policy"
	"ifmatch/schema"
)

// digestColumns gives the columns that a digest is made of. All are those that a
// write can set, less those that the policy ignores; schema.Check sees to it
// that there is one, and that the server's values of each can be told apart.
func digestColumns(d policy.Digest, t *Table) []*schema.Column {
	if t.columns == nil {
		return nil
	}
	columns := make([]*schema.Column, 0, len(t.columns.Columns))
	if !d.All {
		for _, name := range d.Columns {
			if c := t.columns.Column(name); c != nil {
				columns = append(columns, c)
			}
		}
		return columns
	}
	for _, c := range t.columns.Columns {
		if !c.Generated && !slices.ContainsFunc(t.Ignore, func(name string) bool { return strings.EqualFold(name, c.Name) }) {
			columns = append(columns, c)
		}
	}
	return columns
}

// appendDigest writes the SQL of the digest of a row: the SHA-256, 32 bytes, of
// its columns' values, each written so that where it ends, and whether it is
// NULL, can be told from the bytes alone:
//
//   - numbers and times as their text, N for NULL
//   - strings as their length, -1 for NULL, and their bytes in the column's own
//     character set
//   - what may be longer than a row is by its own SHA-256, so that no
//     max_allowed_packet cuts it off
//
// The rest of a row is at most 65,535 bytes and the numbers' text.
//
// The separator is cast because a binary literal yields to the character set of
// a column (DTCollation::aggregate in the server's sql/item.cc), and every value
// would be converted. SHA2 gives its digits in the character set of the
// connection, which may be UTF-16, and UNHEX reads none of those.
func appendDigest(dst []byte, columns []*schema.Column, qualifier string) []byte {
	dst = append(dst, "UNHEX(CONVERT(SHA2(CONCAT_WS(CAST(x'2c' AS BINARY)"...)
	for _, c := range columns {
		dst = append(dst, ',')
		dst = appendPart(dst, c, qualifier)
	}
	return append(dst, "),256)USING ascii))"...)
}

// appendPart writes what a digest takes of one column.
func appendPart(dst []byte, c *schema.Column, qualifier string) []byte {
	switch {
	case c.Long():
		return appendNullable(dst, c, func(dst []byte) []byte {
			dst = append(dst, "CONVERT(SHA2(CAST("...)
			dst = appendColumn(dst, qualifier, c.Name)
			return append(dst, " AS BINARY),256)USING ascii)"...)
		})
	case c.Class == schema.String || c.Class == schema.Binary:
		return appendString(dst, c, qualifier)
	case c.Class == schema.Enum || c.Class == schema.Set:
		// The number tells the member '' from no member. The text is there
		// because ALTER TABLE may give the number to another member.
		dst = appendNullable(dst, c, func(dst []byte) []byte {
			return append(appendColumn(dst, qualifier, c.Name), "+0"...)
		})
		dst = append(dst, ',')
		return appendColumn(dst, qualifier, c.Name)
	}
	return appendNullable(dst, c, func(dst []byte) []byte {
		switch {
		case c.Class == schema.Bit:
			return append(appendColumn(dst, qualifier, c.Name), "+0"...)
		case c.Class == schema.Float:
			return appendExact(dst, qualifier, c.Name)
		case c.DataType == "timestamp":
			return appendInstant(dst, qualifier, c.Name)
		case c.Class == schema.Other:
			dst = append(dst, "CAST("...)
			dst = appendColumn(dst, qualifier, c.Name)
			return append(dst, " AS CHAR CHARACTER SET ascii)"...)
		}
		return appendColumn(dst, qualifier, c.Name)
	})
}

// appendNullable writes a value in whose text there is no N, and N for NULL,
// which CONCAT_WS would leave out.
func appendNullable(dst []byte, c *schema.Column, value func([]byte) []byte) []byte {
	if !c.Nullable {
		return value(dst)
	}
	dst = append(dst, "IFNULL("...)
	dst = value(dst)
	return append(dst, ",x'4e')"...)
}

// appendString writes the length of a string in bytes, and the string. CONCAT_WS
// leaves out the string that is NULL, of which the length has said so. A CHAR is
// filled up to its full length, as sql_mode PAD_CHAR_TO_FULL_LENGTH does.
// OCTET_LENGTH is the one name for the number of bytes in every sql_mode.
func appendString(dst []byte, c *schema.Column, qualifier string) []byte {
	value := func(dst []byte) []byte {
		if c.DataType != "char" || c.Length == 0 {
			return appendColumn(dst, qualifier, c.Name)
		}
		dst = append(dst, "RPAD("...)
		dst = appendColumn(dst, qualifier, c.Name)
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, int64(c.Length), 10)
		return append(dst, ",_ascii x'20')"...)
	}
	if c.Nullable {
		dst = append(dst, "IFNULL("...)
	}
	dst = append(dst, "OCTET_LENGTH("...)
	dst = value(dst)
	dst = append(dst, ')')
	if c.Nullable {
		dst = append(dst, ",-1)"...)
	}
	dst = append(dst, ',')
	return value(dst)
}
