package readset

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// A script of requests: "A=ann" begins request A of context ann, "A read a 1"
// is a step of it. want says what the last request holds.
func TestRequest(t *testing.T) {
	for _, c := range []struct{ rule, script, want string }{
		{"a request reads for itself", "A=ann; A read a 1", "a=1"},
		{"its last read counts", "A=ann; A read a 1; A read a 2", "a=2"},
		{"it is held against what an earlier request read", "A=ann; A read a 1; A end; B=ann; B read a 2", "a=1"},
		{"also where it does not read the row again", "A=ann; A read a 1; A end; B=ann", "a=1"},
		{"the latest earlier request counts", "A=ann; A read a 1; B=ann; B read a 2; C=ann; C read a 3", "a=2"},
		{"a request that is never ended counts", "A=ann; A read a 1; B=ann; B read a 2", "a=1"},
		{"contexts share nothing", "A=ann; A read a 1; B=bob", ""},
		{"nor what they write", "A=ann; A read a 1; B=bob; B wrote a 2; C=ann", "a=1"},

		{"reads of a request that began before are not seen", "A=ann; B=ann; A read a 1; B touched a", ""},
		{"reads of a request that began after are not seen", "A=ann; A read a 1; A end; B=ann; C=ann; C read a 2; B touched a", "a=1"},
		{"whether it has ended or not", "A=ann; A read a 1; A end; B=ann; C=ann; C read a 2; C end; B touched a", "a=1"},
		{"but by those that begin after they were made", "A=ann; B=ann; A read a 1; C=ann", "a=1"},
		{"what was read by both is seen by both", "A=ann; A read a 1; B=ann; C=ann; C read a 1; B touched a", "a=1"},
		{"a read is its own where another made it meanwhile", "A=ann; B=ann; A read a 1; B read a 2", "a=2"},
		{"and stays so", "A=ann; B=ann; B read a 2; A read a 1; B touched a", "a=2"},

		{"a write renews for later requests", "A=ann; A read a 1; B=ann; B wrote a 2; C=ann", "a=2"},
		{"and for itself, its own reads notwithstanding", "A=ann; A read a 1; B=ann; B wrote a 2; B read a 3", "a=2"},
		{"an inserted row counts as read", "A=ann; A wrote a 1; B=ann; B read a 2", "a=1"},
		{"a write renews for those that expect the same", "A=ann; A read a 1; B=ann; C=ann; C wrote a 2; B touched a", "a=2"},
		{"also where they have read the row", "A=ann; A read a 1; B=ann; B read a 1; C=ann; C wrote a 2; B touched a", "a=2"},
		{"and not for others", "A=ann; A read a 1; A end; B=ann; B read a 2; C=ann; C wrote a 3; B touched a", "a=1"},
		{"a deleted row is unread", "A=ann; A read a 1; B=ann; B gone a; C=ann", ""},
		{"also for those that expect it", "A=ann; A read a 1; B=ann; C=ann; C gone a; B touched a", ""},
		{"a deleted row may be read again", "A=ann; A read a 1; B=ann; B gone a; B read a 7; C=ann", "a=7"},
		{"the expectation moves with the key", "A=ann; A read a 1; B=ann; B move a b 2; B read b 3; C=ann", "b=3"},
		{"and for this request it is the earlier one", "A=ann; A read a 1; B=ann; B move a b 2; B read b 3", "b=2"},

		{"a conflict leaves what was read before", "A=ann; A read a 1; B=ann; B read a 2; B conflict a; B end; C=ann; C read a 2", "a=1"},
		{"also what is read after it does not count", "A=ann; A read a 1; B=ann; B conflict a; B read a 2; C=ann", "a=1"},
		{"nor where the row had not been read", "A=ann; A read a 1; A conflict a; A read a 2; B=ann", ""},
		{"in the request itself it does", "A=ann; A read a 1; A conflict a; A read a 2", "a=2"},
		{"other rows count", "A=ann; A read a 1; A read b 1; A conflict a; B=ann", "b=1"},
		{"reads of others count", "A=ann; B=ann; A read a 2; B read a 2; A conflict a; C=ann", "a=2"},
		{"whoever read first", "A=ann; B=ann; A read a 2; B read a 2; B conflict a; C=ann", "a=2"},
		{"a later request reads the row anew", "A=ann; A read a 1; B=ann; B read a 2; B conflict a; C=ann; C read a 2; D=ann", "a=2"},
		{"a conflict in a transaction", "A=ann; A read a 1; B=ann; B begin; B read a 2; B conflict a; B rollback; C=ann", "a=1"},
		{"reads of it in a transaction do not count", "A=ann; A read a 1; B=ann; B conflict a; B begin; B touched a; B read a 2; B commit; C=ann", "a=1"},
		{"what it leaves is for those that begin later", "A=ann; A read a 1; B=ann; A read a 5; C=ann; C gone a; D=ann; B read a 3; B conflict a; D read b 1", "b=1"},
		{"on a row that it wrote", "A=ann; A read a 1; B=ann; B begin; B read a 2; B wrote a 3; B conflict a; B rollback; C=ann", "a=1"},

		{"a write is seen when it is committed", "A=ann; A read a 1; B=ann; B begin; B wrote a 2; C=ann", "a=1"},
		{"then also by those that began before", "A=ann; A read a 1; B=ann; B begin; B wrote a 2; C=ann; B commit; C touched a", "a=2"},
		{"the request itself sees it at once", "A=ann; A read a 1; B=ann; B begin; B wrote a 2", "a=2"},
		{"ROLLBACK takes it back", "A=ann; A read a 1; B=ann; B begin; B wrote a 2; B rollback", "a=1"},
		{"for all", "A=ann; A read a 1; B=ann; B begin; B wrote a 2; B rollback; C=ann", "a=1"},
		{"a foreign row that was read stays read", "A=ann; A begin; A read a 1; A rollback; B=ann", "a=1"},
		{"an uncommitted row does not", "A=ann; A begin; A forget a; A read a 2; A rollback; B=ann", ""},
		{"until it is committed", "A=ann; A begin; A forget a; A read a 2; A commit; B=ann", "a=2"},
		{"also where the expectation stands", "A=ann; A read a 1; B=ann; B begin; B touched a; B read a 3; B commit; C=ann", "a=3"},
		{"for the request it stands", "A=ann; A read a 1; B=ann; B begin; B touched a; B read a 3; B commit", "a=1"},
		{"an uncommitted row is nobody else's to renew", "A=ann; A read a 1; B=ann; C=ann; B begin; B touched a; C wrote a 2; B rollback", "a=1"},
		{"a savepoint", "A=ann; A read a 1; B=ann; B begin; B wrote a 2; B savepoint s; B wrote a 3; B rollbackTo s; B commit; C=ann", "a=2"},
		{"a read after it goes with the write", "A=ann; A read a 1; B=ann; B begin; B savepoint s; B touched a; B read a 3; B rollbackTo s; B commit; C=ann", "a=1"},
		{"a read after it is still of a row that was written", "A=ann; A read a 1; B=ann; B begin; B wrote a 2; B savepoint s; B wrote a 3; B rollbackTo s; B read a 2; B rollback; C=ann", "a=1"},
		{"a released savepoint", "A=ann; A begin; A savepoint s; A wrote a 1; A release s; A commit; B=ann", "a=1"},
		{"an unknown savepoint", "A=ann; A read a 1; A read b 1; A begin; A wrote a 2; A rollbackTo x; A commit; B=ann", "b=1"},
		{"a fate that is not proved", "A=ann; A read a 1; A read b 1; B=ann; B begin; B wrote a 2; B uncertain; C=ann", "b=1"},
		{"for the request too", "A=ann; A read a 1; A read b 1; B=ann; B begin; B wrote a 2; B uncertain", "b=1"},
		{"a request that ends in a transaction", "A=ann; A read a 1; A read b 1; B=ann; B begin; B wrote a 2; B end; C=ann", "b=1"},
		{"BEGIN commits", "A=ann; A read a 1; A begin; A wrote a 2; A begin; A rollback; B=ann", "a=2"},

		{"beyond the limit the oldest is unread", "A=ann; A read a 1; A read b 1; A read c 1; A read d 1; B=ann", "d=1 c=1 b=1"},
		{"a written row that has no place is unread", "A=ann; A read a 1; B=ann; B begin; B wrote a 2; B read b 1; B read c 1; B read d 1", "d=1 c=1 b=1"},
		{"once a written row had no place, any read may be of it", "A=ann; A begin; A wrote a 2; A read b 1; A read c 1; A read d 1; A read a 2; A rollback; B=ann", "c=1 b=1"},
		{"and counts with COMMIT", "A=ann; A begin; A wrote a 2; A read b 1; A read c 1; A read d 1; A read a 2; A commit; B=ann", "a=2 d=1 c=1"},
		{"a transaction beyond the undo list", "A=ann; A read x 1; A begin; A wrote a 1; A wrote b 1; A wrote c 1; A wrote d 1; A commit; B=ann", "d=1 c=1 b=1"},
		{"a read of a row whose write is beyond it", "A=ann; A begin; A wrote a 1; A savepoint s; A wrote a 2; A savepoint t; A wrote a 3; A savepoint u; A wrote b 1; A read b 1; A rollback; B=ann", ""},
		{"makes unread what may be written", "A=ann; A wrote x 1; B=ann; B begin; B wrote a 1; B wrote b 1; B wrote c 1; B wrote x 2; B wrote d 1; B wrote e 1; B wrote f 1; B uncertain; C=ann", ""},
		{"and taken back", "A=ann; A begin; A wrote a 1; A wrote b 1; A wrote c 1; A wrote d 1; A rollback; B=ann", ""},
		{"a request that was ended holds nothing", "A=ann; A read a 1; A end; A read b 1; A begin; A wrote c 1; A commit; A end", ""},
	} {
		t.Run(c.rule, func(t *testing.T) {
			contexts := NewContexts(Limits{Rows: 3}, func() time.Time { return start })
			requests := map[string]*Request{}
			last := ""
			for i, step := range steps(c.script) {
				step = strings.TrimSpace(step)
				if name, context, ok := strings.Cut(step, "="); ok {
					requests[name] = contexts.Request("app", context)
					last = name
					continue
				}
				name, step, _ := strings.Cut(step, " ")
				do(t, requests[name], step, start.Add(time.Duration(i)*time.Second))
				last = name
			}
			if got := all(t, requests[last]); got != c.want {
				t.Errorf("%s\ngives %q to %s, want %q", c.script, got, last, c.want)
			}
		})
	}
}

