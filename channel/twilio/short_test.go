package twilio_test

import (
	"context"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/twilio"
)

// Without a descriptor Twilio was not asked, and is not to blame.
func TestShortOfResourcesIsOurFault(t *testing.T) {
	s, err := twilio.New(twilio.Config{Name: "texts", BaseURL: "http://192.0.2.1", Account: "AC1", Token: "t", From: "+15005550006",
		Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", syscall.EMFILE)}
		}})
	if err != nil {
		t.Fatal(err)
	}
	a := s.Offer(t.Context(), &waxwing.Outgoing{To: "+4915112345678", Data: []byte("hello")}, func() error { return nil })
	if a.Verdict != waxwing.Deferred || a.Fault != waxwing.OwnFault || a.Bad {
		t.Errorf("%+v", a)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
