package stress

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTargets(t *testing.T) {
	for _, c := range []struct {
		name, dsn, password string
		addr, user, pass    string
		err                 string
	}{
		{name: "as the driver writes it", dsn: "ann:secret@tcp(db:3307)/shop", addr: "db:3307", user: "ann", pass: "secret"},
		{name: "a URL", dsn: "mysql://ann:s%40cret@db:3307/shop", addr: "db:3307", user: "ann", pass: "s@cret"},
		{name: "a URL without a port", dsn: "mysql://ann@db/shop?timeout=1s", addr: "db:3306", user: "ann"},
		{name: "an address of version 6", dsn: "mysql://ann@[::1]/shop", addr: "[::1]:3306", user: "ann"},
		{name: "a socket", dsn: "ann@unix(/run/s.sock)/shop", addr: "/run/s.sock", user: "ann"},
		{name: "the password is elsewhere", dsn: "ann@tcp(db)/shop", password: "secret", addr: "db:3306", user: "ann", pass: "secret"},
		{name: "the DSN's password wins", dsn: "ann:own@tcp(db)/shop", password: "secret", addr: "db:3306", user: "ann", pass: "own"},
		{name: "no database", dsn: "ann:secret@tcp(db)/", err: "names no database"},
		{name: "no user", dsn: "tcp(db)/shop", err: "names no user"},
		{name: "no DSN", dsn: "ann:secret@db", err: "cannot be read"},
		{name: "a broken URL", dsn: "mysql://ann:secret%zz@db/shop", err: "no URL"},
		{name: "an unknown parameter's value", dsn: "mysql://ann:secret@db/shop?timeout=soon", err: "cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, err := ParseTarget(c.dsn, c.password)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), "user:password@tcp(host:port)/database") {
					t.Errorf("error %v, expected one with %q that shows a right one", err, c.err)
				}
				if err != nil && strings.Contains(err.Error(), "secret") {
					t.Errorf("the error has the password in it: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if target.Address() != c.addr || target.dsn.User != c.user || target.dsn.Passwd != c.pass || target.dsn.DBName != "shop" {
				t.Errorf("%s as %s with %q to %s", target.Address(), target.dsn.User, target.dsn.Passwd, target.dsn.DBName)
			}
			if !target.dsn.ClientFoundRows || target.dsn.ReadTimeout == 0 {
				t.Error("a save that changes nothing would not count, or an answer would be waited for without end")
			}
		})
	}
}

// A quantile is at most a sixteenth from the true one.
func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var a, b histogram
	var all []time.Duration
	for i := range 20_000 {
		d := time.Duration(random.ExpFloat64() * float64(20*time.Millisecond))
		all = append(all, d)
		if i%2 == 0 {
			a.add(d)
		} else {
			b.add(d)
		}
	}
	a.merge(&b)
	slices.Sort(all)
	for _, q := range []float64{0, .01, .5, .95, .99, .999, 1} {
		want := all[min(int(q*float64(len(all))), len(all)-1)]
		if got := a.quantile(q); got < want-want/16-time.Microsecond || got > want+want/16+time.Microsecond {
			t.Errorf("the %v quantile is %s, expected about %s", q, got, want)
		}
	}
}

// Buckets follow one another without a gap, however long a duration is.
func TestBuckets(t *testing.T) {
	last := -1
	for v := uint64(0); v < 1<<45; v += 1 + v/64 {
		b := bucket(v)
		if b != last && b != last+1 {
			t.Fatalf("%d µs is in bucket %d behind %d", v, b, last)
		}
		if last = b; b >= buckets {
			t.Fatalf("%d µs is in bucket %d of %d", v, b, buckets)
		}
	}
	if last != buckets-1 {
		t.Errorf("the last bucket is %d of %d", last, buckets)
	}
	if got := (&histogram{}).quantile(.5); got != 0 {
		t.Errorf("nothing has a median of %s", got)
	}
}

func TestProgress(t *testing.T) {
	var out bytes.Buffer
	bar := NewBar(&out, "db:3306")
	for since := progressEvery; since <= 30*time.Second; since += progressEvery {
		bar.Show(Live{since, 30 * time.Second, int64(since / time.Millisecond), 0})
	}
	bar.Done()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != linesOf {
		t.Errorf("%d lines, expected %d:\n%s", len(lines), linesOf, out.String())
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "db:3306 ") || !strings.Contains(line, "(1000/s)") || strings.ContainsAny(line, "\r\x1b") {
			t.Errorf("line %q", line)
		}
	}
	out.Reset()
	bar = &Bar{out: &out, terminal: true, name: "db"}
	bar.Show(Live{15 * time.Second, 30 * time.Second, 5, 1})
	bar.Done()
	if want := "[############------------]"; !strings.Contains(out.String(), want) || !strings.HasSuffix(out.String(), "\r\x1b[K") {
		t.Errorf("a terminal gets %q", out.String())
	}
}

func TestVerdicts(t *testing.T) {
	good := Result{Guard: Guarded, Acknowledged: 10, settled: true}
	if !good.OK() || good.Verdict() != "with ifmatch:          10 updates acknowledged, 0 lost" {
		t.Errorf("%q, %v", good.Verdict(), good.OK())
	}
	for name, spoil := range map[string]func(*Result){
		"lost":             func(r *Result) { r.Lost = 1 },
		"more than it may": func(r *Result) { r.Unexplained = 1 },
		"an error":         func(r *Result) { r.Error = "no" },
		"refused":          func(r *Result) { r.Failed = 1 },
		"rows not read":    func(r *Result) { r.settled = false },
	} {
		r := good
		if spoil(&r); r.OK() {
			t.Errorf("%s passes for good", name)
		}
	}
}
