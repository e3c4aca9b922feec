package readset

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// noted is a journal that keeps all that it is told, in words.
type noted []string

func (n *noted) Change(c Change) {
	kind := [...]string{"read", "renew", "lapse", "forget", "clear", "restore", "retract", "blot"}[c.Kind]
	*n = append(*n, strings.TrimSpace(fmt.Sprintf("%s %s %s", kind, c.Key, c.Token)))
}
func (n *noted) Sync() {}
func (n *noted) End()  {}

// What a request does to its context is told to its journal. Before it begins, the
// context has read a at 1, one other request alone b at 1, and of c nobody knows.
func TestJournal(t *testing.T) {
	start := time.Now()
	for _, c := range []struct {
		name string
		do   func(r *Request, at time.Time)
		want string
	}{
		{"a read", func(r *Request, at time.Time) { r.Read(1, []byte("d"), []byte("1"), at) }, "read d 1"},
		{"one of the same, a little later", func(r *Request, at time.Time) {
			r.Read(1, []byte("a"), []byte("1"), at.Add(lateness/2))
			r.Read(1, []byte("a"), []byte("1"), at.Add(lateness/2))
		}, ""},
		{"much later", func(r *Request, at time.Time) {
			r.Read(1, []byte("a"), []byte("1"), at.Add(lateness))
			r.Read(1, []byte("a"), []byte("1"), at.Add(lateness+1))
		}, "read a 1"},
		{"of what one other has read", func(r *Request, at time.Time) {
			r.Read(1, []byte("b"), []byte("1"), at)
			r.Read(1, []byte("b"), []byte("1"), at)
		}, "read b 1"},
		{"a write", func(r *Request, at time.Time) { r.Wrote(1, []byte("a"), []byte("2"), at) }, "renew a 2"},
		{"a write in a transaction", func(r *Request, at time.Time) {
			r.Begin()
			r.Wrote(1, []byte("a"), []byte("2"), at)
			r.Read(1, []byte("a"), []byte("2"), at)
			r.Read(1, []byte("d"), []byte("4"), at)
			r.Commit()
		}, "read d 4, renew a 2"},
		{"one that is rolled back", func(r *Request, at time.Time) {
			r.Begin()
			r.Wrote(1, []byte("a"), []byte("2"), at)
			r.Rollback()
		}, ""},
		{"one of which that is not known", func(r *Request, at time.Time) {
			r.Begin()
			r.Wrote(1, []byte("a"), []byte("2"), at)
			r.Uncertain()
		}, "forget a"},
		{"a delete", func(r *Request, at time.Time) { r.Gone(1, []byte("a")) }, "lapse a 1"},
		{"a key that is changed", func(r *Request, at time.Time) { r.Move(1, []byte("a"), []byte("e"), []byte("2"), at) }, "lapse a 1, renew e 2"},
		{"a conflict", func(r *Request, at time.Time) {
			r.Read(1, []byte("a"), []byte("2"), at)
			r.Conflict(1, []byte("a"))
			r.Read(1, []byte("a"), []byte("3"), at)
		}, "read a 2, restore a 1"},
		{"one of a row that was not read before", func(r *Request, at time.Time) {
			r.Read(1, []byte("d"), []byte("2"), at)
			r.Conflict(1, []byte("d"))
		}, "read d 2, retract d"},
		{"one of a row of which nobody knows", func(r *Request, at time.Time) {
			if token, at, ok := r.Expect(1, []byte("c")); !ok || token == nil || len(token) > 0 || !IsNever(at) {
				t.Errorf("of c %q at %v, %v is expected", token, at, ok)
			}
			r.Read(1, []byte("c"), []byte("2"), at)
			r.Conflict(1, []byte("c"))
		}, "read c 2, restore c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var j noted
			r := Begin(10, time.Now, &j)
			r.Earlier(1, []byte("a"), []byte("1"), start, false)
			r.Earlier(1, []byte("b"), []byte("1"), start, true)
			r.Earlier(1, []byte("c0"), nil, Never, false)
			r.Earlier(1, []byte("c"), nil, Never, false)
			c.do(r, start)
			if got := strings.Join(j, ", "); got != c.want {
				t.Errorf("the journal is told %q; want %q", got, c.want)
			}
			r.End()
		})
	}
}

// A request that is blind expects of every row that it was read at Never, but for its
// own writes. What it has read counts until a write of it is refused.
func TestBlind(t *testing.T) {
	var j noted
	at := time.Now()
	r := Begin(10, time.Now, &j)
	r.Blind()
	r.Read(1, []byte("a"), []byte("1"), at)
	r.Read(1, []byte("b"), []byte("1"), at)
	r.Wrote(1, []byte("new"), []byte("1"), at)
	r.Gone(1, []byte("gone"))
	for key, want := range map[string]string{"a": "", "other": "", "new": "1"} {
		token, then, ok := r.Expect(1, []byte(key))
		if !ok || token == nil || string(token) != want || IsNever(then) != (want == "") {
			t.Errorf("of %s %q at %v, %v is expected", key, token, then, ok)
		}
	}
	if _, _, ok := r.Expect(1, []byte("gone")); ok {
		t.Error("what it has deleted is expected to be there")
	}
	r.Conflict(1, []byte("a"))
	r.Read(1, []byte("a"), []byte("2"), at)
	r.Read(1, []byte("b"), []byte("2"), at)
	const first, refused, after = "read a 1, read b 1, renew new 1, ", "blot b , blot a , ", "read b 2"
	got := strings.Join(j, ", ")
	if !strings.HasPrefix(got, first) || !strings.HasSuffix(got, ", "+after) || strings.Count(got, "blot") != 2 {
		t.Errorf("the journal is told %q; want that beginning with %q, then %q, then %q", got, first, refused, after)
	}
}
