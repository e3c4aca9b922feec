package main

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"strings"
)

// What the reader can try at the end of the story, when the pen is at version 3.
const (
	staleSave = "UPDATE products SET in_stock=4, version=1 WHERE id=100"
	askWhy    = "SHOW IFMATCH CONFLICT"
	freshSave = "UPDATE products SET in_stock=4, version=3 WHERE id=100"
	staleTold = "Error 1020 (40001): ifmatch: version conflict on shop.products id=100: expected version=1, found version=3"
	againTold = "Error 1020 (40001): ifmatch: version conflict on shop.products id=100: expected version=3, found version=4"
)

// conflictTold is how the answer to askWhy begins, after staleSave.
var conflictTold = [...]string{"version", "shop.products", "id=100", "version=1", "version=3"}

// invite tells what can be tried at the proxy, after it has tried it itself. The
// shop is then as it was.
func invite(ctx context.Context, p *page, shop *sql.DB, proxy string) error {
	if err := rehearse(ctx, shop, proxy); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(proxy)
	if err != nil {
		return err
	}
	p.title("TRY IT")
	p.remark("  DSN    mysql://root@%s/shop", proxy)
	p.remark("  shell  mariadb -h %s -P %s -u root shop", host, port)
	p.remark("")
	p.remark("  1  %s;", staleSave)
	p.remark("     -> %s", staleTold)
	p.remark("  2  %s;", askWhy)
	p.remark("     -> one row: %s, …", strings.Join(conflictTold[:], ", "))
	p.remark("  3  %s;", freshSave)
	p.remark("     -> ok, and the version is 4. Once more: conflict, expected version=3, found version=4")
	return nil
}

// rehearse tries what invite tells, and puts the pen back as it was.
func rehearse(ctx context.Context, shop *sql.DB, proxy string) error {
	pen, err := row(ctx, shop, 100)
	if err != nil {
		return err
	}
	db, err := connect(proxy)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.ExecContext(ctx, staleSave)
	if err := refused(err, staleTold); err != nil {
		return err
	}
	if err := explained(ctx, db); err != nil {
		return fmt.Errorf("%s: %w", askWhy, err)
	}
	if _, err := db.ExecContext(ctx, freshSave); err != nil {
		return fmt.Errorf("%s: %w", freshSave, err)
	}
	now, err := row(ctx, shop, 100)
	if err != nil {
		return err
	}
	if err := same(now, product{100, pen.name, pen.price, 4, 4}); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, freshSave)
	if err := refused(err, againTold); err != nil {
		return err
	}
	if _, err := shop.ExecContext(ctx, pen.restore()); err != nil {
		return fmt.Errorf("put the pen back: %w", err)
	}
	return nil
}

// explained holds the answer to SHOW IFMATCH CONFLICT against what is told of it.
func explained(ctx context.Context, db *sql.DB) error {
	var kind, table, key, expected, found, reason, statement string
	if err := db.QueryRowContext(ctx, askWhy).Scan(&kind, &table, &key, &expected, &found, &reason, &statement); err != nil {
		return err
	}
	got := [...]string{kind, table, key, expected, found}
	if got != conflictTold {
		return fmt.Errorf("the conflict is %q, and not %q", got, conflictTold)
	}
	return nil
}
