package integration

import "ifmatch/integration/server"

// settings are what a session may have set while it reads a key or a token.
var settings = []struct{ name, only, set string }{
	{name: "defaults"},
	{name: "time zone", set: "SET time_zone = '+05:30', timestamp = 1"},
	{name: "latin1", set: "SET NAMES latin1"},
	{name: "gbk", set: "SET NAMES gbk"},
	{name: "sjis", set: "SET NAMES sjis"},
	{name: "binary", set: "SET NAMES binary"},
	{name: "results as they are", set: "SET character_set_results = NULL"},
	{name: "utf16 connection", set: "SET character_set_connection = utf16"},
	{name: "ucs2 connection", set: "SET character_set_connection = ucs2"},
	{name: "utf32 connection", set: "SET character_set_connection = utf32"},
	{name: "utf16 results", set: "SET character_set_results = utf16"},
	{name: "collation", set: "SET collation_connection = utf8mb4_bin"},
	{name: "numbers and names", set: "SET lc_time_names = 'de_DE', div_precision_increment = 0, default_week_format = 3, group_concat_max_len = 4"},
	{name: "no mode", set: "SET sql_mode = ''"},
	{name: "traditional", set: "SET sql_mode = 'TRADITIONAL'"},
	{name: "padding", set: "SET sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'"},
	{name: "padding in utf16", set: "SET sql_mode = 'PAD_CHAR_TO_FULL_LENGTH', character_set_connection = utf16"},
	{name: "ansi", set: "SET sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,HIGH_NOT_PRECEDENCE,NO_UNSIGNED_SUBTRACTION,NO_ZERO_DATE,NO_ZERO_IN_DATE,STRICT_ALL_TABLES'"},
	{name: "oracle", only: server.FlavorMariaDB, set: "SET sql_mode = 'ORACLE,PAD_CHAR_TO_FULL_LENGTH'"},
	{name: "mssql", only: server.FlavorMariaDB, set: "SET sql_mode = 'MSSQL,EMPTY_STRING_IS_NULL,TIME_ROUND_FRACTIONAL'"},
	{name: "truncation", only: server.FlavorMySQL, set: "SET sql_mode = 'TIME_TRUNCATE_FRACTIONAL'"},
}

// domain is a type of columns and values of it. Each value is given in one or
// more ways to write it, which have to be one value to the proxy.
type domain struct {
	of     string
	only   string // a flavor, where the other one has no such type
	values [][]string
}

// each gives values that have one way to be written.
func each(values ...string) [][]string {
	all := make([][]string, len(values))
	for i, v := range values {
		all[i] = []string{v}
	}
	return all
}

// texts are strings of any type that the comparison of a collation may take for one, or
// that look like what a digest writes for NULL.
var texts = each("NULL", "''", "'NULL'", "'N'", "'-1'", "'0'", "','", "'a'", "'A'", "'b'", "' a'", "'aa'", "'a,a'", "x'00'", "x'5c'", "x'27'", "'1,a'", "'3,a'")

// accents are texts in character sets that have them all.
var accents = append(each("'ä'", "'a\u0308'", "'ß'", "'ss'", "'é'", "'你'", "'好'"), texts...)

// trailing are texts of types that keep what CHAR does not.
var trailing = each("'a '", "'a  '", "' '", "'a\\t'")

