package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// play tells the story at the engine, through the proxy, and then what the
// reader can try there. An error says that something came out otherwise than told.
func play(ctx context.Context, p *page, engine, proxy string) error {
	shop, err := connect(engine)
	if err != nil {
		return err
	}
	defer shop.Close()
	if err := furnish(ctx, shop); err != nil {
		return err
	}
	pen := goods[0]
	sale := pen
	sale.inStock--

	p.remark("Ann and Bob edit the same product. Their program reads the row into a form and")
	p.remark("saves the form back, as many programs do. It has never heard of versions:")
	p.remark("\n  %s", strings.Replace(openForm, "?", "100", 1))
	p.remark("  %s", sale.update())

	p.title("WITHOUT ifmatch: the program is connected to the database, %s", engine)
	if err := at(ctx, engine, p, shop, lostUpdate); err != nil {
		return fmt.Errorf("without ifmatch: %w", err)
	}
	if _, err := shop.ExecContext(ctx, pen.restore()); err != nil {
		return fmt.Errorf("put the pen back: %w", err)
	}
	p.title("WITH ifmatch: the same program and the same statements, connected to %s", proxy)
	if err := at(ctx, proxy, p, shop, refusedUpdate); err != nil {
		return fmt.Errorf("with ifmatch: %w", err)
	}
	if err := invite(ctx, p, shop, proxy); err != nil {
		return fmt.Errorf("what is told to try: %w", err)
	}
	return nil
}

// stage is where the story is played.
type stage struct {
	*page
	ann, bob *editor
	shop     *sql.DB // straight at the engine, to see what is there
}

// at plays a story with both editors connected to address.
func at(ctx context.Context, address string, p *page, shop *sql.DB, story func(context.Context, *stage) error) error {
	s := &stage{page: p, shop: shop}
	for _, e := range []struct {
		editor **editor
		name   string
	}{{&s.ann, "ann"}, {&s.bob, "bob"}} {
		db, err := connect(address)
		if err != nil {
			return err
		}
		defer db.Close()
		*e.editor = &editor{name: e.name, db: db}
	}
	return story(ctx, s)
}

// lostUpdate is the story as databases have it: the last to save wins.
func lostUpdate(ctx context.Context, s *stage) error {
	bobs, err := s.bothSave(ctx)
	if err != nil {
		return err
	}
	if bobs != nil {
		return fmt.Errorf("bob's save failed: %w", bobs)
	}
	s.did("bob", "saves a new price", s.bob.form, s.paint(green, "ok"))
	if err := s.look(ctx, product{100, "pen", "1.50", 6, 1}); err != nil {
		return err
	}
	s.moral(red, "Ann's sale is lost: she sold one, and in_stock is 6 again. Nobody was told.")
	return nil
}

// refusedUpdate is the story as the proxy has it.
func refusedUpdate(ctx context.Context, s *stage) error {
	bobs, err := s.bothSave(ctx)
	if err != nil {
		return err
	}
	const told = "Error 1020 (40001): ifmatch: version conflict on shop.products id=100: expected version=1, found version=2"
	if err := refused(bobs, told); err != nil {
		return err
	}
	s.did("bob", "saves a new price", s.bob.form, s.paint(red, "refused"))
	s.more(s.paint(red, bobs.Error()))
	if err := s.look(ctx, product{100, "pen", "1.20", 5, 2}); err != nil {
		return err
	}
	if err := s.bob.open(ctx, 100); err != nil {
		return err
	}
	s.did("bob", "opens the form again", s.bob.form, "")
	s.bob.form.price = "1.50"
	if err := s.bob.save(ctx); err != nil {
		return fmt.Errorf("bob's second save failed: %w", err)
	}
	s.did("bob", "saves a new price", s.bob.form, s.paint(green, "ok"))
	if err := s.look(ctx, product{100, "pen", "1.50", 5, 3}); err != nil {
		return err
	}
	s.moral(green, "Bob's program was told that the row had changed since it read it at version 1.")
	s.moral(green, "Nothing is lost: Ann's sale and Bob's price are both there.")
	return nil
}

// bothSave is the part that is the same in both stories: both open the form,
// Ann sells a pen and saves, Bob changes the price and saves. It tells all but
// the last, whose outcome is bobs.
func (s *stage) bothSave(ctx context.Context) (bobs, err error) {
	for _, e := range []*editor{s.ann, s.bob} {
		if err := e.open(ctx, 100); err != nil {
			return nil, err
		}
		if err := same(e.form, goods[0]); err != nil {
			return nil, err
		}
		s.did(e.name, "opens the form", e.form, "")
	}
	s.ann.form.inStock--
	if err := s.ann.save(ctx); err != nil {
		return nil, fmt.Errorf("ann's save failed: %w", err)
	}
	s.did("ann", "sells one and saves", s.ann.form, s.paint(green, "ok"))
	s.bob.form.price = "1.50"
	return s.bob.save(ctx), nil
}

// look shows the row as it is in the database, which must be want.
func (s *stage) look(ctx context.Context, want product) error {
	now, err := row(ctx, s.shop, want.id)
	if err != nil {
		return err
	}
	if err := same(now, want); err != nil {
		return err
	}
	s.did("", "the row is now", now, "")
	return nil
}

// same holds a row against what is told of it.
func same(got, want product) error {
	if got != want {
		return fmt.Errorf("the %s is at %s, and not at %s", want.name, got, want)
	}
	return nil
}

// refused holds the outcome of a write against the error that is told of it.
func refused(got error, told string) error {
	var answer *mysql.MySQLError
	switch {
	case got == nil:
		return fmt.Errorf("a write went through that should have been answered by %q", told)
	case !errors.As(got, &answer) || answer.Error() != told:
		return fmt.Errorf("a write was answered by %q, and not by %q", got, told)
	}
	return nil
}