// An edit form is shown over one connection and saved over another, by an
// application that reads the row again before it saves.
func TestEditForm(t *testing.T) {
	c := NewContexts(Limits{Rows: 10}, func() time.Time { return start })
	row := []byte("product 100")
	show := func(name, token string) {
		r := c.Request("app", name)
		defer r.End()
		r.Read(1, row, []byte(token), start)
	}
	save := func(name, token string) bool {
		r := c.Request("app", name)
		defer r.End()
		r.Begin()
		r.Read(1, row, []byte(token), start)
		expected, _, _ := r.Expect(1, row)
		if string(expected) != token {
			r.Conflict(1, row)
			r.Rollback()
			return false
		}
		r.Wrote(1, row, []byte(token+"'"), start)
		r.Commit()
		return true
	}
	show("ann", "1")
	show("bob", "1")
	for _, s := range []struct {
		name, token string
		want        bool
	}{
		{"bob", "1", true},
		{"ann", "1'", false},
		{"ann", "1'", false}, // sending the form again changes nothing
		{"bob", "1'", true},
	} {
		if got := save(s.name, s.token); got != s.want {
			t.Errorf("%s saves over %s: %v", s.name, s.token, got)
		}
	}
	show("ann", "1''")
	if !save("ann", "1''") {
		t.Error("ann has seen the row and may not save it")
	}
}

