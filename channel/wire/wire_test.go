//go:build unix

package wire_test

import (
	"net"
	"syscall"
	"testing"

	"github.com/waxwinghq/waxwing/channel/wire"
)

// pair returns both ends of a TCP connection.
func pair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	x, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	y, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = x.Close(), y.Close() })
	return x.(*net.TCPConn), y.(*net.TCPConn)
}

// readable waits until there is something to read, or an end.
func readable(t *testing.T, c *net.TCPConn) {
	t.Helper()
	rc, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = rc.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		return err != syscall.EAGAIN
	})
}

func want(t *testing.T, c net.Conn, some, gone bool) {
	t.Helper()
	if s, g := wire.Pending(c); s != some || g != gone {
		t.Errorf("some %v, gone %v; want %v, %v", s, g, some, gone)
	}
}

func TestPending(t *testing.T) {
	a, b := pair(t)
	want(t, a, false, false)
	_, _ = b.Write([]byte("x"))
	readable(t, a)
	want(t, a, true, false)
	want(t, a, true, false) // looking takes nothing away
	_, _ = a.Read(make([]byte, 1))
	want(t, a, false, false)
	_ = b.CloseWrite()
	readable(t, a)
	want(t, a, false, true)

	a, b = pair(t)
	_ = b.SetLinger(0)
	_ = b.Close()
	readable(t, a)
	want(t, a, false, true)
	_ = a.Close()
	want(t, a, false, true)

	x, y := net.Pipe() // no socket: nothing to be seen
	defer x.Close()
	defer y.Close()
	want(t, x, false, false)
}
