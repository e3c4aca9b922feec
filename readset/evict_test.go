package readset

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The rows that go are the oldest, whatever was read again, written, forgotten or
// taken back since it was found which these are.
func TestTheOldestGo(t *testing.T) {
	const limit = 300
	for seed := range uint64(6) {
		r := rand.New(rand.NewPCG(seed, 0))
		s := New(limit)
		m := &model{limit: limit, rows: map[modelRow]modelRead{}}
		at := start
		for step := range 6000 {
			m.step++
			at = at.Add(time.Second)
			row := modelRow{1, fmt.Sprint(r.IntN(2 * limit))}
			key, value := []byte(row.key), modelRead{fmt.Sprintf("%*d", r.IntN(12), step), at}
			switch op := r.IntN(100); {
			case op < 60:
				s.Read(1, key, []byte(value.token), at)
				m.read(row, value)
			case op < 85:
				s.Wrote(1, key, []byte(value.token), at)
				m.wrote(row, value, true)
			case op < 90:
				s.Forget(1, key)
				m.wrote(row, modelRead{}, false)
			case op < 95:
				s.Begin()
				m.levels = nil
				m.push("")
			case m.levels != nil:
				s.Rollback()
				m.backTo(0)
				m.levels = nil
			}
			if step%20 != 0 {
				continue
			}
			got := map[modelRow]modelRead{}
			s.All(func(table uint32, key, token []byte, at time.Time) bool {
				got[modelRow{table, string(key)}] = modelRead{string(token), at}
				return true
			})
			if !maps.Equal(got, m.rows) || s.Evicted() != m.evicted {
				t.Fatalf("seed %d, step %d: %d rows and %d evicted, want %d and %d, or others", seed, step, len(got), s.Evicted(), len(m.rows), m.evicted)
			}
			checkSlab(t, s)
		}
	}
}

// Of rows that have one time, as those of one answer have, the first go.
func TestTheFirstOfOneTimeGo(t *testing.T) {
	s := New(100)
	for n := range 5000 {
		s.Read(1, fmt.Append(nil, n), nil, start)
	}
	for n := range 5000 {
		if _, _, ok := s.Expect(1, fmt.Append(nil, n)); ok != (n >= 4900) {
			t.Fatalf("row %d is read: %v", n, ok)
		}
	}
}

// A row that is so large that others have to go is not among them, whatever its time.
func TestALargeRowStays(t *testing.T) {
	s := New(100)
	long := make([]byte, 3000)
	for n := range 5000 {
		key := fmt.Append(nil, n%150)
		s.Begin()
		s.Wrote(1, key, long[:n%len(long)], start.Add(-time.Duration(n)))
		if _, _, ok := s.Expect(1, key); !ok {
			t.Fatalf("row %d was written and is unread", n)
		}
		s.Commit()
		checkSlab(t, s)
	}
	if s.Evicted() == 0 {
		t.Error("no row had to go")
	}
}

// Answers whose rows come in the order in which they were read before, or in another,
// are noted as rows that are read one by one.
func TestAnswersThatComeAgain(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 0))
	s, single := New(200), New(200)
	for step := range 600 {
		at := start.Add(time.Duration(step) * time.Second)
		from, n, by := r.IntN(250), 1+r.IntN(60), 1+r.IntN(10)/9
		for i := range n {
			table, key := uint32(1+(from+i)/240), fmt.Append(nil, (from+i*by)%260)
			token := fmt.Appendf(nil, "%*d", 1+r.IntN(20)/19*9, step)
			s.Read(table, key, token, at)
			single.Read(table, key, token, at.Add(time.Duration(i)))
			if r.IntN(50) == 0 {
				s.Forget(table, key)
				single.Forget(table, key)
			}
		}
		if got, want := listed(s), listed(single); !slices.Equal(got, want) {
			t.Fatalf("after answer %d: %q, want %q", step, got, want)
		}
		checkSlab(t, s)
	}
}

// listed gives all rows of a set, the newest first.
func listed(s *Set) (rows []string) {
	s.All(func(table uint32, key, token []byte, _ time.Time) bool {
		rows = append(rows, fmt.Sprint(table, string(key), string(token)))
		return true
	})
	return rows
}
