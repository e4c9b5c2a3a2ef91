package smtp_test

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// wire is an in-memory connection whose bytes arrive after a delay. Unlike
// net.Pipe its writes do not wait for the reader, as on a real line, and it
// runs on the clock of testing/synctest.
type wire struct {
	in, out *half
}

// half is one direction.
type half struct {
	mu       sync.Mutex
	wake     chan struct{} // closed at each change
	due      []parcel
	delay    time.Duration
	closed   bool
	deadline time.Time
}

type parcel struct {
	at time.Time
	b  []byte
}

func newWire(delay time.Duration) (a, b net.Conn) {
	x, y := &half{wake: make(chan struct{}), delay: delay}, &half{wake: make(chan struct{}), delay: delay}
	return &wire{x, y}, &wire{y, x}
}

func (h *half) change() { close(h.wake); h.wake = make(chan struct{}) }

func (w *wire) Write(b []byte) (int, error) {
	h := w.out
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return 0, io.ErrClosedPipe
	}
	h.due = append(h.due, parcel{time.Now().Add(h.delay), append([]byte(nil), b...)})
	h.change()
	return len(b), nil
}

func (w *wire) Read(b []byte) (int, error) {
	h := w.in
	for {
		h.mu.Lock()
		now := time.Now()
		n := 0
		for len(h.due) > 0 && !h.due[0].at.After(now) && n < len(b) {
			k := copy(b[n:], h.due[0].b)
			n += k
			if h.due[0].b = h.due[0].b[k:]; len(h.due[0].b) == 0 {
				h.due = h.due[1:]
			}
		}
		wake, closed, deadline := h.wake, h.closed, h.deadline
		wait := time.Duration(-1)
		if len(h.due) > 0 {
			wait = h.due[0].at.Sub(now)
		}
		h.mu.Unlock()
		switch {
		case n > 0:
			return n, nil
		case wait < 0 && closed:
			return 0, io.EOF
		case !deadline.IsZero() && !now.Before(deadline):
			return 0, os.ErrDeadlineExceeded
		}
		if !deadline.IsZero() && (wait < 0 || deadline.Sub(now) < wait) {
			wait = deadline.Sub(now)
		}
		var due <-chan time.Time
		if wait >= 0 {
			t := time.NewTimer(wait)
			defer t.Stop()
			due = t.C
		}
		select {
		case <-wake:
		case <-due:
		}
	}
}

func (w *wire) Close() error {
	for _, h := range []*half{w.in, w.out} {
		h.mu.Lock()
		if !h.closed {
			h.closed = true
			h.change()
		}
		h.mu.Unlock()
	}
	return nil
}

func (w *wire) SetReadDeadline(t time.Time) error {
	w.in.mu.Lock()
	defer w.in.mu.Unlock()
	w.in.deadline = t
	w.in.change()
	return nil
}

func (w *wire) SetDeadline(t time.Time) error    { return w.SetReadDeadline(t) }
func (w *wire) SetWriteDeadline(time.Time) error { return nil }
func (w *wire) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (w *wire) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
