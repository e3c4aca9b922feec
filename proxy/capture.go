package proxy

import (
	"bytes"
	"time"

	"ifmatch/readset"
	"ifmatch/rewrite"
	"ifmatch/sqltext"
	"ifmatch/wire"
)

// shown is an answer whose rows are remembered: what it shows of guarded rows
// and where. One serves every statement of a session; a prepared statement takes it
// for its own where a cursor stays open.
type shown struct {
	capture *rewrite.Capture // nil where no answer with columns has come
	own     columns          // of an answer that had to be read
	columns *columns         // of the answer at hand: own, or those of a known one
	reader  wire.RowReader
	values  []wire.RowValue
	origins []shownOrigin
	last    int // greatest column that is needed, -1 if none is
	binary  bool
	cursor  bool // it has left a cursor, from which the rows will come
	blind   bool // nothing is remembered: hidden columns are only taken out
	at      time.Time
	inTx    bool                               // it was in a transaction
	undone  uint64                             // of the session's reads, then
	seen    map[*rewrite.Table]*seen           // of observed tables
	named   map[*rewrite.Table][]rewrite.Value // keys that WHERE names of them, until the rows come
	key     []byte
	token   []byte
	made    []byte // of rows that the statement makes: key, token, key …
	ends    []int  // of each of them in made; both are bounded as the rows of an INSERT are
}

// columnInfo is what has to be known of a column to read its values.
type columnInfo struct {
	unsigned  bool
	asciiOnly bool // text in a character set other than UTF-8
	padded    bool // CHAR, which some sql_modes pad with spaces
}

// shownOrigin is a guarded table whose rows the answer shows.
type shownOrigin struct {
	table *rewrite.Table
	scope readset.Scope
	keys  int
	at    []int
}

// remembers gives what of a SELECT's answer is to be remembered, or nil.
func (s *session) remembers(plan *rewrite.Plan) (*rewrite.Capture, error) {
	if plan == nil || plan.Capture() == nil {
		return nil, nil
	}
	if dirty, err := s.dirty(plan.Capture()); dirty || err != nil {
		return nil, err
	}
	return plan.Capture(), nil
}

// captureQuery carries out a SELECT of the text protocol whose rows are remembered.
func (s *session) captureQuery(plan *rewrite.Plan, c *rewrite.Capture, attrs []byte) error {
	if c.Hidden == 0 {
		if err := s.sendAsIs(); err != nil {
			return err
		}
	} else {
		s.out = plan.AppendSelect(s.out[:0], &s.text)
		if err := s.send(comQuery, attrs, s.out); err != nil {
			return err
		}
	}
	sh := s.answerShown(false)
	s.nameSeen(sh, plan, &s.text, nil)
	again, err := s.relayShown(sh, c, false)
	if err != nil {
		return err
	}
	if again {
		s.srv.counters.uncaptured.Add(1)
		if err := s.send(comQuery, attrs, s.text.SQL); err != nil {
			return err
		}
		if _, err := s.relay(); err != nil {
			return err
		}
	}
	return s.answered()
}

// answerShown gives the session's own shown for an answer. blind is whether nothing
// of it is to be remembered.
func (s *session) answerShown(blind bool) *shown {
	if s.shown == nil {
		s.shown = &shown{}
	}
	s.shown.blind = blind
	return s.shown
}

// sendAsIs sends the statement at hand as it came.
func (s *session) sendAsIs() error {
	if s.part != nil {
		return s.send(comQuery, s.partAttrs, s.part)
	}
	return s.passCommand()
}

// ofAddedColumns reports whether an error can come from columns that were added
// to a statement, which then has done nothing: privileges, names, limits.
func ofAddedColumns(code uint16) bool {
	switch code {
	case 1142, 1143, 1054, 1052, 1064, 1117, 1118, 1140, 1055, 1060, 1059, 1356, 1370, 1305, 1267, 1270, 1271, 1153, 1166, 3065, 3029:
		return true
	}
	return false
}

