//go:build !linux

package wire

import "net"

type poller struct{}

const (
	resetEvents  = 0
	closedEvents = 0
)

func (*poller) start() error                                   { return nil }
func (*poller) watch(net.Conn, uint32, func()) (func(), error) { return func() {}, nil }
func (*poller) close() error                                   { return nil }
