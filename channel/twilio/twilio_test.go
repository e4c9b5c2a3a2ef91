package twilio_test

import (
	"fmt"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/twilio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func text(n int) *waxwing.Outgoing {
	return &waxwing.Outgoing{
		Message: waxwing.ID(n), Channel: waxwing.SMS, To: fmt.Sprintf("+49170%07d", n),
		Data: []byte("Danke für Ihre Bestellung #1001"), IdempotencyKey: fmt.Sprintf("key-%d", n),
	}
}

func TestSuite(t *testing.T) {
	channeltest.Suite(t, func(t *testing.T, plan sink.Plan) channeltest.World {
		truth := sink.NewTruth()
		srv := httptest.NewServer(&sink.Twilio{Account: "AC1", Token: "secret", Truth: truth, Plan: plan})
		s, err := twilio.New(twilio.Config{Name: "texts", BaseURL: srv.URL, Account: "AC1", Token: "secret", From: "+15005550006", Connections: 4})
		if err != nil {
			t.Fatal(err)
		}
		return channeltest.World{
			Provider: s, Truth: truth, Message: text, ID: func(o *waxwing.Outgoing) string { return o.IdempotencyKey },
			Bad: "+49 170 &To=+1900", Stop: srv.Close,
		}
	})
}
