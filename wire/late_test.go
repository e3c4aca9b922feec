package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// What is flushed late leaves when its Conn waits, by whichever method, and not before.
func TestFlushLate(t *testing.T) {
	waits := map[string]func(c, other *Conn) ([]byte, error){
		"Next": func(c, _ *Conn) ([]byte, error) { return c.ReadPayload(unlimited) },
		"NextRow": func(c, other *Conn) ([]byte, error) {
			if _, _, err := c.NextRow(other); err != nil {
				return nil, err
			}
			return c.Payload(unlimited)
		},
		"PassRows": func(c, other *Conn) ([]byte, error) {
			if _, _, err := c.PassRows(other); err != nil {
				return nil, err
			}
			return c.Payload(unlimited)
		},
	}
	for name, connect := range transports {
		for wait, read := range waits {
			for _, answers := range []bool{false, true} {
				for _, size := range []int{5, blockSize - headerSize, 100000} {
					t.Run(name+" "+wait, func(t *testing.T) {
						a, b := connect(t)
						if answers {
							a.ExpectAnswers()
						}
						question, answer := pattern(size), []byte("\xff answer")
						other := into(io.Discard)
						within(t, "the exchange", func() {
							failed := make(chan error, 1)
							go func() {
								for range 3 {
									b.ResetSeq()
									got, err := b.ReadPayload(unlimited)
									if err == nil && !bytes.Equal(got, question) {
										err = errors.New("the question arrives changed")
									}
									if err := errors.Join(err, b.WritePacket(answer), b.Flush()); err != nil {
										failed <- err
										return
									}
								}
								failed <- nil
							}()
							for range 3 {
								a.ResetSeq()
								other.ResetSeq()
								if err := errors.Join(a.WritePacket(question), a.FlushLate()); err != nil {
									t.Fatal(err)
								}
								got, err := read(a, other)
								if err != nil || !bytes.Equal(got, answer) {
									t.Fatalf("the answer is %q, %v", got, err)
								}
							}
							if err := <-failed; err != nil {
								t.Error(err)
							}
						})
					})
				}
			}
		}
	}
}

// A packet that was read before its answer's predecessor left does not hold it back.
func TestFlushLateBeforePipelined(t *testing.T) {
	a, b := conns(t)
	b.nc.Write(stream(0, []byte("one")))
	b.nc.Write(stream(0, []byte("two")))
	within(t, "the exchange", func() {
		for _, want := range []string{"one", "two"} {
			a.ResetSeq()
			if got, err := a.ReadPayload(unlimited); err != nil || string(got) != want {
				t.Fatalf("%q, %v", got, err)
			}
			if err := errors.Join(a.WritePacket([]byte("answer to "+want)), a.FlushLate()); err != nil {
				t.Fatal(err)
			}
			if want == "one" {
				continue
			}
			go func() { // the last one leaves with the wait
				a.ResetSeq()
				a.Next()
			}()
		}
		for _, want := range []string{"answer to one", "answer to two"} {
			b.SetSeq(1)
			if got, err := b.ReadPayload(unlimited); err != nil || string(got) != want {
				t.Fatalf("%q, %v", got, err)
			}
		}
	})
}

// A deadline that has passed before the wait begins leaves what is to be flushed.
func TestFlushLateSurvivesDeadline(t *testing.T) {
	for name, connect := range transports {
		t.Run(name, func(t *testing.T) {
			a, b := connect(t)
			if err := errors.Join(a.WritePacket([]byte("late")), a.FlushLate()); err != nil {
				t.Fatal(err)
			}
			a.SetReadDeadline(time.Unix(1, 0))
			within(t, "the exchange", func() {
				read := make(chan string, 1)
				go func() {
					p, _ := b.ReadPayload(unlimited)
					read <- string(p)
				}()
				if _, _, err := a.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
					t.Fatalf("Next: %v", err)
				}
				if err := a.Flush(); err != nil {
					t.Fatal(err)
				}
				if got := <-read; got != "late" {
					t.Errorf("%q arrives", got)
				}
			})
		})
	}
}

// What a peer sent before it was asked, and its end, are found although the wait for
// its answer began behind them.
func TestPeerGone(t *testing.T) {
	for _, when := range []string{"before the wait", "in the wait"} {
		t.Run(when, func(t *testing.T) {
			x, y := pair(t)
			a := NewConn(x)
			a.ExpectAnswers()
			y.Write(stream(1, []byte("early")))
			y.(*net.TCPConn).CloseWrite()
			time.Sleep(20 * time.Millisecond) // so that all of it is behind the wait's beginning
			if err := errors.Join(a.WritePacket([]byte("question")), a.FlushLate()); err != nil {
				t.Fatal(err)
			}
			if when == "before the wait" {
				a.PeerGone()
			} else {
				time.AfterFunc(50*time.Millisecond, a.PeerGone)
			}
			within(t, "the reads", func() {
				if got, err := a.ReadPayload(unlimited); err != nil || string(got) != "early" {
					t.Errorf("%q, %v", got, err)
				}
				if _, err := a.ReadPayload(unlimited); err != io.EOF {
					t.Errorf("at the end: %v", err)
				}
			})
		})
	}
}

// That a peer has hung up is no reason to miss what it has said, wherever the reader is.
func TestPeerGoneWithinPacket(t *testing.T) {
	for name, size := range map[string]int{"small": 100, "larger than the buffer": 3 * blockSize} {
		for _, after := range []int{0, 2, headerSize + 1, size + headerSize} {
			t.Run(fmt.Sprintf("%s, %d bytes before", name, after), func(t *testing.T) {
				x, y := pair(t)
				a := NewConn(x)
				packet := stream(0, bytes.Repeat([]byte("v"), size))
				y.Write(packet[:after])
				time.AfterFunc(20*time.Millisecond, func() {
					a.PeerGone()
					y.Write(packet[after:])
					y.(*net.TCPConn).CloseWrite()
				})
				within(t, "the reads", func() {
					if got, err := a.ReadPayload(unlimited); err != nil || len(got) != size {
						t.Errorf("%d bytes, %v", len(got), err)
					}
					if _, err := a.ReadPayload(unlimited); err != io.EOF {
						t.Errorf("at the end: %v", err)
					}
				})
			})
		}
	}
}

// Only one wait is ended, and LastWords has a bound of its own.
func TestLastWords(t *testing.T) {
	x, _ := pair(t)
	a := NewConn(x)
	a.PeerGone()
	a.LastWords(time.Millisecond)
	within(t, "the read", func() {
		if _, err := a.ReadPayload(unlimited); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	})
}

// A peer that is gone when a late flush would write is a WriteError, or the end of the
// stream where the network does not know yet.
func TestFlushLateToClosed(t *testing.T) {
	x, y := pair(t)
	a := NewConn(x)
	y.(*net.TCPConn).SetLinger(0)
	y.Close()
	within(t, "the writes", func() {
		for {
			a.ResetSeq()
			a.WritePacket([]byte("question"))
			a.FlushLate()
			_, _, err := a.Next()
			var failed *WriteError
			if errors.As(err, &failed) {
				if a.FlushLate() == nil || a.Flush() == nil {
					t.Error("a Conn that has lost bytes goes on")
				}
				return
			}
			if err == nil {
				t.Error("an answer without a peer")
				return
			}
		}
	})
}
