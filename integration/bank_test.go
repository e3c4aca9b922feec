package integration

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
)

// envBank says for how long money is moved on each server; a few seconds by default.
const envBank = "IFMATCH_BANK_TIME"

const (
	bankClients  = 64
	bankAccounts = 24
	bankBalance  = 1000
)

// TestBank has 64 clients move money between accounts, in transactions of several
// statements, through two proxies, one of which is killed, and so is the server. The
// sum of all balances stays what it was; each balance is that of the transfers on
// record, so no update was lost; every transfer that was acknowledged is on record, and
// none that was refused.
func TestBank(t *testing.T) {
	long := 6 * time.Second
	if text := os.Getenv(envBank); text != "" {
		var err error
		if long, err = time.ParseDuration(text); err != nil {
			t.Fatalf("%s: %v", envBank, err)
		}
	}
	server.EachOwn(t, func(t *testing.T, s *server.Server) {
		newBank(t, s).run(long)
	})
}

type bank struct {
	t       *testing.T
	server  *server.Server
	shop    string
	policy  string
	proxies [2]string // addresses
	doomed  *Proxy    // the one that is killed

	ids                       atomic.Int64
	mu                        sync.Mutex
	acknowledged, refused     []int64
	conflicts, unknown, other int
}

func newBank(t *testing.T, s *server.Server) *bank {
	b := &bank{t: t, server: s, shop: s.Database(t)}
	db := s.Open(t, b.shop)
	for _, q := range []string{
		"CREATE TABLE accounts(id INT PRIMARY KEY, balance INT NOT NULL, version BIGINT UNSIGNED NOT NULL DEFAULT 1)",
		"CREATE TABLE transfers(id BIGINT PRIMARY KEY, source INT NOT NULL, target INT NOT NULL, amount INT NOT NULL)",
	} {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	for id := range bankAccounts {
		if _, err := db.Exec("INSERT INTO accounts(id, balance) VALUES (?, ?)", id, bankBalance); err != nil {
			t.Fatal(err)
		}
	}
	b.policy = "tables: {" + b.shop + ".accounts: {version: version, scope: transaction}}"
	b.proxies[0] = start(t, s, b.policy).Addr
	b.doomed = launch(t, s, b.policy)
	if !b.doomed.listens(t) {
		t.Fatalf("the proxy does not listen:\n%s", b.doomed.Log)
	}
	b.proxies[1] = b.doomed.Addr
	return b
}

// run moves money for a while, with the deaths of a proxy and of the server in between.
func (b *bank) run(long time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	var all sync.WaitGroup
	for i := range bankClients {
		all.Add(1)
		go func() {
			defer all.Done()
			b.client(ctx, i)
		}()
	}
	pause := func(d time.Duration) {
		select {
		case <-ctx.Done():
		case <-time.After(d):
		}
	}
	pause(long / 4)
	b.doomed.cmd.Process.Kill()
	<-b.doomed.exited
	pause(long / 8)
	again := start(b.t, b.server, b.policy, "--listen", b.doomed.Addr)
	pause(long / 8)
	b.server.Kill()
	pause(long / 8)
	b.server.Restart(b.t)
	all.Wait()
	for _, l := range []*Log{b.doomed.Log, again.Log} {
		if n := l.Count("panicked"); n > 0 {
			b.t.Errorf("%d sessions panicked", n)
		}
	}
	b.audit()
}

// client moves money until the time is over. What it is told of each transfer it
// writes down.
func (b *bank) client(ctx context.Context, i int) {
	random := rand.New(rand.NewPCG(uint64(i), 7))
	var app *sql.DB
	var conn *sql.Conn
	defer func() {
		if app != nil {
			app.Close()
		}
	}()
	for ctx.Err() == nil {
		if conn == nil {
			if app != nil {
				app.Close()
			}
			config := mysql.NewConfig()
			config.User, config.Net, config.Addr, config.DBName = "root", "tcp", b.proxies[i%2], b.shop
			config.Timeout, config.ReadTimeout = 5*time.Second, 30*time.Second
			config.InterpolateParams = i%4 < 2
			config.Logger = nopLog{}
			connector, err := mysql.NewConnector(config)
			if err != nil {
				b.t.Error(err)
				return
			}
			app = sql.OpenDB(connector)
			if conn, err = app.Conn(context.Background()); err == nil {
				_, err = conn.ExecContext(context.Background(), "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
			}
			if err != nil {
				conn = nil
				time.Sleep(50 * time.Millisecond)
				continue
			}
		}
		id := b.ids.Add(1)
		err := transfer(conn, id, random)
		var e *mysql.MySQLError
		isError := errors.As(err, &e)
		b.mu.Lock()
		switch {
		case err == nil:
			b.acknowledged = append(b.acknowledged, id)
		case isError && e.Number == 1020:
			b.conflicts++
			b.refused = append(b.refused, id)
		case isError && (e.Number == 1213 || e.Number == 1205 || e.Number == 3101):
			b.other++
			b.refused = append(b.refused, id)
		default:
			b.unknown++ // the connection, the proxy or the server is gone: either may be
			conn = nil
		}
		b.mu.Unlock()
		if err != nil && conn != nil {
			if _, err := conn.ExecContext(context.Background(), "ROLLBACK"); err != nil {
				conn = nil
			}
			time.Sleep(time.Duration(random.IntN(5)) * time.Millisecond)
		}
	}
}

type nopLog struct{}

func (nopLog) Print(...any) {}

// transfer moves money as an app does that has never heard of versions: it reads
// balances, reckons, and writes what it has reckoned.
func transfer(conn *sql.Conn, id int64, random *rand.Rand) error {
	ctx := context.Background()
	from := random.IntN(bankAccounts)
	to := (from + 1 + random.IntN(bankAccounts-1)) % bankAccounts
	amount := 1 + random.IntN(20)
	var balance [2]int
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return err
	}
	for i, account := range []int{from, to} {
		if err := conn.QueryRowContext(ctx, "SELECT balance FROM accounts WHERE id=?", account).Scan(&balance[i]); err != nil {
			return err
		}
	}
	balance[0], balance[1] = balance[0]-amount, balance[1]+amount
	var err error
	switch random.IntN(4) {
	case 0: // one statement for both rows
		_, err = conn.ExecContext(ctx, fmt.Sprintf("UPDATE accounts SET balance=CASE id WHEN %d THEN %d ELSE %d END WHERE id IN (%d, %d)", from, balance[0], balance[1], from, to))
	case 1: // by another condition
		for i, account := range []int{from, to} {
			if err == nil {
				_, err = conn.ExecContext(ctx, "UPDATE accounts SET balance=? WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1", balance[i], account, account)
			}
		}
	case 2: // upserts
		for i, account := range []int{from, to} {
			if err == nil {
				_, err = conn.ExecContext(ctx, "INSERT INTO accounts(id, balance) VALUES (?, ?) ON DUPLICATE KEY UPDATE balance=VALUES(balance)", account, balance[i])
			}
		}
	default:
		for i, account := range []int{from, to} {
			if err == nil {
				_, err = conn.ExecContext(ctx, "UPDATE accounts SET balance=? WHERE id=?", balance[i], account)
			}
		}
	}
	if err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, "INSERT INTO transfers VALUES (?, ?, ?, ?)", id, from, to, amount); err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "COMMIT")
	if errors.Is(err, driver.ErrBadConn) {
		return mysql.ErrInvalidConn
	}
	return err
}

