package wire

import "encoding/binary"

// Flags of a bulk execution.
const (
	// BulkUnitResults asks for a result with insert id and affected rows of each
	// row of parameters; with MariaDBBulkUnitResults, since MariaDB 11.5.
	BulkUnitResults = 1 << 6
	// BulkTypes says that the types of the parameters are in the packet.
	BulkTypes = 1 << 7
)

// An Indicator stands before each value of a bulk execution.
// Source: enum_indicator_type in MariaDB's include/mysql.h.
type Indicator byte

// The indicators. A value follows IndicatorValue only.
const (
	IndicatorValue Indicator = iota
	IndicatorNull
	IndicatorDefault // DEFAULT, of the column that the parameter is assigned to
	IndicatorIgnore  // an UPDATE leaves the column as it is; else it is DEFAULT
)

// BulkExecute is COM_STMT_BULK_EXECUTE after its command byte: one statement and
// rows of parameters for it, which are read one by one.
// Sources: "COM_STMT_BULK_EXECUTE" of MariaDB's documentation;
// mysqld_stmt_bulk_execute and insert_bulk_params in its sql_prepare.cc.
type BulkExecute struct {
	ID    uint32
	Flags uint16
	Types []ParamType // of the parameters, nil without BulkTypes

	// Params and Indicators are the row that Next has read. A parameter without a
	// value has Null set.
	Params     []Param
	Indicators []Indicator

	rows []byte
}

// Parse reads the head of p, which begins after the command byte, into e and
// reuses its slices. nparams is the number of parameters that the statement has.
// Values of rows point into p.
func (e *BulkExecute) Parse(p []byte, nparams int) error {
	r := cursor{p: p}
	e.ID, e.Flags, e.Types = r.u32(), r.u16(), nil
	if e.Flags&BulkTypes != 0 {
		if 2*nparams > len(r.p) {
			r.fail()
		}
		for i := 0; i < nparams && !r.bad; i++ {
			e.Types = append(e.Types, r.paramType())
		}
	}
	e.rows = r.p
	return r.err("COM_STMT_BULK_EXECUTE")
}

// More reports whether a row follows.
func (e *BulkExecute) More() bool { return len(e.rows) > 0 }

// Next reads the next row, of parameters of these types: those of the packet, or
// where it has none those of the execution before.
func (e *BulkExecute) Next(types []ParamType) error {
	r := cursor{p: e.rows}
	e.Params, e.Indicators = e.Params[:0], e.Indicators[:0]
	for _, t := range types {
		p := Param{Type: t.Type, Unsigned: t.Unsigned}
		indicator := Indicator(r.u8())
		switch {
		case indicator > IndicatorIgnore:
			r.fail()
		case indicator == IndicatorValue:
			p.Value, _ = r.binaryValue(p.Type)
		default:
			p.Null = true
		}
		e.Params, e.Indicators = append(e.Params, p), append(e.Indicators, indicator)
	}
	e.rows = r.p
	return r.err("COM_STMT_BULK_EXECUTE")
}

// Rest gives the bytes of the rows that were not read yet.
func (e *BulkExecute) Rest() []byte { return e.rows }

// AppendHead appends what stands before the rows to dst, without the command byte
// and with these types.
func (e *BulkExecute) AppendHead(dst []byte, types []ParamType) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, e.ID)
	dst = binary.LittleEndian.AppendUint16(dst, e.Flags|BulkTypes)
	for _, t := range types {
		dst = appendParamType(dst, t.Type, t.Unsigned)
	}
	return dst
}

// AppendRow appends a row of parameters to dst. With nil indicators each parameter
// is its value or NULL.
func AppendRow(dst []byte, params []Param, indicators []Indicator) []byte {
	for i, p := range params {
		indicator := IndicatorValue
		switch {
		case indicators != nil:
			indicator = indicators[i]
		case p.Null:
			indicator = IndicatorNull
		}
		dst = append(dst, byte(indicator))
		if indicator == IndicatorValue {
			dst = append(dst, p.Value...)
		}
	}
	return dst
}
