//go:build unix

package wire

import (
	"net"
	"syscall"
)

// Pending looks, without waiting and without reading, whether the peer has
// sent something or has hung up. Connections that are not sockets are quiet.
func Pending(c net.Conn) (some, gone bool) {
	sc, ok := c.(syscall.Conn)
	if !ok {
		return false, false
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false, true
	}
	err = rc.Control(func(fd uintptr) {
		var b [1]byte
		n, _, e := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		switch {
		case e == syscall.EAGAIN || e == syscall.EWOULDBLOCK || e == syscall.EINTR:
		case e != nil || n == 0:
			gone = true
		default:
			some = true
		}
	})
	return some, gone || err != nil
}
