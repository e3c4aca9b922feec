// Package ruleset makes the rules in force out of the policy file and the
// backend's schema, and keeps them current.
package ruleset

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"reflect"
	"sync"

	"ifmatch/fault"
	"ifmatch/policy"
	"ifmatch/rewrite"
	"ifmatch/schema"
	"ifmatch/sqltext"
)

// Source is where rules come from.
type Source struct {
	PolicyFile string
	DB         *sql.DB // service account; nil for none
	Log        *slog.Logger

	// Use, if it is set, is given rules as they come into force: one after another,
	// and before anybody is told that they are. It is set while nobody else has the
	// Source, and must not call it.
	Use func(*rewrite.Rules)

	mu      sync.Mutex // one load at a time
	current *rewrite.Rules
}

// Load reads policy and schema anew and holds one against the other. Its error
// is fault.List where the policy is wrong, and else that of reading.
func (s *Source) Load(ctx context.Context) (*rewrite.Rules, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, err := policy.Load(s.PolicyFile)
	if err != nil {
		return nil, err
	}
	catalog, err := s.catalog(ctx, p)
	if err != nil {
		return nil, err
	}
	if err := s.mayUndo(ctx, p).Err(); err != nil {
		return nil, err
	}
	s.enforce(rewrite.Compile(p, catalog))
	return s.current, nil
}

// enforce puts rules in force. The lock is held: rules that were made first must not
// come last.
func (s *Source) enforce(r *rewrite.Rules) {
	s.current = r
	if s.Use != nil {
		s.Use(r)
	}
}

// mayUndo asks whether the service account may give back what is taken.
func (s *Source) mayUndo(ctx context.Context, p *policy.Policy) policy.Faults {
	var faults fault.List
	for _, t := range p.Tables {
		if t.Pending == nil || s.DB == nil {
			continue
		}
		name, status := rewrite.QualifiedName(t.Name.Schema, t.Name.Table), rewrite.QuotedName(t.Status.Column)
		for _, sql := range []string{"UPDATE " + name + " SET " + status + " = " + status + " WHERE FALSE", "DELETE FROM " + name + " WHERE FALSE"} {
			if _, err := s.DB.ExecContext(ctx, sql); err != nil {
				faults.Add(t.Pending.Pos, "the service account could not give rows of %s back that are taken (%v); it wants UPDATE and DELETE on the table", t.Name, err)
				break
			}
		}
	}
	return faults
}

// Refresh reads the schema anew under the policy in force. changed is false, and
// the rules are the same, where nothing in it has changed. Where the policy does
// not fit the new schema the rules stay as they are, with an error.
func (s *Source) Refresh(ctx context.Context) (rules *rewrite.Rules, changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.DB == nil {
		return s.current, false, nil
	}
	catalog, err := s.catalog(ctx, s.current.Policy)
	if err != nil {
		return s.current, false, err
	}
	if reflect.DeepEqual(catalog, s.current.Catalog) {
		return s.current, false, nil
	}
	s.enforce(rewrite.Compile(s.current.Policy, catalog))
	return s.current, true, nil
}

// catalog reads the schema, or says what cannot be done without it.
func (s *Source) catalog(ctx context.Context, p *policy.Policy) (*schema.Catalog, error) {
	if s.DB == nil {
		return Offline(p)
	}
	c, err := schema.Read(ctx, s.DB, Names(p))
	if err != nil {
		return nil, fmt.Errorf("read the schema of the backend: %w", err)
	}
	if err := Check(c, p).Err(); err != nil {
		return nil, err
	}
	for _, unseen := range c.Unseen {
		if s.Log != nil {
			s.Log.Warn("the service account cannot see everything that may write guarded tables", "missing", unseen)
		}
	}
	return c, nil
}

// Offline gives the catalog of a policy without a backend, or what is missing in
// the policy for that.
func Offline(p *policy.Policy) (*schema.Catalog, error) {
	var faults fault.List
	for _, t := range p.Tables {
		if len(t.Key) == 0 {
			faults.Add(t.Pos, "%s needs key: where there is no service account to read it from the server", t.Name)
		}
		if t.Version != nil && t.Version.Digest.Given() {
			faults.Add(t.PosOf("version"), "a digest needs a service account, to know the columns")
		}
		if t.Number != nil {
			faults.Add(t.PosOf("number"), "number: needs a service account, which keeps the counters")
		}
	}
	for i, rt := range p.Routines {
		faults.Add(p.PosOfRoutine(i), "to allow %s needs a service account, to see which routines there are", rt)
	}
	for _, t := range p.Tables {
		if t.Pending != nil {
			faults.Add(t.Pending.Pos, "pending needs a service account, which writes down what is taken and gives it back")
		}
	}
	for _, pos := range p.Observing() {
		faults.Add(pos, "mode: observe needs a service account, to read the rows beside the clients")
	}
	c := Unknown()
	faults = append(faults, rewrite.CheckSQL(p, c)...)
	if err := faults.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// Check gives all that is wrong with a policy that can be read: what does not fit
// the catalog, and the SQL in it. Against a catalog of no backend it is the keys
// that are missing and the syntax.
func Check(c *schema.Catalog, p *policy.Policy) policy.Faults {
	faults := append(schema.Check(c, p), rewrite.CheckSQL(p, c)...)
	faults.Sort()
	return faults
}

// Unknown gives the catalog of a backend that is not known.
func Unknown() *schema.Catalog { return schema.Offline(sqltext.MySQL, offlineVersion) }

// offlineVersion is the server version that executable comments are read for
// where no server is known.
const offlineVersion = 90700

// Names gives the names of the policy's tables as package schema has them.
func Names(p *policy.Policy) []schema.Name {
	names := make([]schema.Name, len(p.Tables))
	for i, t := range p.Tables {
		names[i] = schema.Name{Schema: t.Name.Schema, Name: t.Name.Table}
	}
	return names
}
