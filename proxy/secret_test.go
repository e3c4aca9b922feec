package proxy

import (
	"context"
	"strings"
	"testing"

	"ifmatch/wire"
)

// secrets are what never reaches a log record or a label: constants and
// parameters, rows, files, the server's words about them, and passwords.
var secrets = []string{"CONST-MARKER", "PARAM-MARKER", "ROW-MARKER", "FILE-MARKER", "ERROR-MARKER", password, "3141592653", "COMMENT-MARKER"}

// discreet fails the test if one of them was logged or became a label.
func (b *bench) discreet() {
	b.t.Helper()
	b.meter.mu.Lock()
	told := b.logs.String() + strings.Join(b.meter.labels, "\n")
	b.meter.mu.Unlock()
	for _, secret := range secrets {
		for line := range strings.Lines(told) {
			if strings.Contains(strings.ToUpper(line), secret) {
				b.t.Errorf("%s is in %q", secret, line)
			}
		}
	}
}

func TestNoSecretIsLogged(t *testing.T) {
	queries := []string{
		"SELECT 'CONST-MARKER', 3141592653 /* COMMENT-MARKER */",
		"FAIL 'CONST-MARKER'",
		// Conflicts and refusals, where constants stand in every place that they can.
		"UPDATE shop.products SET name='CONST-MARKER', n=3141592653 WHERE id=100 AND version=9 -- COMMENT-MARKER",
		`UPDATE shop.products SET name="CONST-MARKER", m=N'CONST-MARKER', o=_utf8mb4'CONST-MARKER' WHERE id=100 AND version=9`,
		"UPDATE shop.products SET name='CONST-MARKER', n=3141592653.5e0 WHERE name='CONST-MARKER'",
		"UPDATE shop.orders SET name='CONST-MARKER' WHERE id=1",
		"UPDATE shop.products SET name='CONST-MARKER' 'CONST-MARKER' WHERE id IN (1, 3141592653)",
		"DELETE FROM shop.products WHERE name LIKE 'CONST-MARKER%'",
		"INSERT INTO shop.products VALUES (1, 'CONST-MARKER') ON DUPLICATE KEY UPDATE name='CONST-MARKER'",
		"LOAD DATA LOCAL INFILE 'CONST-MARKER' REPLACE INTO TABLE shop.products",
		"TRUNCATE TABLE shop.products /* COMMENT-MARKER */",
		// What cannot be read.
		"UPDATE shop.products SET name='CONST-MARKER",
		"UPDATE shop.products SET name='CONST-MARKER' WHERE id=1 /* COMMENT-MARKER",
		"SELECT 1; UPDATE shop.products SET name='CONST-MARKER",
		"UPDATE shop.products SET name='CONST-MARKER' WHERE WHERE id=3141592653",
		// Hints.
		"/* ifmatch: version='CONST-MARKER */ UPDATE shop.products SET name='CONST-MARKER' WHERE id=100",
		"SET @ifmatch = 'CONST-MARKER'",
		"SET @ifmatch = 3141592653",
		// SQL-level statements.
		"PREPARE s FROM 'REPLACE INTO shop.products SELECT ''CONST-MARKER'''",
		"EXECUTE s",
		"EXECUTE IMMEDIATE 'REPLACE INTO shop.products SELECT ''CONST-MARKER'''",
		"EXECUTE IMMEDIATE CONCAT('CONST-MARKER', 'shop.products')",
		"CALL p('CONST-MARKER')",
		// A doomed transaction.
		"BEGIN; UPDATE shop.products SET name='CONST-MARKER' WHERE id=100 AND version=9; SELECT 'CONST-MARKER'",
		"SELECT 'CONST-MARKER'",
		"ROLLBACK",
		"SHOW IFMATCH CONFLICT",
	}
	b := newBench(t)
	defer b.close()
	c := b.open()
	defer c.Close()
	for _, sql := range queries {
		if _, err := c.query(sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	for _, sql := range []string{
		"UPDATE shop.products SET name=? WHERE id=100 AND version=9 AND m='CONST-MARKER'",
		"UPDATE shop.orders SET name=? WHERE id=1",
		"UPDATE shop.products SET name=?, m='CONST-MARKER' WHERE n > 3141592653",
		"SELECT ?, 'CONST-MARKER",
	} {
		if c.prepare(sql) != nil {
			continue
		}
		if _, err := c.execute(0, wire.NewBytes([]byte("PARAM-MARKER"))); err != nil && !strings.Contains(sql, "shop.") {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	// A session that ends within a statement: the shape is all that may be told.
	for _, sql := range []string{"\x00\x07SELECT 'CONST-MARKER'", "\x01\x01CONST-MARKER"} {
		c := b.open()
		if err := c.command(wire.ComQuery, sql); err != nil {
			t.Fatal(err)
		}
		if err := hungUp(c); err != nil {
			t.Error(err)
		}
		c.Close()
	}
	b.sound()
	if b.meter.conflicts.Load() == 0 || b.meter.refused.Load() == 0 {
		t.Errorf("%d conflicts, %d refused: the paths to be tried are not gone through", b.meter.conflicts.Load(), b.meter.refused.Load())
	}
	b.discreet()
}

// A panic ends the session that it happened in, and nothing else. What is logged
// of the statement is its shape.
func TestPanicEndsOneSession(t *testing.T) {
	b := newBench(t, func(cfg *Config) {
		cfg.SchemaChanged = func(context.Context) error { panic("a mistake of ours") }
	})
	defer b.close()
	bystander := b.open()
	defer bystander.Close()
	c := b.open()
	defer c.Close()
	if _, err := c.query("ALTER TABLE shop.products ADD note TEXT DEFAULT 'CONST-MARKER'"); err == nil {
		t.Error("the statement was answered")
	}
	b.ended(1)
	if n := b.meter.panics.Swap(0); n != 1 {
		t.Errorf("%d panics were counted, want 1", n)
	}
	if !strings.Contains(b.logs.String(), "a mistake of ours") || !strings.Contains(b.logs.String(), "shape=\"ALTER TABLE") {
		t.Errorf("the log does not say what happened:\n%s", b.logs)
	}
	b.discreet()
	if text, err := bystander.query("SELECT 1"); err != nil || text != "2 rows;" {
		t.Errorf("the other session answers %q, %v", text, err)
	}
}
