package smtp_test

import (
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/smtp"
)

func TestSuite(t *testing.T) {
	for _, lockstep := range []bool{false, true} {
		channeltest.Suite(t, func(t *testing.T, plan sink.Plan) channeltest.World {
			srv := sink.New(sink.Config{Plan: plan, Lockstep: lockstep})
			addr, err := srv.Listen("")
			if err != nil {
				t.Fatal(err)
			}
			return channeltest.World{
				Provider: smtp.New(smtp.Config{Name: "mail", Addr: addr, TLS: smtp.NoTLS, Connections: 3}),
				Truth:    srv.Truth(),
				Message:  func(n int) *waxwing.Outgoing { return mail(n, 2000) },
				ID:       func(o *waxwing.Outgoing) string { return sink.MessageID(o.Data) },
				Bad:      "bob@example.com> SIZE=1\r\nRCPT TO:<eve@evil.example",
				Stop:     func() { _ = srv.Close() },
			}
		})
	}
}
