package readset

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strconv"
	"testing"
	"time"
)

// rowsOfSession is the default of max_reads.
const rowsOfSession = 10_000

// numbered writes n as a key of 8 bytes whose bytes all differ between rows.
func numbered(key *[8]byte, n int) []byte {
	binary.BigEndian.PutUint64(key[:], uint64(n)*0x9e3779b97f4a7c15)
	return key[:]
}

func filled(rows int) *Set {
	s := New(rowsOfSession)
	var key [8]byte
	for n := range rows {
		s.Read(1, numbered(&key, n), []byte("version9"), start.Add(time.Duration(n)))
	}
	return s
}

func BenchmarkReadKnown(b *testing.B) {
	s := filled(rowsOfSession)
	var key, token [8]byte
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		s.Read(1, numbered(&key, n*7%rowsOfSession), numbered(&token, n), start.Add(time.Duration(n)))
	}
}

func BenchmarkReadNew(b *testing.B) {
	s := filled(rowsOfSession)
	var key, token [8]byte
	b.ReportAllocs()
	n := rowsOfSession
	for b.Loop() {
		n++
		s.Read(1, numbered(&key, n), numbered(&token, n), start.Add(time.Duration(n)))
	}
}

// Keys and tokens of many lengths: rows cannot take each other's places.
func BenchmarkReadNewOfAnyLength(b *testing.B) {
	s := filled(rowsOfSession)
	var bytes [64]byte
	b.ReportAllocs()
	n := rowsOfSession
	for b.Loop() {
		n++
		binary.BigEndian.PutUint64(bytes[:], uint64(n)*0x9e3779b97f4a7c15)
		s.Read(1, bytes[:8+n%23], bytes[:n%29], start.Add(time.Duration(n)))
	}
}

func BenchmarkExpect(b *testing.B) {
	s := filled(rowsOfSession)
	var key [8]byte
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		if _, _, ok := s.Expect(1, numbered(&key, n*7%rowsOfSession)); !ok {
			b.Fatal("unread")
		}
	}
}

func BenchmarkTransaction(b *testing.B) {
	for _, end := range []struct {
		name string
		call func(*Set)
	}{{"commit", (*Set).Commit}, {"rollback", (*Set).Rollback}} {
		b.Run(end.name, func(b *testing.B) {
			s := filled(rowsOfSession)
			var key, token [8]byte
			b.ReportAllocs()
			n := rowsOfSession
			for b.Loop() {
				s.Begin()
				for range 10 {
					n++
					s.Wrote(1, numbered(&key, n*7%rowsOfSession), numbered(&token, n), start.Add(time.Duration(n)))
				}
				end.call(s)
			}
		})
	}
}

func BenchmarkRequestRead(b *testing.B) {
	c := NewContexts(Limits{Rows: rowsOfSession}, time.Now)
	r := c.Request("app", "ann")
	var key, token [8]byte
	for n := range rowsOfSession {
		r.Read(1, numbered(&key, n), []byte("version9"), start.Add(time.Duration(n)))
	}
	b.ReportAllocs()
	n := rowsOfSession
	for b.Loop() {
		n++
		r.Read(1, numbered(&key, n*7%rowsOfSession), numbered(&token, n), start.Add(time.Duration(n)))
	}
}

// BenchmarkMemory reports what a row takes, by the runtime's count and by the
// set's own.
func BenchmarkMemory(b *testing.B) {
	for _, rows := range []int{1, 10, 100, 1000, rowsOfSession} {
		b.Run(fmt.Sprint(rows), func(b *testing.B) {
			sets := make([]*Set, 0, 1000)
			for b.Loop() {
				clear(sets)
				sets = sets[:0]
				before := heap()
				for range max(1, min(cap(sets), 1_000_000/rows)) {
					sets = append(sets, filled(rows))
				}
				all := float64(len(sets) * rows)
				b.ReportMetric(float64(heap()-before)/all, "heap-B/row")
				b.ReportMetric(float64(sets[0].Bytes())/float64(rows), "estimated-B/row")
				runtime.KeepAlive(sets)
			}
		})
	}
}

// BenchmarkThousandSessions is the memory of 1,000 sessions of which each has read
// 10,000 rows by an integer key, with an integer version, as the proxy writes them:
// digits with their length in front.
func BenchmarkThousandSessions(b *testing.B) {
	const sessions = 1000
	for b.Loop() {
		before := heap()
		sets := make([]*Set, sessions)
		var key, token [8]byte
		for i := range sets {
			sets[i] = New(rowsOfSession)
			for n := range rowsOfSession {
				k := strconv.AppendInt(key[:1], int64(i*100+n), 10)
				k[0] = byte(len(k) - 1)
				t := strconv.AppendInt(token[:1], int64(n%50), 10)
				t[0] = byte(len(t) - 1)
				sets[i].Read(1, k, t, start)
			}
		}
		all := float64(heap() - before)
		b.ReportMetric(all/(1<<20), "MiB")
		b.ReportMetric(all/(sessions*rowsOfSession), "B/row")
		runtime.KeepAlive(sets)
	}
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
