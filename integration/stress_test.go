package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ifmatch/integration/server"
	"ifmatch/stress"
)

// stressed is what ifmatch stress has written.
type stressed struct {
	stress.Result
	Compare *stress.Result
	exit    int
	errors  string
}

// runStress runs ifmatch stress with --json.
func runStress(t *testing.T, args ...string) (r stressed) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := exec.Command(program(t), append([]string{"stress", "--json"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.Run()
	r.exit, r.errors = cmd.ProcessState.ExitCode(), errOut.String()
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &r); err != nil {
			t.Fatalf("%v: %s", err, &out)
		}
	}
	return r
}

// String gives the figures.
func (r stressed) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "exit %d, %s", r.exit, r.errors)
	for _, run := range []*stress.Result{&r.Result, r.Compare} {
		if run != nil {
			run.Print(&b)
		}
	}
	return b.String()
}

// stressDSN is a DSN for a command line.
func stressDSN(addr, database string) string { return fmt.Sprintf("root@tcp(%s)/%s", addr, database) }

// The same load loses updates on the server itself, and none through the proxy.
func TestStressCountsWhatIsLost(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		entry, err := exec.Command(program(t), "stress", "--init", stressDSN(s.Addr, shop)).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, entry)
		}
		p := start(t, s, string(entry))
		for _, c := range []struct {
			mode  stress.Mode
			extra []string
			meet  bool // clients overwrite one another, or would
		}{
			{stress.Forms, nil, true},
			{stress.Forms, []string{"--prepared"}, true},
			{stress.Transactions, nil, true},
			{stress.Relative, []string{"--prepared"}, false},
		} {
			t.Run(fmt.Sprint(c.mode, c.extra), func(t *testing.T) {
				// Sixteen clients with one row, which each holds for a while before it saves.
				args := append([]string{stressDSN(p.Addr, shop), "--compare", stressDSN(s.Addr, shop),
					"--clients", "16", "--keys", "1", "--think", "3ms", "--for", "500ms", "--mode", string(c.mode)}, c.extra...)
				r := runStress(t, args...)
				if r.exit != 0 || r.Lost != 0 || r.Unexplained != 0 || r.Failed != 0 || r.Error != "" {
					t.Errorf("through the proxy: %s", r)
				}
				if r.Guard != stress.Guarded || r.Acknowledged == 0 || r.Added != r.Acknowledged {
					t.Errorf("through the proxy: %s", r)
				}
				if r.Compare == nil || r.Compare.Guard != stress.NoProxy || r.Compare.Error != "" {
					t.Fatalf("directly: %s", r)
				}
				if met := r.Conflicting > 0 && r.Retried > 0; met != c.meet {
					t.Errorf("through the proxy %d conflicts, of which %d were tried again", r.Conflicting, r.Retried)
				}
				if lost := r.Compare.Lost > 0; lost != c.meet || r.Compare.Added != r.Compare.Acknowledged-r.Compare.Lost {
					t.Errorf("directly %d acknowledged, %d in the data, %d lost", r.Compare.Acknowledged, r.Compare.Added, r.Compare.Lost)
				}
			})
		}
	})
}

