package wire

import "fmt"

// A FieldType is the type of a column or parameter.
// Source: enum_field_types in MySQL's include/field_types.h.
type FieldType byte

// The types that travel in packets.
const (
	TypeDecimal    FieldType = 0
	TypeTiny       FieldType = 1
	TypeShort      FieldType = 2
	TypeLong       FieldType = 3
	TypeFloat      FieldType = 4
	TypeDouble     FieldType = 5
	TypeNull       FieldType = 6
	TypeTimestamp  FieldType = 7
	TypeLongLong   FieldType = 8
	TypeInt24      FieldType = 9
	TypeDate       FieldType = 10
	TypeTime       FieldType = 11
	TypeDatetime   FieldType = 12
	TypeYear       FieldType = 13
	TypeNewDate    FieldType = 14
	TypeVarchar    FieldType = 15
	TypeBit        FieldType = 16
	TypeTimestamp2 FieldType = 17
	TypeDatetime2  FieldType = 18
	TypeTime2      FieldType = 19
	TypeTypedArray FieldType = 20
	TypeVector     FieldType = 242
	TypeInvalid    FieldType = 243
	TypeBool       FieldType = 244
	TypeJSON       FieldType = 245
	TypeNewDecimal FieldType = 246
	TypeEnum       FieldType = 247
	TypeSet        FieldType = 248
	TypeTinyBlob   FieldType = 249
	TypeMediumBlob FieldType = 250
	TypeLongBlob   FieldType = 251
	TypeBlob       FieldType = 252
	TypeVarString  FieldType = 253
	TypeString     FieldType = 254
	TypeGeometry   FieldType = 255
)

var fieldTypeNames = [256]string{
	TypeDecimal: "DECIMAL", TypeTiny: "TINY", TypeShort: "SHORT", TypeLong: "LONG", TypeFloat: "FLOAT", TypeDouble: "DOUBLE",
	TypeNull: "NULL", TypeTimestamp: "TIMESTAMP", TypeLongLong: "LONGLONG", TypeInt24: "INT24", TypeDate: "DATE", TypeTime: "TIME",
	TypeDatetime: "DATETIME", TypeYear: "YEAR", TypeNewDate: "NEWDATE", TypeVarchar: "VARCHAR", TypeBit: "BIT",
	TypeTimestamp2: "TIMESTAMP2", TypeDatetime2: "DATETIME2", TypeTime2: "TIME2", TypeTypedArray: "TYPED_ARRAY",
	TypeVector: "VECTOR", TypeInvalid: "INVALID", TypeBool: "BOOL", TypeJSON: "JSON", TypeNewDecimal: "NEWDECIMAL",
	TypeEnum: "ENUM", TypeSet: "SET", TypeTinyBlob: "TINY_BLOB", TypeMediumBlob: "MEDIUM_BLOB", TypeLongBlob: "LONG_BLOB",
	TypeBlob: "BLOB", TypeVarString: "VAR_STRING", TypeString: "STRING", TypeGeometry: "GEOMETRY",
}

// String gives the server's name without its MYSQL_TYPE_ prefix.
func (t FieldType) String() string {
	if name := fieldTypeNames[t]; name != "" {
		return name
	}
	return fmt.Sprintf("%#x", byte(t))
}

// How a value of a type is laid out in a binary row or an execution.
const (
	layoutUnknown = -1 - iota
	layoutLenenc  // a length-encoded string
	layoutClock   // one byte of length, and as many bytes: dates and times
)

// layout returns the fixed size in bytes of the type's binary form, or one of
// the layouts above. Source: "Binary Protocol Value", and send_data_binary or
// Protocol_binary::store_* in the servers.
func (t FieldType) layout() int {
	switch t {
	case TypeNull:
		return 0
	case TypeTiny, TypeBool:
		return 1
	case TypeShort, TypeYear:
		return 2
	case TypeLong, TypeInt24, TypeFloat:
		return 4
	case TypeLongLong, TypeDouble:
		return 8
	case TypeDate, TypeDatetime, TypeTimestamp, TypeTime, TypeNewDate, TypeTimestamp2, TypeDatetime2, TypeTime2:
		return layoutClock
	case TypeDecimal, TypeVarchar, TypeBit, TypeVector, TypeJSON, TypeNewDecimal, TypeEnum, TypeSet, TypeTinyBlob,
		TypeMediumBlob, TypeLongBlob, TypeBlob, TypeVarString, TypeString, TypeGeometry:
		return layoutLenenc
	}
	return layoutUnknown
}

// A FieldFlag is the set of flags of a column definition.
// Source: "Column Definition Flags" in MySQL's include/mysql_com.h.
type FieldFlag uint16

// The column definition flags.
const (
	FlagNotNull FieldFlag = 1 << iota
	FlagPrimaryKey
	FlagUniqueKey
	FlagMultipleKey
	FlagBlob
	FlagUnsigned
	FlagZerofill
	FlagBinary
	FlagEnum
	FlagAutoIncrement
	FlagTimestamp
	FlagSet
	FlagNoDefaultValue
	FlagOnUpdateNow
	FlagPartKey
	FlagNum
)

var fieldFlagNames = [...]string{
	"NOT_NULL", "PRI_KEY", "UNIQUE_KEY", "MULTIPLE_KEY", "BLOB", "UNSIGNED", "ZEROFILL", "BINARY", "ENUM", "AUTO_INCREMENT",
	"TIMESTAMP", "SET", "NO_DEFAULT_VALUE", "ON_UPDATE_NOW", "PART_KEY", "NUM",
}

// Has tells whether all of want are set.
func (f FieldFlag) Has(want FieldFlag) bool { return f&want == want }

// String names the flags, joined by "|".
func (f FieldFlag) String() string { return flagNames(uint64(f), fieldFlagNames[:]) }
