package smtp

import (
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/waxwinghq/waxwing/channel/wire"
)

// conn is a connection's bytes: it reads replies and writes commands and bodies, each
// within its time, and knows nothing of what they mean.
type conn struct {
	nc  net.Conn // TLS or plain
	raw net.Conn // below TLS

	in       []byte // what was read: in[r:w] is not used up yet
	r, w     int
	out      []byte // what is to be written
	body     []byte // a dot-stuffed body
	kept     []byte // the last reply's text
	deadline time.Time
	patience time.Duration // for each block that is written
	job      *job          // whose leaving ends reads; nil: nobody's
}

// fill reads more, bounded by l.deadline and the job.
func (l *conn) fill() error {
	if l.r > 0 {
		l.w = copy(l.in, l.in[l.r:l.w])
		l.r = 0
	}
	if l.w == len(l.in) {
		l.in = append(l.in, make([]byte, max(4096, len(l.in)))...)
	}
	for {
		if l.job != nil {
			l.job.arm(l.nc.SetReadDeadline, l.deadline)
		} else if err := l.nc.SetReadDeadline(l.deadline); err != nil {
			return err
		}
		n, err := l.nc.Read(l.in[l.w:])
		if n > 0 {
			l.w += n
			return nil
		}
		switch {
		case l.job != nil && l.job.left():
			return errGone
		case err == nil:
			return io.ErrNoProgress
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Until(l.deadline) > 0:
			// The interruption was meant for a job that is done: go on.
		default:
			return err
		}
	}
}

// write writes b within d; the job's leaving ends it.
func (l *conn) write(j *job, b []byte, d time.Duration) error {
	t := time.Now().Add(d)
	if j != nil {
		j.arm(l.nc.SetWriteDeadline, t)
	} else if err := l.nc.SetWriteDeadline(t); err != nil {
		return err
	}
	_, err := l.nc.Write(b)
	if err != nil && j != nil && j.left() {
		return errGone
	}
	return err
}

// flush writes what l.out holds. A reply that came before its command means
// that the two sides do not understand each other.
func (l *conn) flush(j *job) error {
	b := l.out
	l.out = l.out[:0]
	if l.w > l.r {
		return errEarly
	}
	return l.write(j, b, l.patience)
}

// quiet reports whether the server has nothing to say and is still there: nil,
// errEarly or errHungUp. It does not wait.
func (l *conn) quiet() error {
	if l.w > l.r {
		return errEarly
	}
	some, gone := wire.Pending(l.raw)
	switch {
	case gone:
		return errHungUp
	case !some:
		return nil
	case l.raw == l.nc:
		return l.heard(time.Second)
	}
	// Under TLS it may be a session ticket, which says nothing. On a busy machine the time may pass
	// before anything is read: what is there still is asked for again.
	for end := time.Now().Add(time.Second); some && time.Now().Before(end); some, _ = wire.Pending(l.raw) {
		if err := l.heard(20 * time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// heard reads what is there, for d at most: nil, where it says nothing.
func (l *conn) heard(d time.Duration) error {
	l.job, l.deadline = nil, time.Now().Add(d)
	switch err := l.fill(); {
	case err == nil:
		return errEarly
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return errHungUp
}

func (l *conn) quietBuffer() error {
	if l.w > l.r {
		return errEarly
	}
	return nil
}

// cut closes the connection at once, so that nothing still in a buffer reaches
// the server: a QUIT after half a body would deliver it.
func (l *conn) cut() {
	if t, ok := l.raw.(interface{ SetLinger(int) error }); ok {
		_ = t.SetLinger(0)
	}
	_ = l.raw.Close()
}
