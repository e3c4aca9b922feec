package integration

import (
	"database/sql/driver"
	"strings"
	"testing"

	"ifmatch/integration/server"
)

// TestPendingRights has a service account with the rights that migrate prints, and
// an application's account with none but those on its own table. Without the rights
// the policy is refused when it is loaded.
func TestPendingRights(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop := s.Database(t)
		db := s.Open(t, shop)
		must(t, db, disks)
		policy := strings.ReplaceAll(disksPolicy, "shop", shop)
		service, app := shop+"_service", shop+"_app"
		must(t, db, "CREATE USER '"+service+"'@'%' IDENTIFIED BY 'secret'; CREATE USER '"+app+"'@'%'; GRANT SELECT, INSERT, UPDATE, DELETE ON "+shop+".disks TO '"+app+"'@'%'")
		defer must(t, db, "DROP USER '"+service+"'@'%'; DROP USER '"+app+"'@'%'")
		if printed := migrated(t, s, policy); !strings.Contains(printed, "nothing to do") && !strings.Contains(printed, "GRANT UPDATE, DELETE ON `"+shop+"`.`disks`") {
			t.Errorf("migrate prints\n%s", printed)
		}
		must(t, db, "GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON *.* TO '"+service+"'@'%'; GRANT ALL PRIVILEGES ON `ifmatch`.* TO '"+service+"'@'%'")
		if s.Flavor == server.FlavorMySQL {
			must(t, db, "GRANT SHOW_ROUTINE ON *.* TO '"+service+"'@'%'")
		}
		flags := []string{"--service-user", service, "--service-password", "secret"}
		p := launch(t, s, policy, flags...)
		if p.listens(t) {
			t.Error("a proxy serves that could not give rows back")
			p.cmd.Process.Kill()
		}
		<-p.exited
		if !strings.Contains(p.Log.String(), "it wants UPDATE and DELETE on the table") {
			t.Errorf("it says %s", p.Log)
		}
		must(t, db, "GRANT UPDATE, DELETE ON `"+shop+"`.`disks` TO '"+service+"'@'%'")
		p = start(t, s, policy, flags...)
		a, b := session(t, p.server(s), app, shop, ""), session(t, p.server(s), app, shop, "")
		must(t, a, "UPDATE disks SET state = 'PENDING' WHERE name = 'd1'; INSERT INTO disks (name, state) VALUES ('n1', 'PENDING'); UPDATE disks SET size = 5 WHERE name = 'd1'")
		if wrong := taken("d1")(run(b, "UPDATE disks SET size = 9 WHERE name = 'd1'", shop)); wrong != "" {
			t.Error(wrong)
		}
		if wrong := matches("shop.disks|name='d1'|'AVAILABLE'|2, 3")(outcomeOfFirst(run(b, "SHOW IFMATCH PENDING", shop))); wrong != "" {
			t.Error(wrong)
		}
		a.Raw(func(any) error { return driver.ErrBadConn })
		if !await(func() bool {
			var n int
			return db.QueryRow("SELECT COUNT(*) FROM ifmatch.pending WHERE table_schema = DATABASE()").Scan(&n) == nil && n == 0
		}) {
			t.Error("the rows are not given back")
		}
		var got string
		if err := db.QueryRow("SELECT GROUP_CONCAT(name, ' ', state, ' ', size ORDER BY name SEPARATOR ', ') FROM disks WHERE name IN ('d1', 'n1')").Scan(&got); err != nil || got != "d1 AVAILABLE 5" {
			t.Errorf("rows are %q, error %v", got, err)
		}
		for _, want := range []string{`ifmatch_pending_abandoned_total{outcome="restored",table="` + shop + `.disks"} 1`, `ifmatch_pending_abandoned_total{outcome="removed",table="` + shop + `.disks"} 1`} {
			if !await(func() bool { return contains(get(t, "http://"+p.Admin+"/metrics"), want) }) {
				t.Errorf("metrics have no %s", want)
			}
		}
	})
}

// outcomeOfFirst leaves the first row.
func outcomeOfFirst(o outcome) outcome {
	if len(o.rows) > 1 {
		o.rows = o.rows[:1]
	}
	return o
}
