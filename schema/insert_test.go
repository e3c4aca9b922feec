package schema

import (
	"testing"

	"ifmatch/integration/server"
)

func TestBeforeInsert(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		name := s.Database(t)
		db := s.Open(t, name)
		for _, table := range []string{"none", "other", "plain", "named", "quoted", "called"} {
			run(t, db, name, "CREATE TABLE "+table+" (id INT PRIMARY KEY, n INT, version INT)")
		}
		run(t, db, name,
			"CREATE TRIGGER other_after AFTER INSERT ON other FOR EACH ROW DO NEW.id",
			"CREATE TRIGGER other_update BEFORE UPDATE ON other FOR EACH ROW SET NEW.id = 1",
			"CREATE TRIGGER plain_insert BEFORE INSERT ON plain FOR EACH ROW SET NEW.n = (SELECT MAX(id) FROM other)",
			"CREATE TRIGGER named_insert BEFORE INSERT ON named FOR EACH ROW SET new . ID = 1",
			"CREATE TRIGGER quoted_insert BEFORE INSERT ON quoted FOR EACH ROW SET `NEW`.`id` = 1",
			"CREATE PROCEDURE zero(OUT x INT) SET x = 0",
			"CREATE TRIGGER called_insert BEFORE INSERT ON called FOR EACH ROW CALL zero(NEW.id)",
		)
		c := read(t, db, name, "none")
		if !c.SeesTriggers() {
			t.Error("root sees no triggers")
		}
		for _, test := range []struct {
			table            string
			fires, id, other bool // whether a trigger fires, and names id and version
		}{
			{"none", false, false, false},
			{"other", false, false, false},
			{"plain", true, false, false},
			{"named", true, true, false},
			{"quoted", true, true, false},
			{"called", true, true, false},
		} {
			table := c.Table(Name{name, test.table})
			if fires, id, other := table.BeforeInsert(), table.BeforeInsertNames("Id"), table.BeforeInsertNames("version"); fires != test.fires || id != test.id || other != test.other {
				t.Errorf("%s: fires %t, names id %t, version %t", test.table, fires, id, other)
			}
		}
	})
}

// A trigger whose body cannot be read may name any column.
func TestBeforeInsertUnread(t *testing.T) {
	table := &Table{Triggers: []*Trigger{{Timing: "BEFORE", Event: "UPDATE OR INSERT", uses: unreadable("SET NEW.n = $$")}}}
	if !table.BeforeInsert() || !table.BeforeInsertNames("id") {
		t.Error("it leaves id alone")
	}
}

func TestSeesTriggers(t *testing.T) {
	for grant, sees := range map[string]bool{
		"GRANT SELECT, TRIGGER ON *.* TO `u`@`%`":      true,
		"GRANT ALL PRIVILEGES ON *.* TO `u`@`%`":       true,
		"GRANT SELECT, EVENT ON *.* TO `u`@`%`":        false,
		"GRANT SELECT, TRIGGER ON `shop`.* TO `u`@`%`": false,
	} {
		c := &Catalog{Unseen: unseen(0, []string{grant})}
		if c.SeesTriggers() != sees {
			t.Errorf("%s: sees triggers %t", grant, !sees)
		}
	}
}
