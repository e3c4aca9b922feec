//go:build !linux

package wire

import (
	"net"
	"time"
)

func setStall(net.Conn, time.Duration) error { return nil }
