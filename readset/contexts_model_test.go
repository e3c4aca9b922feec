package readset

import (
	"maps"
	"testing"
	"time"
)

// contextModel is a context without transactions and limits: each request takes
// a full copy of what the context has read when it begins.
type contextModel struct {
	reads map[byte]contextRead
	open  []*requestModel
}

type contextRead struct {
	token string
	by    *requestModel // who alone made the read
}

type requestModel struct {
	earlier    map[byte]string
	own        map[byte]string
	conflicted map[byte]bool
}

func (m *contextModel) begin() *requestModel {
	r := &requestModel{map[byte]string{}, map[byte]string{}, map[byte]bool{}}
	for row, read := range m.reads {
		r.earlier[row] = read.token
	}
	m.open = append(m.open, r)
	return r
}

func (r *requestModel) expect(row byte) (string, bool) {
	if token, ok := r.earlier[row]; ok {
		return token, true
	}
	token, ok := r.own[row]
	return token, ok
}

// renew is what a write does to what a request expects: none where the row is
// gone.
func (r *requestModel) renew(row byte, token string, none bool) {
	_, early := r.earlier[row]
	delete(r.earlier, row)
	delete(r.own, row)
	switch {
	case none:
	case early:
		r.earlier[row] = token
	default:
		r.own[row] = token
	}
}

func (m *contextModel) read(r *requestModel, row byte, token string) {
	if _, ok := r.earlier[row]; !ok {
		r.own[row] = token
	}
	if r.conflicted[row] {
		return
	}
	by := r
	if was, ok := m.reads[row]; ok && was.token == token && was.by != r {
		by = nil
	}
	m.reads[row] = contextRead{token, by}
}

func (m *contextModel) write(r *requestModel, row byte, token string, none bool) {
	before, was := r.expect(row)
	r.renew(row, token, none)
	if was && before == token && !none || !was && none {
		return
	}
	if now, ok := m.reads[row]; ok && was && now.token == before {
		delete(m.reads, row)
	}
	if !none {
		m.reads[row] = contextRead{token: token}
	}
	for _, q := range m.open {
		if held, ok := q.expect(row); q != r && was && ok && held == before {
			q.renew(row, token, none)
		}
	}
}

func (m *contextModel) conflict(r *requestModel, row byte) {
	r.conflicted[row] = true
	if now, ok := m.reads[row]; ok && now.by == r {
		delete(m.reads, row)
		if token, ok := r.earlier[row]; ok {
			m.reads[row] = contextRead{token: token}
		}
	}
}

func FuzzRequests(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x11\x01\x02\x00\x01\x00\x11\x02\x01"))
	x := uint32(7)
	for range 10 {
		long := make([]byte, 900)
		for i := range long {
			x = x*1664525 + 1013904223
			long[i] = byte(x >> 24)
		}
		f.Add(long)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c := NewContexts(Limits{Rows: 1000}, func() time.Time { return start })
		m := &contextModel{reads: map[byte]contextRead{}}
		var requests []*Request
		for i := 0; i+2 < len(data) && i < 1000; i += 3 {
			at := start.Add(time.Duration(i))
			op, row, token := data[i]%16, data[i+1]%4, string('0'+rune(data[i+2]%4))
			if op == 0 || len(requests) == 0 {
				if len(requests) < 6 {
					requests = append(requests, c.Request("app", "ann"))
					m.begin()
				}
				continue
			}
			n := int(data[i+1]>>4) % len(requests)
			r, rm, key := requests[n], m.open[n], []byte{row}
			switch op {
			case 1, 2, 3, 4, 5, 6, 7:
				r.Read(1, key, []byte(token), at)
				m.read(rm, row, token)
			case 8, 9:
				r.Wrote(1, key, []byte(token), at)
				m.write(rm, row, token, false)
			case 10:
				r.Gone(1, key)
				m.write(rm, row, "", true)
			case 11:
				to := (row + 1) % 4
				_, early := rm.earlier[row]
				r.Move(1, key, []byte{to}, []byte(token), at)
				m.write(rm, row, "", true)
				if m.write(rm, to, token, false); early {
					delete(rm.own, to)
					rm.earlier[to] = token
				} else {
					delete(rm.earlier, to)
					rm.own[to] = token
				}
			case 12:
				r.Conflict(1, key)
				m.conflict(rm, row)
			default:
				r.End()
				requests = append(requests[:n], requests[n+1:]...)
				m.open = append(m.open[:n], m.open[n+1:]...)
			}
			for n, r := range requests {
				want := maps.Clone(m.open[n].own)
				maps.Copy(want, m.open[n].earlier)
				for row := range byte(4) {
					token, _, ok := r.Expect(1, []byte{row})
					if w, has := want[row]; ok != has || string(token) != w {
						t.Fatalf("step %d: request %d expects row %d at %q, %v; want %q, %v", i/3, n, row, token, ok, w, has)
					}
				}
				if r.Len() != len(want) {
					t.Fatalf("step %d: request %d has %d rows, want %d", i/3, n, r.Len(), len(want))
				}
			}
			if c.Bytes() <= 0 || c.Evicted() != 0 {
				t.Fatalf("%d bytes, %d rows evicted", c.Bytes(), c.Evicted())
			}
		}
	})
}
