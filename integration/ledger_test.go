package integration

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"

	"ifmatch/integration/server"
	"ifmatch/ledger"
)

// openBook opens the ledger of a server.
func openBook(t *testing.T, s *server.Server) *ledger.Ledger {
	t.Helper()
	dsn, err := mysql.ParseDSN(s.DSN("root", "", ""))
	if err != nil {
		t.Fatal(err)
	}
	connector, err := mysql.NewConnector(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l := ledger.Open(connector)
	t.Cleanup(func() { l.Close() })
	return l
}

// TestLedgerIsMade has proxies make the ledger at the same time, and one find
// that of a newer version.
func TestLedgerIsMade(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		var wg sync.WaitGroup
		for range 4 {
			l := openBook(t, s)
			wg.Go(func() {
				if err := l.Make(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		db := s.Open(t, "")
		missing, err := ledger.Missing(t.Context(), db)
		if err != nil || len(missing) > 0 {
			t.Errorf("missing %v, error %v", missing, err)
		}
		must(t, db, "INSERT INTO ifmatch.layout VALUES (1000)")
		defer must(t, db, "DELETE FROM ifmatch.layout WHERE version = 1000")
		var newer *ledger.LayoutError
		if err := openBook(t, s).Make(t.Context()); !errors.As(err, &newer) || newer.Found != 1000 {
			t.Errorf("a newer ledger gives %v", err)
		}
	})
}
