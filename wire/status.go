package wire

// A Status is the set of server status flags in an OK or EOF packet.
// Sources: enum SERVER_STATUS_flags_enum in MySQL's include/mysql_com.h, and
// MariaDB's include/mysql_com.h.
type Status uint16

// The server status flags.
const (
	StatusInTrans             Status = 1 << 0
	StatusAutocommit          Status = 1 << 1
	StatusMoreResults         Status = 1 << 3
	StatusNoGoodIndexUsed     Status = 1 << 4
	StatusNoIndexUsed         Status = 1 << 5
	StatusCursorExists        Status = 1 << 6
	StatusLastRowSent         Status = 1 << 7
	StatusDBDropped           Status = 1 << 8
	StatusNoBackslashEscapes  Status = 1 << 9
	StatusMetadataChanged     Status = 1 << 10
	StatusQueryWasSlow        Status = 1 << 11
	StatusPSOutParams         Status = 1 << 12
	StatusInTransReadonly     Status = 1 << 13
	StatusSessionStateChanged Status = 1 << 14
	StatusANSIQuotes          Status = 1 << 15 // MariaDB only
)

var statusNames = [...]string{
	"SERVER_STATUS_IN_TRANS", "SERVER_STATUS_AUTOCOMMIT", "", "SERVER_MORE_RESULTS_EXISTS",
	"SERVER_QUERY_NO_GOOD_INDEX_USED", "SERVER_QUERY_NO_INDEX_USED", "SERVER_STATUS_CURSOR_EXISTS", "SERVER_STATUS_LAST_ROW_SENT",
	"SERVER_STATUS_DB_DROPPED", "SERVER_STATUS_NO_BACKSLASH_ESCAPES", "SERVER_STATUS_METADATA_CHANGED", "SERVER_QUERY_WAS_SLOW",
	"SERVER_PS_OUT_PARAMS", "SERVER_STATUS_IN_TRANS_READONLY", "SERVER_SESSION_STATE_CHANGED", "SERVER_STATUS_ANSI_QUOTES",
}

// Has tells whether all of want are set.
func (s Status) Has(want Status) bool { return s&want == want }

// String names the flags as the servers' sources do, joined by "|".
func (s Status) String() string { return flagNames(uint64(s), statusNames[:]) }
