package wire

// A Watcher calls a function when the peer of an idle connection hangs up,
// without reading from the connection: a session that waits for its client thus
// learns that its backend is gone. It costs nothing for each packet. One
// goroutine, and no thread, serves all connections.
//
// It works on Linux, for TCP and Unix sockets, under TLS too. Elsewhere Watch
// does nothing, and the hang-up is noticed at the next use of the connection.
type Watcher struct {
	poll poller
}

// NewWatcher starts a Watcher. Close ends it.
func NewWatcher() (*Watcher, error) {
	w := &Watcher{}
	if err := w.poll.start(); err != nil {
		return nil, err
	}
	return w, nil
}

// Watch calls f, once and in a goroutine of its own, when the peer of c closes
// its side or the connection breaks; at once if that has happened. It should be
// called once for a connection, at its beginning. After stop f is not called
// any more, though a call may be under way. stop must be called, before or after
// c is closed, and may be called again.
func (w *Watcher) Watch(c *Conn, f func()) (stop func(), err error) {
	return w.poll.watch(c.nc, closedEvents, f)
}

// WatchBroken is Watch for a connection that carries nothing any more in either
// direction, as after a reset. A peer that has closed its sending side may still
// read and does not count; where it has in truth gone, [Conn.Silence] tells.
func (w *Watcher) WatchBroken(c *Conn, f func()) (stop func(), err error) {
	return w.poll.watch(c.nc, resetEvents, f)
}

// Close ends the Watcher. No function is called any more.
func (w *Watcher) Close() error { return w.poll.close() }
