package waxwing_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/waxwinghq/waxwing"
)

func TestShortOfResources(t *testing.T) {
	dial := func(ip string, e error) error {
		return &net.OpError{Op: "dial", Net: "tcp", Addr: &net.TCPAddr{IP: net.ParseIP(ip), Port: 25}, Err: os.NewSyscallError("connect", e)}
	}
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{errors.New("too many open files"), false}, // a peer may say anything
		{dial("192.0.2.1", syscall.EMFILE), true},
		{fmt.Errorf("x: %w", dial("192.0.2.1", syscall.ENFILE)), true},
		{dial("2001:db8::1", syscall.ENOBUFS), true},
		{dial("192.0.2.1", syscall.ENOMEM), true},
		{dial("192.0.2.1", syscall.EADDRNOTAVAIL), true},
		{dial("2001:db8::1", syscall.EADDRNOTAVAIL), false}, // no IPv6 here
		{dial("192.0.2.1", syscall.ECONNREFUSED), false},
		{dial("192.0.2.1", syscall.EHOSTUNREACH), false},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "dial udp 192.0.2.53:53: socket: too many open files", IsTemporary: true}}, true},
		{&net.DNSError{Err: "no such host", IsNotFound: true}, false},
	} {
		if got := waxwing.ShortOfResources(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
