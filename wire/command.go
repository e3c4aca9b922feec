package wire

import "fmt"

// A Command is the first byte of a command packet.
// Sources: enum_server_command in MySQL's include/my_command.h and MariaDB's
// include/mysql_com.h.
type Command byte

// The commands, MySQL's and then those that only MariaDB has.
const (
	ComSleep Command = iota
	ComQuit
	ComInitDB
	ComQuery
	ComFieldList
	ComCreateDB
	ComDropDB
	ComRefresh
	ComShutdown
	ComStatistics
	ComProcessInfo
	ComConnect
	ComProcessKill
	ComDebug
	ComPing
	ComTime
	ComDelayedInsert
	ComChangeUser
	ComBinlogDump
	ComTableDump
	ComConnectOut
	ComRegisterSlave
	ComStmtPrepare
	ComStmtExecute
	ComStmtSendLongData
	ComStmtClose
	ComStmtReset
	ComSetOption
	ComStmtFetch
	ComDaemon
	ComBinlogDumpGTID
	ComResetConnection
	ComClone
	ComSubscribeGroupReplicationStream

	ComStmtBulkExecute Command = 0xfa
	ComSlaveWorker     Command = 0xfb
	ComSlaveIO         Command = 0xfc
	ComSlaveSQL        Command = 0xfd
	ComReservedMulti   Command = 0xfe
)

var commandNames = [256]string{
	ComSleep: "COM_SLEEP", ComQuit: "COM_QUIT", ComInitDB: "COM_INIT_DB", ComQuery: "COM_QUERY",
	ComFieldList: "COM_FIELD_LIST", ComCreateDB: "COM_CREATE_DB", ComDropDB: "COM_DROP_DB", ComRefresh: "COM_REFRESH",
	ComShutdown: "COM_SHUTDOWN", ComStatistics: "COM_STATISTICS", ComProcessInfo: "COM_PROCESS_INFO", ComConnect: "COM_CONNECT",
	ComProcessKill: "COM_PROCESS_KILL", ComDebug: "COM_DEBUG", ComPing: "COM_PING", ComTime: "COM_TIME",
	ComDelayedInsert: "COM_DELAYED_INSERT", ComChangeUser: "COM_CHANGE_USER", ComBinlogDump: "COM_BINLOG_DUMP", ComTableDump: "COM_TABLE_DUMP",
	ComConnectOut: "COM_CONNECT_OUT", ComRegisterSlave: "COM_REGISTER_SLAVE", ComStmtPrepare: "COM_STMT_PREPARE", ComStmtExecute: "COM_STMT_EXECUTE",
	ComStmtSendLongData: "COM_STMT_SEND_LONG_DATA", ComStmtClose: "COM_STMT_CLOSE", ComStmtReset: "COM_STMT_RESET", ComSetOption: "COM_SET_OPTION",
	ComStmtFetch: "COM_STMT_FETCH", ComDaemon: "COM_DAEMON", ComBinlogDumpGTID: "COM_BINLOG_DUMP_GTID", ComResetConnection: "COM_RESET_CONNECTION",
	ComClone: "COM_CLONE", ComSubscribeGroupReplicationStream: "COM_SUBSCRIBE_GROUP_REPLICATION_STREAM",
	ComStmtBulkExecute: "COM_STMT_BULK_EXECUTE", ComSlaveWorker: "COM_SLAVE_WORKER", ComSlaveIO: "COM_SLAVE_IO", ComSlaveSQL: "COM_SLAVE_SQL",
	ComReservedMulti: "COM_MULTI",
}

// String gives the server's name, as "COM_QUERY", or "COM_0x2a" for an unknown
// command.
func (c Command) String() string {
	if name := commandNames[c]; name != "" {
		return name
	}
	return fmt.Sprintf("COM_%#x", byte(c))
}
