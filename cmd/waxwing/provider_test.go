package main

import (
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/pipeline"
)

// TestEachProviderItsOwnNumber: a text comes from the number of the account that
// takes it, not from that of the first in the list.
func TestEachProviderItsOwnNumber(t *testing.T) {
	full := httptest.NewServer(&sink.Twilio{Plan: func(sink.Question) sink.Answer { return sink.Answer{Code: 503, Text: "20503 full"} }})
	defer full.Close()
	r := newRig(t, withPlan(at(waxwing.PhaseRcpt, sink.Answer{Code: 550, Text: "5.1.1 no such user"})), func(r *rig, _ *daemon.Extras) {
		r.cfg.Providers["full"] = provider(`type: twilio, account: AC2, token: t, from: "+15005550099", base_url: "` + full.URL + `"`)
		for i := range r.cfg.Pipeline {
			if f, ok := r.cfg.Pipeline[i].Settings.(*pipeline.Fallback); ok {
				f.Providers = []string{"full", "texts"}
			}
		}
	})
	r.until(r.accepted(shopifyOrder(71, "nobody@example.com", "paid")), waxwing.Sent)
	if x := r.allTexts(); len(x) != 1 || x[0].From != "+15005550006" {
		t.Fatalf("%+v", x)
	}
}

// TestProviderTimeouts: each step waits as long as the configuration says.
func TestProviderTimeouts(t *testing.T) {
	short := config.Duration(150 * time.Millisecond)
	for phase, limits := range map[waxwing.Phase]smtp.StepTimeouts{
		waxwing.PhaseBanner: {Banner: short}, waxwing.PhaseMail: {Mail: short}, waxwing.PhaseRcpt: {Rcpt: short}, waxwing.PhaseData: {Data: short},
	} {
		t.Run(string(phase), func(t *testing.T) {
			r := newRig(t, withPlan(at(phase, sink.Answer{Delay: time.Hour})), withoutFallback, func(r *rig, _ *daemon.Extras) {
				smtpOf(r.cfg, "mail").Timeouts = limits // shorter than a file may say
			})
			id := r.accepted(shopifyOrder(72, "jana@example.com", "paid"))
			r.poll("an attempt", func() bool { m := r.get(id).Messages; return len(m) > 0 && len(m[0].Attempts) > 0 })
			if a := r.get(id).Messages[0].Attempts[0]; a.Phase != phase || a.Verdict != waxwing.Deferred {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestStopWithASilentServer: what has not come to its commit point goes back at
// once, and nobody waits for a server that says nothing.
func TestStopWithASilentServer(t *testing.T) {
	for _, phase := range []waxwing.Phase{waxwing.PhaseBanner, waxwing.PhaseMail} {
		t.Run(string(phase), func(t *testing.T) {
			asked := make(chan struct{}, 100)
			r := newRig(t, withoutFallback, withPlan(func(q sink.Question) (a sink.Answer) {
				if q.Phase == phase {
					asked <- struct{}{}
					a.Delay = time.Hour
				}
				return a
			}))
			ids := []string{r.accepted(shopifyOrder(73, "a@example.com", "paid")), r.accepted(shopifyOrder(74, "b@example.com", "paid"))}
			<-asked
			began := time.Now()
			r.stop()
			if took := time.Since(began); took > 12*time.Second {
				t.Errorf("the stop took %s", took)
			}
			for _, id := range ids {
				v, err := r.lookAt(id)
				if err != nil || v.Messages[0].State != waxwing.Queued || len(v.Messages[0].Attempts) != 0 {
					t.Errorf("%+v %v", v, err)
				}
			}
		})
	}
}

// lookAt reads a confirmation of a daemon that has stopped.
func (r *rig) lookAt(id string) (*waxwing.ConfirmationView, error) {
	l, err := sqlite.Open(context.Background(), sqlite.Options{Options: ledger.Options{Dir: r.cfg.Data}, ReadOnly: true})
	if err != nil {
		return nil, err
	}
	defer l.Close()
	var n waxwing.ID
	if err := n.UnmarshalText([]byte(id)); err != nil {
		return nil, err
	}
	return l.Get(context.Background(), "acme", n)
}

// TestPolicyOfOneProvider: a message that one provider refuses for policy goes to
// the one that takes it, also where that had no connection free or rested a moment.
func TestPolicyOfOneProvider(t *testing.T) {
	strict := sink.New(sink.Config{Plan: at(waxwing.PhaseDot, sink.Answer{Code: 554, Text: "5.7.1 not this"})})
	addr, err := strict.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	defer strict.Close()
	r := newRig(t, withoutFallback, withPlan(at(waxwing.PhaseDot, sink.Answer{Delay: 20 * time.Millisecond})), func(r *rig, _ *daemon.Extras) {
		smtpOf(r.cfg, "mail").Connections = 1
		r.cfg.Providers["strict"] = mailer(addr, 4)
		for i := range r.cfg.Pipeline {
			if s, ok := r.cfg.Pipeline[i].Settings.(*pipeline.Send); ok {
				s.Providers = []string{"mail", "strict"}
			}
		}
	})
	const orders = 120 // more than one connection takes in the second that a message waits
	r.storm(100, orders)
	r.poll("all are sent", func() bool { return r.truth.Total() == orders })
	for _, v := range r.list("?limit=100") {
		r.until(v.ID.String(), waxwing.Sent)
	}
}
