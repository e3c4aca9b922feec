//go:build !linux

package wire

import "net"

type poller struct{}

func (*poller) start() error                           { return nil }
func (*poller) watch(net.Conn, func()) (func(), error) { return func() {}, nil }
func (*poller) close() error                           { return nil }