func TestContextsBelongToAccountAndName(t *testing.T) {
	c := NewContexts(Limits{Rows: 10}, func() time.Time { return start })
	c.Request("app", "ann").Read(1, []byte("a"), []byte("1"), start)
	for _, name := range [][2]string{{"app", "bob"}, {"batch", "ann"}, {"appann", ""}} {
		if got := all(t, c.Request(name[0], name[1])); got != "" {
			t.Errorf("%q sees %q", name, got)
		}
	}
	if got := all(t, c.Request("app", "ann")); got != "a=1" {
		t.Errorf("ann sees %q", got)
	}
}

func TestContextsAreBounded(t *testing.T) {
	now := start
	show := func(c *Contexts, name string) {
		r := c.Request("app", name)
		r.Read(1, []byte("a"), []byte("1"), now)
		r.Read(1, []byte("b"), []byte("1"), now)
		r.End()
	}
	t.Run("in number", func(t *testing.T) {
		c := NewContexts(Limits{Rows: 10, Contexts: 2}, func() time.Time { return now })
		for _, name := range strings.Fields("ann bob ann cid") {
			show(c, name)
		}
		if c.Len() != 2 || c.Evicted() != 2 {
			t.Errorf("%d contexts, %d rows evicted", c.Len(), c.Evicted())
		}
		if got := all(t, c.Request("app", "ann")); got != "b=1 a=1" {
			t.Errorf("ann sees %q", got)
		}
		if got := all(t, c.Request("app", "bob")); got != "" {
			t.Errorf("bob sees %q", got)
		}
	})
	t.Run("in rows", func(t *testing.T) {
		c := NewContexts(Limits{Rows: 1}, func() time.Time { return now })
		show(c, "ann")
		if got := all(t, c.Request("app", "ann")); got != "b=1" || c.Evicted() != 1 {
			t.Errorf("ann sees %q, %d rows evicted", got, c.Evicted())
		}
	})
	t.Run("in bytes", func(t *testing.T) {
		c := NewContexts(Limits{Rows: 10, Bytes: 10_000}, func() time.Time { return now })
		for n := range 1000 {
			show(c, fmt.Sprint(n))
			if c.Bytes() > 11_000 {
				t.Fatalf("%d bytes", c.Bytes())
			}
		}
		if c.Len() < 5 || c.Evicted() == 0 {
			t.Errorf("%d contexts, %d rows evicted", c.Len(), c.Evicted())
		}
	})
	t.Run("in age", func(t *testing.T) {
		c := NewContexts(Limits{Rows: 10, Age: time.Hour}, func() time.Time { return now })
		show(c, "ann")
		show(c, "bob")
		long := c.Request("app", "cid")
		now = now.Add(time.Hour)
		show(c, "bob")
		long.Read(1, []byte("a"), []byte("1"), now)
		now = now.Add(time.Second)
		for name, want := range map[string]string{"ann": "", "bob": "b=1 a=1", "cid": "a=1"} {
			if got := all(t, c.Request("app", name)); got != want {
				t.Errorf("%s sees %q, want %q", name, got, want)
			}
		}
		if c.Evicted() != 0 {
			t.Errorf("%d rows evicted: age is no want of room", c.Evicted())
		}
	})
	t.Run("a request goes on without its context", func(t *testing.T) {
		c := NewContexts(Limits{Rows: 10, Contexts: 1}, func() time.Time { return now })
		r := c.Request("app", "ann")
		show(c, "bob")
		bytes := c.Bytes()
		r.Read(1, []byte("a"), []byte("1"), now)
		if got := all(t, r); got != "a=1" {
			t.Errorf("ann sees %q", got)
		}
		r.End()
		if c.Bytes() != bytes {
			t.Errorf("%d bytes, want %d", c.Bytes(), bytes)
		}
	})
}

