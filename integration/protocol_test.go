package integration

import (
	"fmt"
	"strings"
	"testing"

	"ifmatch/integration/server"
	"ifmatch/wire"
)

// notOffered are capabilities that the proxy keeps from clients, because it would
// have to unpack what they make of the packets.
var notOffered = []wire.Capability{
	wire.ClientCompress, wire.ClientZstdCompression, wire.ClientOptionalResultsetMetadata, wire.ClientCapabilityExtension,
	wire.MariaDBComMulti, wire.MariaDBCacheMetadata, wire.MariaDBBulkUnitResults,
}

// The greeting is the server's own, but for the connection, the challenge and what
// is not offered.
func TestGreeting(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		p := start(t, s, "tables: {}")
		direct, proxied := *dial(t, s.Addr, "", plainCaps).greeting, *dial(t, p.Addr, "", plainCaps).greeting
		for _, c := range notOffered {
			if proxied.Capabilities&c != 0 {
				t.Errorf("%v is offered", c)
			}
			direct.Capabilities &^= c
		}
		for _, g := range []*wire.Greeting{&direct, &proxied} {
			g.ConnectionID, g.Scramble = 0, nil
		}
		if want, got := fmt.Sprintf("%+v", direct), fmt.Sprintf("%+v", proxied); got != want {
			t.Errorf("%s\ndirectly %s", got, want)
		}
	})
}

// A client that takes a capability without having been offered it is answered in
// packets that it had been offered.
func TestCapabilitiesThatWereNotOffered(t *testing.T) {
	server.Each(t, func(t *testing.T, s *server.Server) {
		p := start(t, s, "tables: {}")
		for _, c := range notOffered {
			r := dialTaking(t, p.Addr, plainCaps&^wire.ClientMySQL, c)
			if got := r.query("SELECT 'plain'"); string(got[len(got)-2]) != "\x05plain" {
				t.Errorf("with %v: %q", c, got)
			}
		}
	})
}

// dialTaking logs in with capabilities of which some were not offered.
func dialTaking(t *testing.T, addr string, caps, taken wire.Capability) *raw {
	t.Helper()
	r, refused := credentials{user: "root", takes: taken}.login(t, addr, caps)
	if refused != nil {
		t.Fatalf("refused: %q", refused)
	}
	return r
}

// Commands that the proxy does not know the answers of are refused by name, and the
// session goes on.
func TestRefusedCommands(t *testing.T) {
	names := map[byte]string{
		byte(wire.ComBinlogDump): "COM_BINLOG_DUMP", byte(wire.ComBinlogDumpGTID): "COM_BINLOG_DUMP_GTID", byte(wire.ComTableDump): "COM_TABLE_DUMP",
		byte(wire.ComRegisterSlave): "COM_REGISTER_SLAVE", byte(wire.ComConnectOut): "COM_CONNECT_OUT", byte(wire.ComDaemon): "COM_DAEMON",
		byte(wire.ComSleep): "COM_SLEEP", byte(wire.ComTime): "COM_TIME", byte(wire.ComConnect): "COM_CONNECT", byte(wire.ComDelayedInsert): "COM_DELAYED_INSERT",
		byte(wire.ComCreateDB): "COM_CREATE_DB", byte(wire.ComDropDB): "COM_DROP_DB",
		byte(wire.ComClone): "COM_CLONE", byte(wire.ComSubscribeGroupReplicationStream): "COM_SUBSCRIBE_GROUP_REPLICATION_STREAM",
		byte(wire.ComSlaveIO): "COM_SLAVE_IO", byte(wire.ComReservedMulti): "COM", 100: "COM_0x64", 255: "COM_0xff",
	}
	server.Each(t, func(t *testing.T, s *server.Server) {
		p := start(t, s, "tables: {}")
		r := dial(t, p.Addr, "", plainCaps)
		for c, name := range names {
			r.command(wire.Command(c), []byte("\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00binlog.000001"))
			if got := r.outcomeOf(r.answer()); !strings.HasPrefix(got, "1047 ") || !strings.Contains(got, name) {
				t.Errorf("command %d: %s, want error 1047 with %s", c, got, name)
			}
		}
		if got := r.query("SELECT 1"); string(got[len(got)-2]) != "\x011" {
			t.Errorf("the session goes on with %q", got)
		}
	})
}

// Every character set that a client can name in its handshake is the session's.
func TestCharsetOfTheHandshake(t *testing.T) {
	const ask = "SELECT @@character_set_client, @@character_set_connection, @@collation_connection, @@character_set_results"
	server.Each(t, func(t *testing.T, s *server.Server) {
		shop, p := shopOf(t, s, products+"; ALTER TABLE products CONVERT TO CHARACTER SET utf8mb4", byVersion)
		for charset := 1; charset < 256; charset++ {
			outcome := func(addr string) string {
				r, refused := credentials{user: "root", db: shop, charset: byte(charset)}.login(t, addr, plainCaps)
				defer r.c.NetConn().Close()
				if refused != nil {
					return fmt.Sprintf("%q", refused)
				}
				return fmt.Sprintf("%q", r.query(ask))
			}
			if want, got := outcome(s.Addr), outcome(p.Addr); got != want {
				t.Errorf("collation %d: %s\ndirectly %s", charset, got, want)
			}
		}
		// The second byte of a character of gbk can be a backslash.
		r, _ := credentials{user: "root", db: shop, charset: 28}.login(t, p.Addr, plainCaps)
		const text = "UPDATE products SET name='\xb1\x5c', price=5 WHERE id=100 AND version="
		for _, c := range []struct{ version, want string }{{"7", "1020 "}, {"1", "1 affected"}, {"1", "1020 "}} {
			if got := r.outcomeOf(r.query(text + c.version)); !strings.HasPrefix(got, c.want) {
				t.Errorf("a guarded update in gbk of version %s: %s, want %s", c.version, got, c.want)
			}
		}
	})
}

// lastID gives the id of the statement that was prepared by the answer at hand.
func lastID(r *raw) uint32 {
	ok, err := wire.ParsePrepareOK(r.seen[0])
	if err != nil {
		r.t.Fatal(err)
	}
	return ok.ID
}
