package wire

import (
	"fmt"
	"strings"
)

// A Capability is a set of capability flags. The lower 32 bits are MySQL's, the
// upper 32 MariaDB's extended ones, which travel in what is filler for MySQL and
// only where ClientMySQL is not set.
// Sources: MySQL's include/mysql_com.h, MariaDB's include/mysql_com.h.
type Capability uint64

// MySQL's capabilities, and MariaDB's own from bit 32 on.
const (
	ClientMySQL Capability = 1 << iota // CLIENT_LONG_PASSWORD; for MariaDB CLIENT_MYSQL: not MariaDB's own dialect
	ClientFoundRows
	ClientLongFlag
	ClientConnectWithDB
	ClientNoSchema
	ClientCompress
	ClientODBC
	ClientLocalFiles
	ClientIgnoreSpace
	ClientProtocol41
	ClientInteractive
	ClientSSL
	ClientIgnoreSigpipe
	ClientTransactions
	ClientReserved
	ClientSecureConnection // CLIENT_RESERVED2 in later sources
	ClientMultiStatements
	ClientMultiResults
	ClientPSMultiResults
	ClientPluginAuth
	ClientConnectAttrs
	ClientPluginAuthLenencData
	ClientCanHandleExpiredPasswords
	ClientSessionTrack
	ClientDeprecateEOF
	ClientOptionalResultsetMetadata
	ClientZstdCompression
	ClientQueryAttributes
	ClientMultiFactorAuthentication
	ClientCapabilityExtension // CLIENT_PROGRESS_OBSOLETE in MariaDB
	ClientSSLVerifyServerCert
	ClientRememberOptions

	MariaDBProgress
	MariaDBComMulti
	MariaDBStmtBulkOperations
	MariaDBExtendedMetadata
	MariaDBCacheMetadata
	MariaDBBulkUnitResults
)

var capabilityNames = [...]string{
	"CLIENT_LONG_PASSWORD", "CLIENT_FOUND_ROWS", "CLIENT_LONG_FLAG", "CLIENT_CONNECT_WITH_DB",
	"CLIENT_NO_SCHEMA", "CLIENT_COMPRESS", "CLIENT_ODBC", "CLIENT_LOCAL_FILES",
	"CLIENT_IGNORE_SPACE", "CLIENT_PROTOCOL_41", "CLIENT_INTERACTIVE", "CLIENT_SSL",
	"CLIENT_IGNORE_SIGPIPE", "CLIENT_TRANSACTIONS", "CLIENT_RESERVED", "CLIENT_SECURE_CONNECTION",
	"CLIENT_MULTI_STATEMENTS", "CLIENT_MULTI_RESULTS", "CLIENT_PS_MULTI_RESULTS", "CLIENT_PLUGIN_AUTH",
	"CLIENT_CONNECT_ATTRS", "CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA", "CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS", "CLIENT_SESSION_TRACK",
	"CLIENT_DEPRECATE_EOF", "CLIENT_OPTIONAL_RESULTSET_METADATA", "CLIENT_ZSTD_COMPRESSION_ALGORITHM", "CLIENT_QUERY_ATTRIBUTES",
	"MULTI_FACTOR_AUTHENTICATION", "CLIENT_CAPABILITY_EXTENSION", "CLIENT_SSL_VERIFY_SERVER_CERT", "CLIENT_REMEMBER_OPTIONS",
	"MARIADB_CLIENT_PROGRESS", "MARIADB_CLIENT_COM_MULTI", "MARIADB_CLIENT_STMT_BULK_OPERATIONS", "MARIADB_CLIENT_EXTENDED_METADATA",
	"MARIADB_CLIENT_CACHE_METADATA", "MARIADB_CLIENT_BULK_UNIT_RESULTS",
}

// Has tells whether all of want are set.
func (c Capability) Has(want Capability) bool { return c&want == want }

// String names the flags as the servers' sources do, joined by "|".
func (c Capability) String() string { return flagNames(uint64(c), capabilityNames[:]) }

// flagNames lists the set bits by name, and those without one as one number.
func flagNames(bits uint64, names []string) string {
	if bits == 0 {
		return "0"
	}
	var b strings.Builder
	for i, name := range names {
		bit := uint64(1) << i
		if bits&bit == 0 || name == "" {
			continue
		}
		bits &^= bit
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		b.WriteString(name)
	}
	if bits != 0 {
		if b.Len() > 0 {
			b.WriteByte('|')
		}
		fmt.Fprintf(&b, "%#x", bits)
	}
	return b.String()
}
