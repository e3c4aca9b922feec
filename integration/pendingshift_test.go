package integration

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// command runs ifmatch with the policy of a proxy and gives what it says.
func (p *Proxy) command(t *testing.T, s *server.Server, args ...string) (out string, code int) {
	t.Helper()
	n := 1
	if args[0] == "pending" {
		n = 2
	}
	flags := []string{"--policy", p.policy, "--backend", s.Addr, "--service-user", "root"}
	cmd := exec.Command(program(t), append(append(args[:n:n], flags...), args[n:]...)...)
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return both.String(), cmd.ProcessState.ExitCode()
}

// TestPendingNightShift lists and releases rows that are taken, and has check warn
// of those that nobody is known to have taken.
func TestPendingNightShift(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		must(t, db, disks)
		p := start(t, s, strings.ReplaceAll(disksPolicy, "shop", shop))
		says := func(code int, args []string, has ...string) string {
			t.Helper()
			out, got := p.command(t, s, args...)
			for _, h := range has {
				if !strings.Contains(out, h) {
					t.Errorf("%v says %q, want %q in it", args, out, h)
				}
			}
			if got != code {
				t.Errorf("%v: exit code %d, want %d; it says %q", args, got, code, out)
			}
			return out
		}
		row := func(name, want string) {
			t.Helper()
			var got string
			if err := db.QueryRow("SELECT CONCAT_WS(' ', state, version) FROM disks WHERE name = ?", name).Scan(&got); err != nil || got != want {
				t.Errorf("%s is %q, error %v, want %q", name, got, err, want)
			}
		}
		number := func(name string) (id string) {
			t.Helper()
			if err := db.QueryRow("SELECT id FROM ifmatch.pending WHERE table_schema = DATABASE() AND row_text = ?", "name='"+name+"'").Scan(&id); err != nil {
				t.Fatal(err)
			}
			return id
		}
		a := session(t, p.server(s), "root", shop, "")
		must(t, a, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'; INSERT INTO disks (name, state) VALUES ('n1', 'PENDING')")
		must(t, db, "UPDATE disks SET state = 'PENDING' WHERE name = 'd2'")
		says(0, []string{"check"}, "warning: "+shop+".disks name='d2' is pending (PENDING)", "right, 1 guarded tables")
		says(0, []string{"pending", "list"}, "name='d1'", "'AVAILABLE'", "held", "name='d2'", "no record", "session ")
		says(1, []string{"pending", "release", number("d1")}, "its taker is alive")
		row("d1", "PENDING 2")
		says(0, []string{"pending", "release", "--force", number("d1"), number("n1")}, "given back", "deleted")
		row("d1", "AVAILABLE 3")
		if wrong := takingLost("d1", "'AVAILABLE'")(run(a, "UPDATE disks SET size = 9 WHERE name = 'd1'", shop)); wrong != "" {
			t.Error(wrong)
		}
		says(1, []string{"pending", "release", "--table", shop + ".disks", "--status", "FREE", "name='d1'"}, "no such row is pending")
		says(2, []string{"pending", "release", "--table", shop + ".disks", "--status", "PENDING", "name='d2'"}, "cannot be released with")
		says(0, []string{"pending", "release", "--table", shop + ".disks", "--status", "IN_USE", "name='d2'"}, "state is 'IN_USE' now")
		row("d2", "IN_USE 2")
		must(t, a, "UPDATE disks SET state = 'PENDING' WHERE name = 'd3'")
		must(t, db, "UPDATE disks SET version = version + 5 WHERE name = 'd3'")
		says(1, []string{"pending", "release", "--force", number("d3")}, "it was changed since it was taken")
		says(0, []string{"pending", "release", "--table", shop + ".disks", "--status", "IN_USE", "name='d3'"}, "state is 'IN_USE' now")
		row("d3", "IN_USE 8")
		var left int
		if err := db.QueryRowContext(context.Background(), "SELECT COUNT(*) FROM ifmatch.pending WHERE table_schema = DATABASE()").Scan(&left); err != nil || left != 0 {
			t.Errorf("%d records are left, error %v", left, err)
		}
		out, _ := p.command(t, s, "check")
		if strings.Contains(out, "warning: "+shop) {
			t.Errorf("check says %q", out)
		}
		says(2, []string{"pending", "release", "x"}, "is no number")
		says(1, []string{"pending", "release", "999999999"}, "no row is taken by that number")
	})
}
