package proxy

import (
	"bytes"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ifmatch/wire"
)

// What a session still does behind an answer does not keep the client from it.
func TestAnswerComesBeforeLongDataAreDropped(t *testing.T) {
	const sql = "UPDATE shop.products SET name=? WHERE id=? AND price NOT IN (?"
	told := make(chan struct{})
	b := newBench(t)
	defer b.close()
	b.backend.serve = func(c *wire.Conn, _ net.Conn) {
		caps, err := authenticate(c)
		if err != nil {
			return
		}
		for {
			c.ResetSeq()
			p, err := c.ReadPayload(1 << 26)
			if err != nil {
				return
			}
			switch wire.Command(p[0]) {
			case wire.ComStmtPrepare:
				n := bytes.Count(p, []byte("?"))
				send(c, append([][]byte{wire.PrepareOK{ID: 3, Params: uint16(n)}.Append(nil)}, definitions(caps, n)...)...)
			case wire.ComStmtExecute:
				send(c, wire.OK{Status: autocommit, AffectedRows: 1, Info: []byte("Rows matched: 1  Changed: 1  Warnings: 0")}.Append(nil, caps))
			case wire.ComStmtReset:
				<-told
				send(c, okPacket(caps, 0))
			}
		}
	}
	c := b.open()
	defer c.Close()
	// So many parameters that the guard's own have no room: another statement is executed.
	if err := c.prepare(sql + strings.Repeat(",?", maxParams-3) + ")"); err != nil {
		t.Fatal(err)
	}
	if err := c.statement(wire.ComStmtSendLongData, "\x00\x00a name"); err != nil {
		t.Fatal(err)
	}
	params := make([]wire.Param, maxParams)
	for i := range params {
		params[i] = wire.NewInt(int64(i))
	}
	params[0] = wire.Param{Type: wire.TypeBlob, Long: true}
	got, err := c.execute(0, params...)
	close(told)
	if got != "OK;" || err != nil {
		t.Errorf("the client hears %q, %v", got, err)
	}
}

// A session whose backend cannot be watched finds out at its next command that the
// backend had hung up, also where that was before the wait for the answer.
func TestBackendCannotBeWatched(t *testing.T) {
	b := newBench(t)
	defer b.close()
	b.srv.watch.Close()
	said := make(chan struct{})
	b.backend.serve = func(c *wire.Conn, nc net.Conn) {
		if _, err := authenticate(c); err != nil {
			return
		}
		b.eventually("the session stays young", func() bool {
			b.srv.mu.Lock()
			defer b.srv.mu.Unlock()
			return b.srv.young.first == nil
		})
		time.Sleep(short) // the last of them is being looked at
		c.SetSeq(1)
		send(c, errPacket(1927, "Connection was killed"))
		nc.(*net.TCPConn).CloseWrite()
		time.Sleep(short)
		close(said)
		for {
			c.ResetSeq()
			if _, _, err := c.Next(); err != nil {
				return
			}
		}
	}
	c := b.open()
	defer c.Close()
	<-said
	if got, err := c.query("SELECT 1"); got != "ERROR 1927 (HY000): Connection was killed" {
		t.Errorf("the client hears %q, %v", got, err)
	}
}

// However a backend hangs up, and whether the session is watched by then, about to be, or
// not yet: its client is not left to wait.
func TestBackendHangsUpAtAnyAge(t *testing.T) {
	killed := append([]byte{9, 0, 0, 0}, "\xff\x87\x07#70100"...)
	ways := []func(nc *net.TCPConn){
		func(nc *net.TCPConn) { nc.Close() },
		func(nc *net.TCPConn) { nc.Write(killed); nc.Close() },
		func(nc *net.TCPConn) { nc.SetLinger(0); nc.Close() },
		func(nc *net.TCPConn) { nc.CloseWrite() }, // and goes on reading, without an answer
		func(nc *net.TCPConn) { nc.Write(killed); nc.CloseWrite() },
	}
	const step, ages = youth / 5, 12
	b := newBench(t)
	defer b.close()
	var last atomic.Int64
	b.backend.serve = func(c *wire.Conn, nc net.Conn) {
		caps, err := authenticate(c)
		if err != nil {
			return
		}
		n := int(last.Add(1)) - 1
		over := make(chan struct{})
		time.AfterFunc(time.Duration(n/len(ways))*step, func() { ways[n%len(ways)](nc.(*net.TCPConn)); close(over) })
		defer func() { <-over }()
		for answerCommand(c, caps) == nil {
		}
		for {
			c.ResetSeq()
			if _, _, err := c.Next(); err != nil {
				return
			}
		}
	}
	var wg sync.WaitGroup
	for range ages * len(ways) {
		wg.Go(func() {
			c := b.dial(nil, nil)
			defer c.Close()
			var err error
			for err = c.login(); err == nil; _, err = c.query("SELECT 1") {
				time.Sleep(step / 3)
			}
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("a client is left to wait")
			}
		})
	}
	wg.Wait()
}