// beforeAnything reports whether an error is one of syntax or privileges, of which
// the server is sure before a statement does anything.
func beforeAnything(code uint16) bool { return code == 1064 || code == 1142 || code == 1143 }

// relayShown relays an answer and remembers the rows that it shows. again is true
// where it is an error that the statement would perhaps not have had as it came:
// then the client has had nothing.
func (s *session) relayShown(sh *shown, c *rewrite.Capture, binary bool) (again bool, err error) {
	sh.cursor = false
	first, _, err := s.next()
	if err != nil {
		return false, err
	}
	if first == wire.ERRHeader && c.Hidden > 0 {
		p, err := s.payload()
		if err != nil {
			return false, err
		}
		failed, err := wire.ParseERR(p, s.caps)
		if err != nil {
			return false, &backendError{err}
		}
		if ofAddedColumns(failed.Code) && (!c.Made || beforeAnything(failed.Code)) {
			return true, nil
		}
		s.noteERR(&failed)
		s.failed = true
		return false, s.client.WritePacket(p)
	}
	if first == wire.ERRHeader {
		_, err := s.passERR()
		s.failed = true
		return false, err
	}
	keep, failed, err := s.relayShownColumns(sh, c, first)
	if failed || err != nil {
		return false, err
	}
	sh.begin(s, keep, binary)
	if !s.caps.Has(wire.ClientDeprecateEOF) {
		eof, failed, err := s.relayEndOfDefinitions()
		if failed != nil || err != nil {
			s.failed = failed != nil
			return false, err
		}
		if eof.Status.Has(wire.StatusCursorExists) {
			s.noteStatus(eof.Status)
			sh.cursor = true
			sh.inTx, sh.undone = s.inTransaction(), s.reads.undone
			return false, nil
		}
	}
	err = s.relayShownRows(sh)
	sh.inTx, sh.undone = s.inTransaction(), s.reads.undone
	return false, err
}

// relayShownColumns relays number and definitions of the client's columns, the first
// packet of which is current, and gives their number.
func (s *session) relayShownColumns(sh *shown, c *rewrite.Capture, first byte) (keep int, failed bool, err error) {
	sh.capture = c
	k, err := s.known(c)
	if k != nil || err != nil {
		if err != nil {
			return 0, false, err
		}
		sh.columns = &k.columns
		return k.keep, false, nil
	}
	p, err := s.payload()
	if err != nil {
		return 0, false, err
	}
	columns, size := wire.ReadLenInt(p)
	if first == wire.OKHeader || first == wire.LocalInfileHeader || size == 0 || columns <= uint64(c.Hidden) || columns > maxColumns {
		return 0, false, &backendError{&wire.MalformedError{What: "answer to a SELECT is no result set of its columns"}}
	}
	keep = int(columns) - c.Hidden
	s.scratch = wire.AppendLenInt(s.scratch[:0], uint64(keep))
	if err := s.client.WritePacket(s.scratch); err != nil {
		return 0, false, err
	}
	failed, err = s.relayShownDefinitions(sh, c, int(columns))
	return keep, failed, err
}

// maxColumns bounds the columns of a result. The servers have 4096.
const maxColumns = 1 << 16

