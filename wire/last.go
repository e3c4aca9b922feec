package wire

// CloseAfter sends what is buffered and closes the connection, in one packet where
// that can be: for a last word that has no answer.
func (c *Conn) CloseAfter() error {
	if t, ok := c.tr.(lastWriter); ok && c.werr == nil && c.wn > 0 {
		if err := t.writeLast(c.wbuf[:c.wn]); err != nil {
			c.werr = &WriteError{Err: err}
		}
		c.wn, c.late = 0, false
	}
	err := c.Flush()
	if cerr := c.Close(); err == nil {
		err = cerr
	}
	return err
}

// A lastWriter can hold back what it writes until the end of the stream goes with it.
type lastWriter interface {
	// writeLast writes p, behind which comes Close.
	writeLast(p []byte) error
}
