package proxy

import (
	"bytes"
	"errors"

	"ifmatch/rewrite"
	"ifmatch/wire"
)

// This file takes upserts back that have done what was not held against anything.

// savepointName is that of the savepoint before an upsert that may have to be taken back,
// in a transaction of the client's.
const savepointName = "`ifmatch upsert`"

// undoMore takes a REPLACE back that has replaced other rows than were locked: they were
// not held against anything. undone is whether it was.
func (s *session) undoMore(u *upserting, ok *wire.OK) (undone bool, err error) {
	switch {
	case u.plan.Verb != rewrite.Replace:
		return false, nil
	case u.plan.Rows() > 0:
		if ok.AffectedRows <= uint64(u.plan.Rows()+len(u.found)) {
			return false, nil
		}
	default:
		replaced, err := s.replacedRows(u, ok)
		if err != nil || replaced == duplicates(ok) {
			return false, err
		}
	}
	return true, s.takeBack(u)
}

// replacedRows counts the rows that were locked and that a REPLACE has replaced: they are
// gone, or at another version.
func (s *session) replacedRows(u *upserting, ok *wire.OK) (n uint64, err error) {
	now, err := s.tokensOf(u, u.found, ok)
	for i := range u.found {
		if token, there := now[string(u.found[i].Key)]; !there || !bytes.Equal(token, u.found[i].Token) {
			n++
		}
	}
	return n, err
}

// tokensOf reads the tokens of rows as they are to the transaction.
func (s *session) tokensOf(u *upserting, of []metRow, ok *wire.OK) (map[string][]byte, error) {
	t, found := u.plan.Table, map[string][]byte{}
	var keys [][]rewrite.Value
	for i := range of {
		if key, can := t.KeyValues(of[i].Key); can {
			keys = append(keys, key)
		}
	}
	sql, can := t.SelectRows(keys)
	if len(keys) == 0 || !can {
		return found, nil
	}
	if s.diag == nil {
		if err := s.diagnose(ok); err != nil {
			return nil, err
		}
	}
	rows, failed, err := s.ask(sql)
	if failed != nil && err == nil {
		err = &backendError{failed}
	}
	for _, row := range rows {
		if key, token, ok := t.RowForms(row, nil, nil); ok {
			found[string(key)] = token
		}
	}
	return found, err
}

// duplicates gives the number of rows that a REPLACE … SELECT says it has replaced:
// "Records: 3  Duplicates: 2  Warnings: 0".
func duplicates(ok *wire.OK) (n uint64) {
	_, rest, found := bytes.Cut(ok.Info, []byte("Duplicates: "))
	if !found {
		return 0
	}
	for _, c := range rest {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + uint64(c-'0')
	}
	return n
}

// remade gives the conflict of a row that was read and was gone, and that the SELECT of an
// upsert has made anew, nil if it has made none. The upsert is then taken back.
func (s *session) remade(u *upserting, ok *wire.OK) (*rewrite.Conflict, error) {
	if len(u.gone) == 0 {
		return nil, nil
	}
	now, err := s.tokensOf(u, u.gone, ok)
	if err != nil {
		return nil, err
	}
	for i := range u.gone {
		if g := &u.gone[i]; now[string(g.Key)] != nil {
			s.row = rowName{form: g.Key, known: true}
			return u.plan.Missing(g.Key, g.read), s.takeBack(u)
		}
	}
	return nil, nil
}

// takeBack takes an upsert back: its own transaction is begun anew, that of the client goes
// back to the savepoint before it.
func (s *session) takeBack(u *upserting) error {
	s.diag = nil
	if s.own {
		if _, err := s.leaveOwn(false); err != nil {
			return err
		}
		_, err := s.enterOwn()
		return err
	}
	_, failed, err := s.ask([]byte("ROLLBACK TO SAVEPOINT " + savepointName))
	if err == nil && failed != nil {
		err = &backendError{errors.New("an upsert could not be taken back")}
	}
	return err
}
