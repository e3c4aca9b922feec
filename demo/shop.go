package main

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// goods is the shop: the pen, which the story is about, and what stands beside it.
var goods = []product{
	{100, "pen", "1.20", 6, 1},
	{101, "notebook", "3.50", 12, 1},
	{102, "ruler", "2.00", 4, 1},
}

const shopTable = `CREATE TABLE products (
	id INT NOT NULL PRIMARY KEY,
	name VARCHAR(40) NOT NULL,
	price DECIMAL(8,2) NOT NULL,
	in_stock INT NOT NULL,
	version BIGINT UNSIGNED NOT NULL DEFAULT 1
)`

// product is a row of the shop's only table.
type product struct {
	id      int
	name    string
	price   string // a DECIMAL as the server writes it
	inStock int
	version uint64
}

// String shows what the story is about.
func (p product) String() string {
	return fmt.Sprintf("price %s  in_stock %d  version %d", p.price, p.inStock, p.version)
}

// update is the statement by which the shop's program saves a form: all that
// stands in the form. The text is what is sent and what is shown; every value in
// it comes from the demo itself.
func (p product) update() string {
	return fmt.Sprintf("UPDATE products SET name='%s', price=%s, in_stock=%d WHERE id=%d", p.name, p.price, p.inStock, p.id)
}

// restore is the statement that makes the row what it was, version included.
func (p product) restore() string {
	return fmt.Sprintf("UPDATE products SET name='%s', price=%s, in_stock=%d, version=%d WHERE id=%d",
		p.name, p.price, p.inStock, p.version, p.id)
}

// connect opens the shop at address, by one connection.
func connect(address string) (*sql.DB, error) {
	cfg := mysql.NewConfig()
	cfg.User, cfg.Net, cfg.Addr, cfg.DBName = "root", "tcp", address, "shop"
	cfg.Logger = &mysql.NopLogger{}
	connector, err := mysql.NewConnector(cfg)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(1)
	return db, nil
}

// furnish makes the table and its rows.
func furnish(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, shopTable); err != nil {
		return fmt.Errorf("make the table: %w", err)
	}
	for _, g := range goods {
		_, err := db.ExecContext(ctx, "INSERT INTO products VALUES (?, ?, ?, ?, ?)", g.id, g.name, g.price, g.inStock, g.version)
		if err != nil {
			return fmt.Errorf("stock the shop: %w", err)
		}
	}
	return nil
}

// openForm is the statement by which the shop's program fills a form.
const openForm = "SELECT * FROM products WHERE id = ?"

// row reads a product as it is.
func row(ctx context.Context, db *sql.DB, id int) (product, error) {
	p := product{id: id}
	err := db.QueryRowContext(ctx, openForm, id).Scan(&p.id, &p.name, &p.price, &p.inStock, &p.version)
	if err != nil {
		return p, fmt.Errorf("read product %d: %w", id, err)
	}
	return p, nil
}

// editor is somebody with the product's form open.
type editor struct {
	name string
	db   *sql.DB
	form product
}

// open shows the row in the form.
func (e *editor) open(ctx context.Context, id int) (err error) {
	e.form, err = row(ctx, e.db, id)
	return err
}

// save writes the form back.
func (e *editor) save(ctx context.Context) error {
	_, err := e.db.ExecContext(ctx, e.form.update())
	return err
}