// Requests of few contexts at once; the race detector looks on. Each expects a
// token that some request of its context gave.
func TestRequestsAtOnce(t *testing.T) {
	c := NewContexts(Limits{Rows: 50, Contexts: 4, Age: time.Minute}, time.Now)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			var key [8]byte
			for n := range 300 {
				name := fmt.Sprint(n % 5)
				r := c.Request("app", name)
				for i := range 20 {
					k := numbered(&key, (n+i)%70)
					token, _, ok := r.Expect(1, k)
					if ok && string(token) != name {
						t.Errorf("context %s expects %q", name, token)
					}
					switch (n + i + g) % 7 {
					case 0:
						r.Begin()
						r.Wrote(1, k, []byte(name), time.Now())
						r.Savepoint("s")
						r.Forget(1, k)
						r.RollbackTo("s")
					case 1:
						r.Commit()
					case 2:
						r.Rollback()
					case 3:
						r.Conflict(1, k)
					case 4:
						r.Gone(1, k)
					default:
						r.Read(1, k, []byte(name), time.Now())
					}
				}
				r.Len()
				c.Bytes()
				if n%3 > 0 {
					r.End()
				}
			}
		})
	}
	all.Wait()
	if c.Len() > 4 {
		t.Errorf("%d contexts", c.Len())
	}
}

// Another bound counts for what a context has and for its next requests.
func TestContextsAreBoundAnew(t *testing.T) {
	c := NewContexts(Limits{Rows: 1}, func() time.Time { return start })
	page := func(at int, keys string) string {
		r := c.Request("app", "ann")
		defer r.End()
		for i, key := range strings.Fields(keys) {
			do(t, r, "read "+key+" 1", start.Add(time.Duration(at+i)*time.Second))
		}
		return all(t, r)
	}
	for i, step := range []struct {
		rows       int
		keys, want string
	}{
		{1, "a b c", "c=1"},
		{3, "a b", "b=1 a=1 c=1"},
		{2, "", "b=1 a=1"},
		{4, "d e", "e=1 d=1 b=1 a=1"},
	} {
		c.Bound(step.rows, 0)
		if got := page(10*i, step.keys); got != step.want {
			t.Errorf("bound %d, %q read: %q, want %q", step.rows, step.keys, got, step.want)
		}
	}
}