// relayShownDefinitions relays the definitions of the client's columns, drops
// those of the hidden ones, and finds out which columns carry keys and tokens.
func (s *session) relayShownDefinitions(sh *shown, c *rewrite.Capture, columns int) (failed bool, err error) {
	keep := columns - c.Hidden
	sh.columns = &sh.own
	read := sh.columns
	read.types, read.infos = read.types[:0], read.infos[:0]
	c.Begin(&read.layout, columns)
	k := s.learnAnswer(c, columns)
	for i := range columns {
		instead, err := s.nextDefinition()
		if err != nil {
			return false, err
		}
		if instead {
			_, err := s.passERR()
			s.failed = true
			return true, err
		}
		p, err := s.payload()
		if err != nil {
			return false, err
		}
		info, err := wire.ParseColumn(p, s.caps)
		if err != nil {
			return false, &backendError{err}
		}
		utf8, text := readsAsUTF8(info.Charset)
		k = k.definition(i, p)
		c.Definition(&read.layout, i, rewrite.Definition{
			Schema: info.Schema, Table: info.Table, OrgTable: info.OrgTable, Name: info.Name, OrgName: info.OrgName, Text: text, UTF8: utf8,
		})
		read.types = append(read.types, info.Type)
		read.infos = append(read.infos, columnInfo{unsigned: info.Flags.Has(wire.FlagUnsigned), asciiOnly: text && !utf8, padded: text && info.Type == wire.TypeString})
		if i < keep {
			err = s.pass()
		} else if derr := s.backend.Drop(); derr != nil {
			err = &backendError{derr}
		}
		if err != nil {
			return false, err
		}
	}
	if read.layout.Strange() {
		return false, &backendError{&wire.MalformedError{What: "columns that were added to a SELECT are not where they should be"}}
	}
	k.publish(c, read)
	return false, nil
}

// readsAsUTF8 says whether a column of a character set is text, and whether its
// bytes are UTF-8.
func readsAsUTF8(collation uint16) (utf8, text bool) {
	if collation == wire.BinaryCollation {
		return false, false
	}
	charset, known := sqltext.CharsetByID(int(collation))
	return known && (charset == sqltext.UTF8MB4 || charset == sqltext.UTF8MB3), true
}

// begin makes ready for the rows.
func (sh *shown) begin(s *session, keep int, binary bool) {
	sh.binary, sh.at, sh.last = binary, time.Now(), sh.columns.layout.Last()
	sh.reader.Reset(sh.columns.types, keep, binary)
	sh.made, sh.ends = sh.made[:0], sh.ends[:0]
	sh.beginSeen()
	sh.findScopes(s)
}

// findScopes finds who is to have read the rows that come.
func (sh *shown) findScopes(s *session) {
	sh.origins = sh.origins[:0]
	for i := range sh.capture.Origins {
		o := &sh.capture.Origins[i]
		at, ok := sh.columns.layout.Origin(i)
		if sh.blind {
			continue
		}
		if !ok {
			s.srv.counters.uncaptured.Add(1)
			continue
		}
		s.reads.noteTable(o.Table.ID)
		sh.origins = append(sh.origins, shownOrigin{o.Table, s.scope(o.Table, true), len(o.Table.Key), at})
	}
}

// relayShownRows relays rows and what ends them, and remembers the rows.
func (s *session) relayShownRows(sh *shown) error {
	defer sh.release()
	if sh.capture.Hidden > 0 || len(sh.origins) > 0 {
		if err := s.relayRememberedRows(sh); err != nil {
			return err
		}
	}
	var a answer
	more, err := s.relayToEnd(&a)
	for more && err == nil {
		more, err = s.relayResult(&a)
	}
	if err != nil {
		return err
	}
	s.failed = a.failed != nil
	sh.cursor = !s.failed && a.ok.Status.Has(wire.StatusCursorExists)
	if sh.capture.Made && !s.failed {
		sh.noteMade()
	}
	if !s.inTransaction() {
		s.reads.forgetTransaction()
	}
	return nil
}

// relayRememberedRows relays rows one by one, and remembers them. What ends them
// is left current.
func (s *session) relayRememberedRows(sh *shown) error {
	hidden := sh.capture.Hidden > 0
	sh.ready()
	for {
		first, n, err := s.backend.NextRow(s.client)
		if err != nil {
			return s.side(err)
		}
		if first == wire.ERRHeader {
			if reported, err := s.passProgress(); err != nil {
				return err
			} else if reported {
				continue
			}
		}
		if wire.EndsRows(first, n) {
			break
		}
		p, err := s.backend.Payload(maxCommand)
		if err != nil {
			return &backendError{err}
		}
		if err := sh.reader.Read(p, sh.last, sh.values); err != nil {
			return &backendError{err}
		}
		for i := range sh.origins {
			if o := &sh.origins[i]; o.table.Observed() {
				sh.see(s, o)
			} else {
				sh.remember(o)
			}
		}
		if hidden {
			err = sh.reader.WriteKept(s.client, p)
		} else {
			err = s.pass()
		}
		if err != nil {
			return err
		}
	}
	if len(sh.seen) > 0 {
		s.noteSeen(sh)
	}
	return nil
}

