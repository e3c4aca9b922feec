package proxy

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"

	"ifmatch/sqltext"
	"ifmatch/wire"
)

// maxUsing bounds the bytes of all variables of one EXECUTE … USING that are read.
const maxUsing = 4 << 20

// using takes the values of USING @a, @b, which is the whole of at, into the execution at
// hand. It says why it cannot; failed is the server's error where it was asked for them.
func (s *session) using(t *sqltext.Text, at sqltext.Span) (refused string, failed *wire.ERR, err error) {
	s.exec = wire.Execute{Iterations: 1}
	i, end := int(at.Start), int(at.End)
	if i == end {
		return "", nil, nil
	}
	const wanted = "EXECUTE of a write on a guarded table takes variables and constants behind USING"
	if !t.Is(i, "USING") {
		return wanted, nil, nil
	}
	var params []wire.Param
	var names []string // of the variables among them
	var places []int
	for i++; i < end; i++ {
		param, next, ok := s.usingConstant(t, i)
		switch {
		case t.Tokens[i].Kind == sqltext.UserVar && t.Tokens[i].End-t.Tokens[i].Start > 1:
			names, places = append(names, string(t.Bytes(i))), append(places, len(params))
			next = i + 1
		case !ok:
			return wanted, nil, nil
		}
		params = append(params, param)
		if i = next; i == end {
			break
		}
		if !t.IsOp(i, ",") || i+1 == end {
			return wanted, nil, nil
		}
	}
	if len(names) > 0 {
		values, refused, failed, err := s.variables(names)
		if refused != "" || failed != nil || err != nil {
			return refused, failed, err
		}
		for k, v := range values {
			params[places[k]] = v
		}
	}
	s.exec.Params = params
	return "", nil, nil
}

// usingConstant reads a constant behind USING, which MariaDB takes there.
func (s *session) usingConstant(t *sqltext.Text, i int) (p wire.Param, next int, ok bool) {
	if s.state.Lex.Flavor != sqltext.MariaDB {
		return p, 0, false
	}
	negative := t.IsOp(i, "-")
	if negative {
		i++
	}
	if i >= len(t.Tokens) {
		return p, 0, false
	}
	switch {
	case t.Tokens[i].Kind == sqltext.Number:
		text := string(t.Bytes(i))
		if negative {
			text = "-" + text
		}
		p, ok = numberParam(text)
	case negative:
	case t.Tokens[i].Kind == sqltext.String && (i+1 == len(t.Tokens) || t.Tokens[i+1].Kind != sqltext.String):
		if first := t.Bytes(i)[0]; first == '\'' || first == '"' {
			value, _ := t.StringValue(nil, i)
			p, ok = wire.NewBytes(value), true
		}
	case t.Is(i, "NULL"):
		p, ok = wire.NewNull(), true
	}
	return p, i + 1, ok
}

// numberParam gives a number as the server types it: whole, decimal, or with an exponent.
func numberParam(text string) (wire.Param, bool) {
	if v, err := strconv.ParseUint(text, 10, 64); err == nil {
		return wholeParam(v, v > math.MaxInt64), true
	}
	if v, err := strconv.ParseInt(text, 10, 64); err == nil {
		return wire.NewInt(v), true
	}
	for _, c := range text {
		if c == 'e' || c == 'E' {
			return doubleParam(text)
		}
	}
	p := wire.NewBytes([]byte(text))
	p.Type = wire.TypeNewDecimal
	return p, true
}

func wholeParam(v uint64, unsigned bool) wire.Param {
	p := wire.NewUint(v)
	p.Unsigned = unsigned
	return p
}

func doubleParam(text string) (wire.Param, bool) {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return wire.Param{}, false
	}
	return wire.Param{Type: wire.TypeDouble, Value: binary.LittleEndian.AppendUint64(nil, math.Float64bits(f))}, true
}

// variables reads user variables as the parameters that the server would make of them.
func (s *session) variables(names []string) (params []wire.Param, refused string, failed *wire.ERR, err error) {
	// sql_select_limit does not count where there is a LIMIT.
	sql := []byte("SELECT @@session.character_set_client")
	for _, n := range names {
		sql = append(sql, ", "+n+", CAST("+n+" AS BINARY), CHARSET("+n+")"...)
	}
	sql = append(sql, " FROM DUAL WHERE 0"...)
	for _, n := range names {
		sql = append(sql, "+COALESCE(LENGTH("+n+"),0)"...)
	}
	sql = append(sql, " <= "+strconv.Itoa(maxUsing)+" LIMIT 1"...)
	rows, failed, err := s.ask(sql)
	if failed != nil || err != nil {
		return nil, "", failed, err
	}
	if len(rows) == 0 {
		return nil, "the variables behind USING are too large to be judged; send the statement by the binary protocol", nil, nil
	}
	row, types := rows[0], s.asked
	for i, name := range names {
		at := 1 + 3*i
		p, ok := variableParam(types[at], row[at], row[at+1], string(row[at+2]), string(row[0]))
		if !ok {
			return nil, name + " is in a character set that cannot be judged here", nil, nil
		}
		params = append(params, p)
	}
	return params, "", nil, nil
}

// variableParam gives the value of a user variable as a parameter: its type, its text, its
// bytes, their character set, and that of the client. ok is false where the client's
// character set may not have the text.
func variableParam(t asideType, text, raw []byte, charset, client string) (p wire.Param, ok bool) {
	if text == nil {
		return wire.NewNull(), true
	}
	switch t.FieldType {
	case wire.TypeLongLong:
		if t.unsigned {
			v, err := strconv.ParseUint(string(text), 10, 64)
			return wholeParam(v, true), err == nil
		}
		v, err := strconv.ParseInt(string(text), 10, 64)
		return wire.NewInt(v), err == nil
	case wire.TypeDouble:
		return doubleParam(string(text))
	case wire.TypeNewDecimal, wire.TypeDecimal:
		p = wire.NewBytes(text)
		p.Type = wire.TypeNewDecimal
		return p, true
	}
	p = wire.NewBytes(raw)
	if charset == "binary" {
		p.Type = wire.TypeBlob
		return p, true
	}
	if charset == client {
		return p, true
	}
	for _, wide := range [...]string{"ucs2", "utf16", "utf32"} { // and utf16le
		if strings.HasPrefix(charset, wide) {
			return p, false
		}
	}
	return p, ascii(raw)
}