// Exit codes are for scripts: 1 where an update is lost, also through a proxy
// that does not guard the table.
func TestStressFails(t *testing.T) {
	s := server.MariaDB(t)
	shop, p := shopOf(t, s, products+"; CREATE TABLE notes(id VARCHAR(9) PRIMARY KEY, n INT NOT NULL); INSERT INTO notes VALUES ('a', 5), ('b', 7)", byVersion)
	load := []string{"--think", "3ms", "--for", "300ms"}
	for _, c := range []struct {
		name string
		args []string
		exit int
		says string
	}{
		{"lost directly", []string{stressDSN(s.Addr, shop), "--keys", "1"}, 1, "acknowledged updates are lost"},
		{"lost through a proxy that does not guard it", []string{stressDSN(p.Addr, shop), "--table", "notes", "--column", "n"}, 1, "acknowledged updates are lost"},
		{"a table of one's own that is guarded", []string{stressDSN(p.Addr, shop), "--table", shop + ".products", "--key", "id", "--column", "in_stock"}, 0, ""},
		{"the column is none", []string{stressDSN(p.Addr, shop), "--table", "products", "--column", "stock"}, 1, "stock"},
		{"the column is no integer", []string{stressDSN(p.Addr, shop), "--table", "products", "--column", "name"}, 1, "column name: it has to be of an integer type"},
		{"each save conflicts with itself", []string{stressDSN(p.Addr, shop), "--table", "products", "--column", "version"}, 1, "no update was acknowledged, so nothing is proved"},
		{"nobody is there", []string{stressDSN("127.0.0.1:1", shop)}, 1, "127.0.0.1:1: "},
		{"no number of clients", []string{stressDSN(p.Addr, shop), "--clients", "0"}, 2, "--clients is 0"},
		{"no DSN", []string{"root@" + p.Addr}, 2, "user:password@tcp(host:port)/database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := runStress(t, append(load, c.args...)...); r.exit != c.exit || !strings.Contains(r.errors, c.says) {
				t.Errorf("expected exit %d with %q: %s", c.exit, c.says, r)
			}
		})
	}
}

// A load whose table another one has not let go of yet waits for it.
func TestStressWaitsForTheOneBefore(t *testing.T) {
	s := server.MariaDB(t)
	shop, before := s.Database(t), session(t, s, "root", "", "")
	lock := "LOCK('ifmatch stress " + shop + ".ifmatch_stress'"
	execute(t, before, "DO GET_"+lock+", 0)")
	out := &Log{}
	cmd := exec.Command(program(t), "stress", stressDSN(s.Addr, shop), "--clients", "1", "--for", "100ms")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	await(func() bool { return strings.Contains(processes(t, s), "GET_LOCK") || out.Count("at work") > 0 })
	execute(t, before, "DO RELEASE_"+lock+")")
	if err := <-ended; err != nil {
		t.Errorf("%v:\n%s", err, out)
	}
}

// Ctrl-C gives the report of what there is so far.
func TestStressInterrupted(t *testing.T) {
	s := server.MariaDB(t)
	shop := s.Database(t)
	out := &Log{}
	cmd := exec.Command(program(t), "stress", stressDSN(s.Addr, shop), "--clients", "1", "--for", "1h")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	if !await(func() bool { return out.Count("acknowledged") > 0 }) {
		t.Error("no progress is shown")
	}
	cmd.Process.Signal(os.Interrupt)
	cmd.Process.Signal(os.Interrupt) // as some senders do
	select {
	case <-ended:
	case <-time.After(patience):
		cmd.Process.Kill()
		t.Fatal("it does not end")
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit %d: one client alone loses nothing", code)
	}
	for _, want := range []string{"(interrupted)", "without ifmatch:", " 0 lost"} {
		if out.Count(want) == 0 {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

// A proxy that dies in the middle of the load loses no update that it has
// acknowledged, and repeats none.
func TestStressOverAProxyThatDies(t *testing.T) {
	s := server.MariaDB(t)
	shop := s.Database(t)
	entry, err := exec.Command(program(t), "stress", "--init", stressDSN(s.Addr, shop)).Output()
	if err != nil {
		t.Fatal(err)
	}
	first := launch(t, s, string(entry))
	if !first.listens(t) {
		t.Fatal("the proxy does not listen")
	}
	ended := make(chan stressed, 1)
	go func() {
		ended <- runStress(t, stressDSN(first.Addr, shop), "--clients", "8", "--keys", "2", "--for", "3s", "--mode", "transactions")
	}()
	time.Sleep(time.Second) // under load, whatever of it there is by then
	first.cmd.Process.Kill()
	<-first.exited
	start(t, s, string(entry), "--listen", first.Addr)
	r := <-ended
	if r.exit != 0 || r.Lost != 0 || r.Unexplained != 0 || r.Reconnected == 0 || r.Acknowledged == 0 {
		t.Error(r)
	}
}
