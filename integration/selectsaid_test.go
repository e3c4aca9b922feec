package integration

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ifmatch/wire"
)

// This file holds answers of the server against those of the proxy, packet by packet.

// said gives an answer as text, one line for each packet.
func (d *selectDiff) said(r *raw, answer [][]byte, by order) []string {
	var lines []string
	for len(answer) > 0 {
		p := answer[0]
		switch p[0] {
		case wire.ERRHeader, wire.OKHeader, wire.EOFHeader:
			lines = append(lines, d.end(r, p))
			answer = answer[1:]
			continue
		}
		n := 1 + len(columnsOf(answer))
		if !r.caps.Has(wire.ClientDeprecateEOF) {
			n++
		}
		for _, p := range answer[:n] {
			if p[0] == wire.EOFHeader && d.hidden {
				continue // its warnings are of rows that are there before they are sent
			}
			if p[0] == wire.EOFHeader || p[0] == wire.ERRHeader {
				lines = append(lines, d.end(r, p))
				continue
			}
			lines = append(lines, fmt.Sprintf("definition %q", p))
		}
		answer = answer[n:]
		var rows []string
		end := ""
		for end == "" && len(answer) > 0 {
			p := answer[0]
			if p[0] == wire.ERRHeader || p[0] == wire.EOFHeader && len(p) < 1<<24-1 {
				end = d.end(r, p)
			} else {
				rows = append(rows, fmt.Sprintf("row %q", p))
			}
			answer = answer[1:]
		}
		switch {
		case strings.HasPrefix(end, "error"), by == countOnly:
			// How many rows come before an error their order decides.
			rows = []string{strconv.Itoa(len(rows)) + " rows"}
			if strings.HasPrefix(end, "error") {
				rows = nil
			}
		case by == anyOrder:
			slices.Sort(rows)
		}
		lines = append(append(lines, rows...), end)
	}
	return lines
}

// near is the rest of a text in which the server sees a mistake. Of several
// statements each goes by itself, so that it is not the same.
var (
	near       = regexp.MustCompile(`(?s)near '.*`)
	nearWarned = regexp.MustCompile(`(?s)\\x..You have an error in your SQL syntax; .*|.You have an error in your SQL syntax; .*`)
)

// end gives an OK, EOF or error as text.
func (d *selectDiff) end(r *raw, p []byte) string {
	if p[0] == wire.ERRHeader {
		return fmt.Sprintf("error %q", near.ReplaceAllString(handler.ReplaceAllString(string(p), "handler (id)"), "near"))
	}
	warnings := uint16(0)
	status := r.status(p)
	if p[0] == wire.EOFHeader && !r.caps.Has(wire.ClientDeprecateEOF) {
		eof, _ := wire.ParseEOF(p)
		warnings = eof.Warnings
	} else if ok, err := wire.ParseOK(p, r.caps); err == nil {
		warnings = ok.Warnings
	}
	if d.hidden {
		// The plan may be another one, and so what indexes it uses.
		p = bytes.Replace(p, binary.LittleEndian.AppendUint16(nil, uint16(status)),
			binary.LittleEndian.AppendUint16(nil, uint16(status&^(wire.StatusNoIndexUsed|wire.StatusNoGoodIndexUsed))), 1)
	}
	text := fmt.Sprintf("end %q", p)
	if warnings > 0 {
		text += " with warnings"
	}
	return text
}

// compare reports where two answers differ.
func (d *selectDiff) compare(how, sql string, said [2][]string) {
	d.t.Helper()
	d.compared++
	for i := range max(len(said[0]), len(said[1])) {
		line := [2]string{"nothing", "nothing"}
		for k := range line {
			if i < len(said[k]) {
				line[k] = said[k][i]
			}
		}
		if line[0] != line[1] && !d.otherPlan(line) {
			d.fault("%s, %s: %s\n  directly %s\n  proxied  %s\n  behind %s", d.setting, how, sql, line[0], line[1], d.before)
			return
		}
	}
}

func (d *selectDiff) fault(format string, a ...any) {
	d.t.Helper()
	d.wrong++
	d.t.Errorf(format, a...)
}

// otherPlan reports whether two lines are definitions that say one thing of a
// column, of which one comes from a temporary table and the other does not. The
// servers forget in those what keys a column is in, and give an expression its
// text for a name. Where columns are added there may be one where there was none.
func (d *selectDiff) otherPlan(line [2]string) bool {
	if !d.hidden {
		return false
	}
	var columns [2]wire.Column
	for i := range columns {
		_, quoted, found := strings.Cut(line[i], "definition ")
		p, err := strconv.Unquote(quoted)
		if !found || err != nil {
			return false
		}
		c, err := wire.ParseColumn([]byte(p), d.pair[i].caps)
		if err != nil {
			return false
		}
		if len(c.OrgTable) == 0 || len(c.Table) == 0 {
			c.OrgName, c.Decimals = nil, 0
		}
		c.Flags &^= wire.FlagPrimaryKey | wire.FlagUniqueKey | wire.FlagMultipleKey | wire.FlagPartKey | wire.FlagNoDefaultValue | wire.FlagBinary | wire.FlagNum | wire.FlagNotNull | wire.FlagAutoIncrement
		columns[i] = c
	}
	if !bytes.Equal(columns[0].OrgTable, columns[1].OrgTable) {
		// A view or a derived table: either what it is made of, or itself.
		for i := range columns {
			c := &columns[i]
			c.Schema, c.OrgTable, c.OrgName, c.Decimals = nil, nil, nil, 0
		}
	}
	if !bytes.Equal(columns[0].Append(nil, d.pair[0].caps), columns[1].Append(nil, d.pair[1].caps)) {
		return false
	}
	d.replanned++
	return true
}