// audit holds the database against what the clients were told.
func (b *bank) audit() {
	t := b.t
	db := b.server.Open(t, b.shop)
	var sum int
	if err := db.QueryRow("SELECT SUM(balance) FROM accounts").Scan(&sum); err != nil {
		t.Fatal(err)
	}
	if sum != bankAccounts*bankBalance {
		t.Errorf("the sum is %d, want %d", sum, bankAccounts*bankBalance)
	}
	moved, record := map[int]int{}, map[int64]bool{}
	rows, err := db.Query("SELECT id, source, target, amount FROM transfers")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		var from, to, amount int
		if err := rows.Scan(&id, &from, &to, &amount); err != nil {
			t.Fatal(err)
		}
		record[id] = true
		moved[from] -= amount
		moved[to] += amount
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	for id := range bankAccounts {
		var balance int
		if err := db.QueryRow("SELECT balance FROM accounts WHERE id=?", id).Scan(&balance); err != nil {
			t.Fatal(err)
		}
		if want := bankBalance + moved[id]; balance != want {
			t.Errorf("account %d has %d; by the record of transfers it is %d: updates were lost", id, balance, want)
		}
	}
	for _, id := range b.acknowledged {
		if !record[id] {
			t.Errorf("transfer %d was acknowledged and is not there", id)
		}
	}
	for _, id := range b.refused {
		if record[id] {
			t.Errorf("transfer %d was refused and is there", id)
		}
	}
	t.Logf("%d acknowledged, %d conflicts, %d deadlocks and the like, %d of unknown end, %d on record",
		len(b.acknowledged), b.conflicts, b.other, b.unknown, len(record))
	if len(b.acknowledged) < 50 || b.conflicts < 10 || b.unknown == 0 {
		t.Error("too little has happened to prove anything")
	}
}
