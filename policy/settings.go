package policy

import (
	"time"

	"ifmatch/fault"
)

// Settings are the keys that may stand under `defaults` and under a table.
// A table's Settings are already the defaults with its own keys over them.
type Settings struct {
	Mode       Mode
	Scope      Scope
	Unread     Unread
	Relative   Relative
	OnConflict OnConflict
	Partial    Partial
	Missing    Missing
	OwnVersion OwnVersion
	Upsert     Upsert
	Noop       Noop
	Disclose   bool          // may an error name the token that was found?
	ReadTTL    time.Duration // greater than 0; a write held against an older read counts as unread and is refused
	Capture    Capture
	MaxReads   int // at least 1: expectations kept for one scope
}

// DefaultSettings is what holds where the policy says nothing.
func DefaultSettings() Settings {
	return Settings{Disclose: true, ReadTTL: 30 * time.Minute, MaxReads: 10000}
}

// Mode is what becomes of the statements on a table or of an account.
type Mode uint8

// Modes. With ModeObserve statements go as they came, and what would have been
// a conflict is counted and logged; with ModeOff there is no guard at all.
const (
	ModeEnforce Mode = iota
	ModeObserve
	ModeOff
)

// Scope is who shares what was read.
type Scope uint8

// Scopes: a connection, one transaction, or a named context.
const (
	ScopeSession Scope = iota
	ScopeTransaction
	ScopeContext
)

// Unread is what becomes of a write to a row with no expectation.
type Unread uint8

// Kinds of Unread.
const (
	UnreadAllow Unread = iota
	UnreadRefuse
)

// Relative is what becomes of n = n ± constant, which cannot lose an update.
type Relative uint8

// Kinds of Relative. RelativePass needs no expectation.
const (
	RelativePass Relative = iota
	RelativeGuard
)

// OnConflict is what a conflict does to its transaction.
type OnConflict uint8

// Kinds of OnConflict: the transaction is doomed, it is rolled back at the
// backend at once, or only the statement fails.
const (
	OnConflictDoom OnConflict = iota
	OnConflictRollback
	OnConflictStatement
)

// Partial is what becomes of a statement on several rows some of whose guards
// do not hold.
type Partial uint8

// Kinds of Partial: all or nothing, or the rows whose guard holds are written.
const (
	PartialConflict Partial = iota
	PartialProceed
)

// Missing is what a write to no row is, where none was read.
type Missing uint8

// Kinds of Missing.
const (
	MissingPass Missing = iota
	MissingConflict
)

// OwnVersion is what it is when the app's own WHERE names the version and
// matches nothing.
type OwnVersion uint8

// Kinds of OwnVersion.
const (
	OwnVersionConflict OwnVersion = iota
	OwnVersionPass
)

// Upsert is what becomes of INSERT … ON DUPLICATE KEY UPDATE, REPLACE and
// LOAD DATA … REPLACE.
type Upsert uint8

// Kinds of Upsert.
const (
	UpsertCheck Upsert = iota
	UpsertRefuse
	UpsertAllow
)

// Noop is what an update that changes no value does to the version.
type Noop uint8

// Kinds of Noop.
const (
	NoopBump Noop = iota
	NoopSkip
)

// Capture is how reads are noticed.
type Capture uint8

// Kinds of Capture: key and token columns are added to SELECTs and taken out
// of their answers, only what the client selects itself counts, or nothing.
const (
	CaptureHidden Capture = iota
	CaptureVisible
	CaptureOff
)

// The words of the language, each at the index of its value.
var (
	modes       = []string{"enforce", "observe", "off"}
	scopes      = []string{"session", "transaction", "context"}
	unreads     = []string{"allow", "refuse"}
	relatives   = []string{"pass", "guard"}
	onConflicts = []string{"doom", "rollback", "statement"}
	partials    = []string{"conflict", "proceed"}
	missings    = []string{"pass", "conflict"}
	ownVersions = []string{"conflict", "pass"}
	upserts     = []string{"check", "refuse", "allow"}
	noops       = []string{"bump", "skip"}
	captures    = []string{"hidden", "visible", "off"}
)

// String gives the word of the policy language.
func (m Mode) String() string { return modes[m] }

// String gives the word of the policy language.
func (s Scope) String() string { return scopes[s] }

// String gives the word of the policy language.
func (u Unread) String() string { return unreads[u] }

// String gives the word of the policy language.
func (r Relative) String() string { return relatives[r] }

// String gives the word of the policy language.
func (o OnConflict) String() string { return onConflicts[o] }

// String gives the word of the policy language.
func (p Partial) String() string { return partials[p] }

// String gives the word of the policy language.
func (m Missing) String() string { return missings[m] }

// String gives the word of the policy language.
func (o OwnVersion) String() string { return ownVersions[o] }

// String gives the word of the policy language.
func (u Upsert) String() string { return upserts[u] }

// String gives the word of the policy language.
func (n Noop) String() string { return noops[n] }

// String gives the word of the policy language.
func (c Capture) String() string { return captures[c] }

// settingsFields are the keys of Settings, as they stand under `defaults` and
// under a table.
func settingsFields(r *reader, s *Settings) []field {
	return []field{
		{"mode", func(n *fault.Node) { word(r, n, "mode", modes, &s.Mode) }},
		{"scope", func(n *fault.Node) { word(r, n, "scope", scopes, &s.Scope) }},
		{"unread", func(n *fault.Node) { word(r, n, "unread", unreads, &s.Unread) }},
		{"relative", func(n *fault.Node) { word(r, n, "relative", relatives, &s.Relative) }},
		{"on_conflict", func(n *fault.Node) { word(r, n, "on_conflict", onConflicts, &s.OnConflict) }},
		{"partial", func(n *fault.Node) { word(r, n, "partial", partials, &s.Partial) }},
		{"missing", func(n *fault.Node) { word(r, n, "missing", missings, &s.Missing) }},
		{"own_version", func(n *fault.Node) { word(r, n, "own_version", ownVersions, &s.OwnVersion) }},
		{"upsert", func(n *fault.Node) { word(r, n, "upsert", upserts, &s.Upsert) }},
		{"noop", func(n *fault.Node) { word(r, n, "noop", noops, &s.Noop) }},
		{"disclose", func(n *fault.Node) { r.boolean(n, "disclose", &s.Disclose) }},
		{"read_ttl", func(n *fault.Node) { r.duration(n, "read_ttl", &s.ReadTTL) }},
		{"capture", func(n *fault.Node) { word(r, n, "capture", captures, &s.Capture) }},
		{"max_reads", func(n *fault.Node) { s.MaxReads = r.integer(n, "max_reads", 1, maxReadsLimit, s.MaxReads) }},
	}
}

// maxReadsLimit bounds the memory of one scope; an expectation is about 100
// bytes, so this is about 1 GB.
const maxReadsLimit = 10_000_000