// ready makes room for the values of a row.
func (sh *shown) ready() {
	if cap(sh.values) < len(sh.columns.types) {
		sh.values = make([]wire.RowValue, len(sh.columns.types))
	}
	sh.values = sh.values[:len(sh.columns.types)]
}

// release lets go of what the last row was, which may be large, and of room that
// few answers need.
func (sh *shown) release() {
	clear(sh.values)
	if len(sh.values) > maxKept/64 {
		sh.values = nil
	}
	if cap(sh.made) > maxKept {
		sh.made, sh.ends = nil, nil
	}
}

// remember notes the row at hand as read, or keeps it for noteMade. A row without
// a key is none: an outer join had nothing to show.
func (sh *shown) remember(o *shownOrigin) {
	sh.key, sh.token = sh.key[:0], sh.token[:0]
	var ok bool
	for i, column := range o.at {
		v, info := sh.values[column], sh.columns.infos[column]
		switch {
		case i >= o.keys:
			sh.token, ok = sh.form(sh.token, v, info, column)
		case v.Null:
			return
		default:
			sh.key, ok = sh.form(sh.key, v, info, column)
		}
		if !ok {
			return
		}
	}
	if sh.capture.Made {
		sh.made = append(sh.made, sh.key...)
		sh.ends = append(sh.ends, len(sh.made))
		sh.made = append(sh.made, sh.token...)
		sh.ends = append(sh.ends, len(sh.made))
		return
	}
	o.scope.Read(o.table.ID, sh.key, sh.token, sh.at)
}

// noteMade notes the rows that the statement has made, now that it has succeeded.
// They are all of one table.
func (sh *shown) noteMade() {
	from := 0
	for i := 0; i+1 < len(sh.ends); i += 2 {
		key, token := sh.made[from:sh.ends[i]], sh.made[sh.ends[i]:sh.ends[i+1]]
		sh.origins[0].scope.Wrote(sh.origins[0].table.ID, key, token, sh.at)
		from = sh.ends[i+1]
	}
}

// form appends the canonical form of a value.
func (sh *shown) form(dst []byte, v wire.RowValue, info columnInfo, column int) ([]byte, bool) {
	if v.Null {
		return rewrite.AppendForm(dst, nil, true), true
	}
	at := len(dst)
	if digits, ok := wire.AppendInteger(append(dst, 0), v.Bytes, sh.columns.types[column], info.unsigned, sh.binary); ok {
		digits[at] = byte(len(digits) - at - 1)
		return digits, true
	}
	value := v.Bytes
	if t := sh.columns.types[column]; (info.asciiOnly || t == wire.TypeNewDecimal || t == wire.TypeDecimal) && !ascii(value) {
		return dst, false
	}
	if info.padded {
		value = bytes.TrimRight(value, " ")
	}
	return rewrite.AppendForm(dst, value, false), true
}

// ascii reports whether b reads as ASCII in every character set that has it. A
// NUL is half of a wider character.
func ascii(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 || c == 0 {
			return false
		}
	}
	return true
}

// relayFetched relays the rows of COM_STMT_FETCH. They are those of when the cursor
// was opened: where it was in a transaction that has gone back since, they may
// never have been committed, and are not remembered.
func (s *session) relayFetched(sh *shown) error {
	sh.findScopes(s)
	if sh.inTx && sh.undone != s.reads.undone {
		sh.origins = sh.origins[:0]
	}
	if err := s.relayShownRows(sh); err != nil {
		return err
	}
	return s.answered()
}
