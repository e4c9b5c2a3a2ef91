package smtp_test

import (
	"context"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/smtp"
)

// A dial that this machine had no descriptor, memory, buffer or port for says nothing of
// the server: it is deferred, and no fault of the provider's.
func TestShortOfResourcesIsOurFault(t *testing.T) {
	to := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 25}
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ENOBUFS, syscall.EADDRNOTAVAIL} {
		var dials atomic.Int32
		s := smtp.New(smtp.Config{Name: "mail", TLS: smtp.NoTLS, Connections: 1, Addr: "mx.example:25",
			Dial: func(context.Context, string, string) (net.Conn, error) {
				dials.Add(1)
				return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: to, Err: os.NewSyscallError("socket", errno)}
			}})
		out := &waxwing.Outgoing{From: "a@acme.example", To: "b@mx.example", Data: []byte("Subject: x\r\n\r\nx\r\n")}
		a := s.Offer(t.Context(), out, func() error { t.Error("committed"); return nil })
		if a.Verdict != waxwing.Deferred || a.Fault != waxwing.OwnFault || a.Bad || a.Phase != waxwing.PhaseConnect {
			t.Errorf("%v: %+v", errno, a)
		}
		// It does not dial again at once, and yet it can be closed at once.
		began := time.Now()
		if err := s.Close(t.Context()); err != nil || dials.Load() != 1 || time.Since(began) > 10*time.Second {
			t.Errorf("%v: %v, %d dials, closed in %s", errno, err, dials.Load(), time.Since(began))
		}
	}
}
