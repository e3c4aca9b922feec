package numbering

import (
	"strconv"
	"strings"

	"ifmatch/ledger"
	"ifmatch/rewrite"
	"ifmatch/wire"
)

// Routine is a routine that the proxy answers itself.
type Routine struct {
	Name string // without the schema
	// Probe is a call of it that the server answers by an error of which the text is
	// ledger.DirectCall, where the caller has the right to call it.
	Probe string

	params  int
	columns []wire.Column
	// op says what is asked of the counter by the argument behind its name.
	op func(arg rewrite.Value) (ledger.Op, error)
	// row gives the result.
	row func(n ledger.Numbers) []wire.Value
}

// maxAllocated bounds the numbers of one call of allocids.
const maxAllocated = 500

var routines = map[string]*Routine{
	"allocids": {
		params: 2, columns: []wire.Column{numberColumn("first"), numberColumn("last")},
		op: func(arg rewrite.Value) (ledger.Op, error) {
			n, err := wholeNumber(arg)
			if err == nil && (n < 1 || n > maxAllocated) {
				err = ArgumentError("allocids takes 1 to 500 numbers, not " + strconv.FormatInt(n, 10))
			}
			return ledger.Alloc(n), err
		},
		row: func(n ledger.Numbers) []wire.Value { return []wire.Value{numberValue(n.First), numberValue(n.Value)} },
	},
	"addids": {
		params: 2, columns: []wire.Column{numberColumn("value")}, row: valueRow,
		op: func(arg rewrite.Value) (ledger.Op, error) {
			n, err := wholeNumber(arg)
			return ledger.Add(n), err
		},
	},
	"getids": {
		params: 1, columns: []wire.Column{numberColumn("value")}, row: valueRow,
		op: func(rewrite.Value) (ledger.Op, error) { return ledger.Op{}, nil },
	},
	"setids": {
		params: 2, columns: []wire.Column{numberColumn("value")}, row: valueRow,
		op: func(arg rewrite.Value) (ledger.Op, error) {
			v, err := wholeNumber(arg)
			return ledger.Set(v), err
		},
	},
	"rangeids": {
		params: 2, columns: []wire.Column{wire.TextColumn("range", 64)},
		op: func(arg rewrite.Value) (ledger.Op, error) {
			if arg.Kind != rewrite.Text && arg.Kind != rewrite.Bytes {
				return ledger.Op{}, ArgumentError("a range is a string, '1000-2000' or '1000-2000!', or '' for none")
			}
			r, err := ledger.ParseRange(arg.Text)
			return ledger.Confine(r), err
		},
		row: func(n ledger.Numbers) []wire.Value { return []wire.Value{{Text: n.Range.String()}} },
	},
}

func init() {
	for name, r := range routines {
		r.Name = name
		r.Probe = "CALL `" + ledger.Schema + "`.`" + name + "` (NULL" + strings.Repeat(", NULL", r.params-1) + ")"
	}
}

func numberColumn(name string) wire.Column {
	return wire.Column{Catalog: []byte("def"), Name: []byte(name), Charset: wire.BinaryCollation, Length: 20, Type: wire.TypeLongLong, Flags: wire.FlagNotNull | wire.FlagBinary}
}

func numberValue(n int64) wire.Value { return wire.Value{Text: strconv.FormatInt(n, 10)} }

func valueRow(n ledger.Numbers) []wire.Value { return []wire.Value{numberValue(n.Value)} }

// Op gives what a call with these arguments, as many as it has, asks of which counter. The
// error is an [ArgumentError], or one of package ledger.
func (r *Routine) Op(args []rewrite.Value) (counter string, op ledger.Op, err error) {
	if k := args[0].Kind; k != rewrite.Text && k != rewrite.Bytes {
		return "", op, ArgumentError("the name of a counter is a string, not " + args[0].String())
	}
	var arg rewrite.Value
	if len(args) > 1 {
		arg = args[1]
	}
	op, err = r.op(arg)
	return args[0].Text, op, err
}

// Result gives what a call answers with.
func (r *Routine) Result(n ledger.Numbers) wire.Result {
	return wire.Result{Columns: r.columns, Rows: [][]wire.Value{r.row(n)}}
}
