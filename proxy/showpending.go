package proxy

import (
	"context"
	"strconv"
	"strings"

	"ifmatch/rewrite"
	"ifmatch/taking"
	"ifmatch/wire"
)

// maxShownPending bounds the rows of SHOW IFMATCH PENDING.
const maxShownPending = 1000

// showPending gives the rows that are taken, by whatever proxy, of the tables that
// the client may read.
func (s *session) showPending() wire.Result {
	t := wire.TextResult("table", "key", "before", "versions", "taker", "since", "lease_seconds", "state")
	if s.srv.cfg.Ledger == nil {
		return t
	}
	ctx, cancel := context.WithTimeout(context.Background(), taking.Timeout)
	defer cancel()
	records, err := s.srv.cfg.Ledger.List(ctx, maxShownPending)
	if err != nil {
		s.log.Warn("the rows that are taken cannot be listed", "error", err)
	}
	readable := map[string]bool{}
	for _, r := range records {
		of := rewrite.QualifiedName(r.Schema, r.Table)
		may, known := readable[of]
		if !known {
			_, failed, err := s.ask([]byte("SELECT 1 FROM " + of + " LIMIT 0"))
			may = failed == nil && err == nil
			readable[of] = may
		}
		if !may {
			continue
		}
		before := r.Before
		if before == "" {
			before = "no row"
		}
		t.Add(r.Schema+"."+r.Table, r.Text, before, strings.Join(r.Versions, ", "), r.Taker, r.TakenAt, strconv.FormatFloat(r.Left, 'f', 1, 64), r.State)
	}
	return t
}
