package schema

import (
	"strings"
)

// Class is what kind of values a column has, as far as keys and tokens differ
// by it.
type Class uint8

// The classes. Unknown stands for a column of which nothing is known; Other is
// a known type of none of the other classes (geometry, vector, uuid, inet6 …).
const (
	Unknown  Class = iota
	Integer        // tinyint to bigint
	Decimal        // exact with a scale
	Float          // float and double
	String         // char, varchar and the text types
	Binary         // binary, varbinary and the blob types
	Temporal       // datetime and timestamp
	Date
	Time
	Year
	Enum
	Set
	Bit
	JSON
	Other
)

var classNames = [...]string{"unknown", "integer", "decimal", "float", "string", "binary", "temporal",
	"date", "time", "year", "enum", "set", "bit", "json", "other"}

// String gives the class in lower case.
func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return classNames[Unknown]
}

// Column is a column of a base table, as information_schema.COLUMNS has it.
type Column struct {
	Name     string
	DataType string // in lower case, without length: "bigint", "varchar"
	Class    Class

	Unsigned      bool
	Nullable      bool
	Invisible     bool
	Generated     bool // its value is computed: it cannot be assigned
	AutoIncrement bool
	OnUpdateNow   bool // ON UPDATE CURRENT_TIMESTAMP

	Length    int // of String in characters, of Binary in bytes
	Precision int // of Integer, Decimal and Float in digits, of Bit in bits
	Scale     int // of Decimal
	Fsp       int // digits of the second's fraction, of Temporal and Time

	Charset, Collation string // of String, Enum and Set

	Members []string // of Enum and Set, in their order

	// Default is the value that a new row gets, as text, or an expression of
	// the server's where DefaultIsExpression; nil for no default and NULL.
	Default             *string
	DefaultIsExpression bool
}

// integerBits is the width of each integer type.
var integerBits = map[string]uint{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "integer": 32, "bigint": 64}

// Max gives the greatest value of an integer column, and 0 for any other.
func (c *Column) Max() uint64 {
	bits := integerBits[c.DataType]
	if bits == 0 {
		return 0
	}
	if !c.Unsigned {
		bits--
	}
	return 1<<bits - 1
}

var classes = map[string]Class{
	"tinyint": Integer, "smallint": Integer, "mediumint": Integer, "int": Integer, "integer": Integer, "bigint": Integer,
	"decimal": Decimal, "numeric": Decimal,
	"float": Float, "double": Float, "real": Float,
	"char": String, "varchar": String, "tinytext": String, "text": String, "mediumtext": String, "longtext": String,
	"binary": Binary, "varbinary": Binary, "tinyblob": Binary, "blob": Binary, "mediumblob": Binary, "longblob": Binary,
	"datetime": Temporal, "timestamp": Temporal,
	"date": Date, "time": Time, "year": Year, "enum": Enum, "set": Set, "bit": Bit, "json": JSON,
}

func classOf(dataType string) Class {
	if c, ok := classes[dataType]; ok {
		return c
	}
	return Other
}

// long says whether the column is a text or a blob.
func (c *Column) long() bool {
	return strings.HasSuffix(c.DataType, "text") || strings.HasSuffix(c.DataType, "blob")
}

// others are the types of class Other that are known, true where they are
// stored beside the row.
var others = map[string]bool{
	"geometry": true, "point": true, "linestring": true, "polygon": true, "multipoint": true, "multilinestring": true,
	"multipolygon": true, "geometrycollection": true, "geomcollection": true,
	"vector": true,
	"uuid":   false, "inet4": false, "inet6": false,
}

// Long says whether the column is of a type that is stored beside the row, not
// within the 65,535 bytes that a row may have.
func (c *Column) Long() bool {
	return c.long() || c.Class == JSON || others[c.DataType]
}

// Digestible says whether the type is one whose values a digest is known to tell
// apart: all but those that a server newer than this program brings.
func (c *Column) Digestible() bool {
	_, known := others[c.DataType]
	return c.Class != Unknown && (c.Class != Other || known)
}

// describe is the column's type for a message: "varchar(20)", "bigint unsigned".
func (c *Column) describe() string {
	s := c.DataType
	switch {
	case (c.Class == String || c.Class == Binary) && !c.long():
		s += parenthesis(c.Length)
	case c.Fsp > 0:
		s += parenthesis(c.Fsp)
	case c.Unsigned:
		s += " unsigned"
	}
	return s
}

// apply takes over what the server says in COLUMN_TYPE and EXTRA.
func (c *Column) apply(columnType, extra string) {
	c.Class = classOf(c.DataType)
	c.Unsigned = strings.Contains(strings.ToLower(columnType), " unsigned") && (c.Class == Integer || c.Class == Decimal || c.Class == Float)
	if c.Class == Enum || c.Class == Set {
		c.Members = members(columnType)
	}
	extra = strings.ToLower(extra)
	c.AutoIncrement = strings.Contains(extra, "auto_increment")
	c.OnUpdateNow = strings.Contains(extra, "on update current_timestamp")
	c.Invisible = strings.Contains(extra, "invisible")
	// MySQL says DEFAULT_GENERATED of a default that is an expression.
	c.Generated = strings.Contains(extra, "virtual generated") || strings.Contains(extra, "stored generated")
	c.DefaultIsExpression = strings.Contains(extra, "default_generated")
}

// members reads enum('a','b'), in which both servers write strings as
// append_unescaped does.
func members(columnType string) (all []string) {
	_, rest, _ := strings.Cut(columnType, "('")
	for rest != "" {
		end := 0
		for end < len(rest) && (rest[end] != '\'' || strings.HasPrefix(rest[end:], "''")) {
			if rest[end] == '\'' || rest[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end, len(rest))
		all = append(all, unquoteDefault(rest[:end]))
		_, rest, _ = strings.Cut(rest[end:], ",'")
	}
	return all
}

// applyMariaDBDefault reads COLUMN_DEFAULT as MariaDB prints it since 10.2.7:
// strings are quoted, NULL is a word, and the rest is an expression or a number.
func (c *Column) applyMariaDBDefault(text *string) {
	switch {
	case text == nil || *text == "NULL":
		c.Default = nil
	case strings.HasPrefix(*text, "'") && strings.HasSuffix(*text, "'") && len(*text) > 1:
		s := unquoteDefault((*text)[1 : len(*text)-1])
		c.Default = &s
	default:
		c.Default = text
		c.DefaultIsExpression = !isNumber(*text)
	}
}

// unquoteDefault undoes what MariaDB's append_unescaped does (sql/sql_show.cc).
func unquoteDefault(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\0`, "\x00", `\n`, "\n", `\r`, "\r", `''`, `'`).Replace(s)
}

func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789+-.eE") == "" && strings.ContainsAny(s, "0123456789")
}