func domains() []domain {
	both := func(a, b [][]string) [][]string { return append(append([][]string{}, a...), b...) }
	padded := [][]string{{"NULL"}, {"''", "' '", "'     '"}, {"'a'", "'a '", "'a    '"}, {"'A'"}, {"' a'", "' a '"}, {"'b'"}, {"'aa'"}, {"'a a'"},
		{"'N'"}, {"'-1'"}, {"'a\\t'"}, {"'abcde'"}}
	all := []domain{
		{of: "TINYINT", values: each("NULL", "0", "1", "-1", "127", "-128", "12")},
		{of: "BIGINT UNSIGNED", values: each("NULL", "0", "9007199254740992", "9007199254740993", "18446744073709551615", "18446744073709551614")},
		{of: "INT(6) ZEROFILL", values: [][]string{{"NULL"}, {"7", "007"}, {"70"}, {"1234567"}}},
		{of: "DECIMAL(30,10)", values: [][]string{{"NULL"}, {"0", "-0.0"}, {"1.5", "1.5000"}, {"-1.5"}, {"0.0000000001"}, {"12345678901234567890.1234567890"}, {"12345678901234567890.1234567891"}}},
		{of: "DECIMAL(65,30)", values: each("12345678901234567890123456789012345.123456789012345678901234567890", "12345678901234567890123456789012345.123456789012345678901234567891")},
		{of: "FLOAT", values: [][]string{{"NULL"}, {"0"}, {"0.1", "1e-1"}, {"0.10000001"}, {"16777216"}, {"16777215"}, {"16777214"}, {"1e10"}, {"1.0000001"}, {"1"}, {"1.0000002"}, {"3.4028234e38"}, {"1e-45"}, {"-0.1"}}},
		{of: "FLOAT(7,3)", values: each("NULL", "0", "0.1", "0.101", "1234.567", "1234.568")},
		{of: "DOUBLE", values: [][]string{{"NULL"}, {"0"}, {"0.1e0 + 0.2e0"}, {"0.3e0"}, {"9007199254740992e0"}, {"9007199254740994e0"}, {"1.7976931348623157e308"}, {"1.7976931348623155e308"}, {"5e-324"}, {"1e-323"}, {"1e0"}, {"1.0000000000000002e0"}}},
		{of: "DOUBLE ", only: server.FlavorMySQL, values: each("0", "-0e0")},
		{of: "DOUBLE(20,2)", values: each("NULL", "0", "0.01", "123456789012.34", "123456789012.35")},
		{of: "BIT(1)", values: each("NULL", "0", "1")},
		{of: "BIT(64)", values: [][]string{{"NULL"}, {"0"}, {"5", "b'101'", "x'0000000000000005'"}, {"18446744073709551615"}, {"18446744073709551614"}, {"9007199254740993"}, {"9007199254740992"}}},
		{of: "YEAR", values: [][]string{{"NULL"}, {"0000"}, {"2024", "'24'"}, {"1999"}}},
		{of: "DATE", values: [][]string{{"NULL"}, {"'0000-00-00'"}, {"'2024-00-00'"}, {"'2024-01-00'"}, {"'2024-01-02'", "20240102"}, {"'9999-12-31'"}}},
		{of: "DATETIME", values: [][]string{{"NULL"}, {"'0000-00-00 00:00:00'"}, {"'2024-01-02 03:04:05'", "20240102030405"}, {"'2024-01-02 03:04:06'"}, {"'9999-12-31 23:59:59'"}}},
		{of: "DATETIME(6)", values: [][]string{{"NULL"}, {"'2024-01-02 03:04:05'", "'2024-01-02 03:04:05.000000'"}, {"'2024-01-02 03:04:05.000001'"}, {"'2024-01-02 03:04:05.1'"}, {"'2024-01-02 03:04:05.000010'"}}},
		{of: "TIME(6)", values: [][]string{{"NULL"}, {"'00:00:00'"}, {"'-00:00:00.000001'"}, {"'00:00:00.000001'"}, {"'838:59:59'"}, {"'-838:59:59'"}, {"'01:02:03'", "10203"}}},
		{of: "TIMESTAMP NULL", values: each("NULL", "'0000-00-00 00:00:00'", "'1970-01-01 00:00:01'", "'2024-01-02 03:04:05'", "'2024-01-02 03:04:06'", "'2038-01-19 03:14:07'")},
		{of: "TIMESTAMP(6) NULL", values: each("NULL", "'0000-00-00 00:00:00'", "'2024-01-02 03:04:05'", "'2024-01-02 03:04:05.000001'", "'2024-01-02 03:04:05.1'", "'2038-01-19 03:14:07.999999'")},
		{of: "CHAR(5)", values: padded},
		{of: "CHAR(5) CHARACTER SET latin1", values: padded},
		{of: "CHAR(5) CHARACTER SET gbk", values: both(padded, each("'你'", "'你好'"))},
		{of: "CHAR(5) CHARACTER SET utf16", values: both(padded, each("'ä'", "'你'", "'😀'"))},
		{of: "CHAR(255) CHARACTER SET utf32", values: padded},
		{of: "CHAR(0)", values: each("NULL", "''")},
		{of: "VARCHAR(50) COLLATE utf8mb4_general_ci", values: both(accents, trailing)},
		{of: "VARCHAR(50) CHARACTER SET utf8mb4", values: both(both(accents, trailing), each("'😀'", "'😁'"))},
		{of: "VARCHAR(50) CHARACTER SET utf16", values: both(both(accents, trailing), each("'😀'", "'😁'"))},
		{of: "VARCHAR(50) CHARACTER SET utf16le", values: both(accents, each("'😀'", "'😁'"))},
		{of: "VARCHAR(50) CHARACTER SET utf32", values: both(accents, each("'😀'", "'😁'"))},
		{of: "VARCHAR(50) CHARACTER SET ucs2", values: both(accents, trailing)},
		{of: "VARCHAR(50) CHARACTER SET latin1", values: both(both(texts, trailing), each("'ä'", "'é'", "'€'", "_latin1 x'81'", "_latin1 x'8d'"))},
		{of: "VARCHAR(50) CHARACTER SET gbk", values: both(both(texts, trailing), each("'你'", "'好'", "_gbk x'815c'", "_gbk x'817e'"))},
		{of: "VARCHAR(50) CHARACTER SET sjis", values: both(texts, each("_sjis x'815c'", "_sjis x'835c'", "_sjis x'8160'"))},
		{of: "VARCHAR(50) CHARACTER SET big5", values: both(texts, each("'你'", "'好'"))},
		{of: "VARCHAR(50) CHARACTER SET ascii", values: both(texts, trailing)},
		{of: "TINYTEXT CHARACTER SET utf8mb4", values: both(accents, trailing)},
		{of: "TEXT CHARACTER SET gbk", values: both(texts, each("'你'", "'好'"))},
		{of: "TEXT CHARACTER SET utf16", values: both(accents, each("'😀'", "'😁'"))},
		{of: "LONGTEXT CHARACTER SET utf8mb4", values: both(both(accents, trailing), each("'😀'", "'😁'", "REPEAT('a', 70000)", "CONCAT(REPEAT('a', 69999), 'A')"))},
		{of: "BINARY(4)", values: [][]string{{"NULL"}, {"''", "x'00000000'"}, {"'a'", "x'61000000'"}, {"'a '"}, {"'N'"}, {"x'ffffffff'"}}},
		{of: "VARBINARY(20)", values: both(both(texts, trailing), each("x'ff'", "x'fe'", "x'6100'", "x'0061'"))},
		{of: "TINYBLOB", values: both(texts, trailing)},
		{of: "LONGBLOB", values: both(both(texts, trailing), each("REPEAT(x'00', 70000)", "REPEAT(x'00', 70001)"))},
		{of: "ENUM('','a','b','N','NULL','-1') CHARACTER SET utf16", values: [][]string{{"NULL"}, {"''", "1"}, {"0"}, {"'a'", "2"}, {"'b'"}, {"'N'"}, {"'NULL'"}, {"'-1'"}}},
		{of: "SET('','a','b','N')", values: [][]string{{"NULL"}, {"0"}, {"1"}, {"'a'"}, {"'b'"}, {"'a,b'", "'b,a'"}, {"'N'"}, {"15"}}},
		{of: "JSON", values: each("NULL", "'null'", "'\"null\"'", "'1'", "'1.0'", "'\"1\"'", "'[1]'", "'{\"a\": 1}'", "'{\"A\": 1}'", "'{\"a\": \"\"}'", "'{\"a\": null}'", "'\"ä\"'", "'0.1'", "'0.10000000000000002'")},
		{of: "GEOMETRY", values: each("NULL", "ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(2 1)')", "ST_GeomFromText('POINT(1 2)', 4326)", "ST_GeomFromText('LINESTRING(1 2,3 4)')", "ST_GeomFromText('POINT(1 2.0000000000000004)')")},
		{of: "POINT", values: each("NULL", "ST_GeomFromText('POINT(1 2)')", "ST_GeomFromText('POINT(2 1)')")},
		{of: "JSON ", only: server.FlavorMySQL, values: [][]string{{`'{"a": 1, "b": [true]}'`, `'{"b":[true],"a":1}'`}, {`'{"a": 1, "b": [false]}'`}}},
		{of: "VECTOR(3)", only: server.FlavorMySQL, values: each("NULL", "STRING_TO_VECTOR('[1,2,3]')", "STRING_TO_VECTOR('[1,2]')", "STRING_TO_VECTOR('[1,2,3.0000002]')")},
		{of: "UUID", only: server.FlavorMariaDB, values: [][]string{{"NULL"}, {"'00000000-0000-0000-0000-000000000000'"}, {"'123e4567-e89b-12d3-a456-426655440000'", "'123E4567E89B12D3A456426655440000'"}, {"'123e4567-e89b-12d3-a456-426655440001'"}}},
		{of: "INET4", only: server.FlavorMariaDB, values: each("NULL", "'0.0.0.0'", "'1.2.3.4'", "'255.255.255.255'")},
		{of: "INET6", only: server.FlavorMariaDB, values: [][]string{{"NULL"}, {"'::'"}, {"'::1'", "'0:0:0:0:0:0:0:1'"}, {"'::ffff:1.2.3.4'"}, {"'::1.2.3.4'"}}},
	}
	return all
}
