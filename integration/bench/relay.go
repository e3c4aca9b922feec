package main

import (
	"fmt"
	"io"
	"net"

	"ifmatch/wire"
)

// relayPart is the part of this program that is a bare relay: it reads no
// protocol, and is what any proxy in Go has to be held against.
const relayPart = "relay"

// The kinds of relay.
const (
	relayNet = "net" // Read and Write of net.Conn
	relayRaw = "raw" // wire's transport, as ifmatch uses it
)

// relayBuffer is the size of a relay's buffers in bytes, that of wire's.
const relayBuffer = 16 << 10

// serveRelay relays to backend, says where it listens, and ends when in does.
func serveRelay(kind, backend string, in io.Reader, out io.Writer) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		io.Copy(io.Discard, in)
		ln.Close()
	}()
	fmt.Fprintln(out, ln.Addr())
	for {
		front, err := ln.Accept()
		if err != nil {
			return nil // closed, as in has ended
		}
		back, err := net.Dial("tcp", backend)
		if err != nil {
			front.Close()
			continue
		}
		if kind == relayRaw {
			front, back = wire.NewStream(front), wire.NewStream(back)
		}
		go pump(front, back)
		go pump(back, front)
	}
}

// pump copies one direction. Reader and Writer of net.Conn are not looked for, as
// io.Copy does: splice would not be what a proxy can do that reads the bytes.
func pump(from, to net.Conn) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, relayBuffer)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}
