package metrics

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// whole is a Meter with something to tell of each thing.
func whole(dir string) *Meter {
	m := New(func() (Waiting, error) { return Waiting{Orders: 1, Messages: 2}, nil })
	m.Received(waxwing.Received, true)
	m.Rendered(time.Second)
	m.Attempted(waxwing.Email, "mail", waxwing.Accepted, waxwing.PhaseDot)
	m.Sent(waxwing.Email, time.Second, time.Second)
	m.Resolved(waxwing.Email, waxwing.Failed, waxwing.SMS)
	m.FedBack("relay", waxwing.Bounced, "hard")
	m.Retried(waxwing.Email)
	m.HeldInDoubt(waxwing.Email, "mail")
	m.ShortOfResources()
	m.WebhookRefused("acme", "web", "bad signature")
	m.KeyRefused("acme", "wrong key")
	m.ConnectionsShut(1)
	m.Shed()
	m.Carried(true, 10)
	m.Connections(func() int { return 1 })
	m.Asked(waxwing.Email, "mail", "taken")
	m.Queues(func() map[string]int { return map[string]int{"mail": 1} })
	m.Brokers(func() map[string]Broker { return map[string]Broker{"bus": {}} })
	m.Instances(func() ([]waxwing.Member, error) { return []waxwing.Member{{ID: 1}}, nil })
	some, behind, at := 1.0, int64(1), time.Unix(1, 0)
	m.Sources(func() map[string]Source {
		return map[string]Source{"tap": {State: "reading", Lag: &some, Behind: &behind, Heard: &at, Last: &at, Events: map[string]int64{"new": 1},
			Without: []Without{{Tenant: "acme", Shop: "web"}}}}
	})
	m.Silences(func() []Silent { return []Silent{{Tenant: "acme", Shop: "web", Usual: 3}} })
	m.Plugins(func() []waxwing.TenantUse {
		return []waxwing.TenantUse{{Tenant: "acme", Plugins: []waxwing.PluginUse{{Plugin: "p", Faults: map[string]int64{"trap": 1}}}}}
	})
	m.Health(Health{Version: "1.2.3", Dir: dir, Ledgers: func() []Ledger { return []Ledger{{Writes: true, AnchorFailures: 1}} },
		Providers: func() []Provider { return []Provider{{"email", "mail", "resting", 1}} }})
	return m
}

// TestKnown: what is said to be known is what is told, with the same labels.
func TestKnown(t *testing.T) {
	m := whole(t.TempDir())
	families, err := m.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	known, told := m.Known(), map[string]bool{}
	for _, f := range families {
		told[f.GetName()] = true
		k, ok := known[f.GetName()]
		if !ok {
			t.Errorf("%s is told and not known", f.GetName())
			continue
		}
		var labels []string
		for _, l := range f.GetMetric()[0].GetLabel() {
			if !(f.GetName() == "go_gc_duration_seconds" && l.GetName() == "quantile") && f.GetName() != "go_info" {
				labels = append(labels, l.GetName())
			}
		}
		if slices.Sort(k.Labels); !slices.Equal(labels, k.Labels) {
			t.Errorf("%s is told with %v and known with %v", f.GetName(), labels, k.Labels)
		}
		if ended := len(f.GetName()) > 6 && f.GetName()[len(f.GetName())-6:] == "_total"; ended != (f.GetType().String() == "COUNTER") {
			t.Errorf("%s is a %s", f.GetName(), f.GetType())
		}
	}
	for name := range known {
		if !told[name] && len(name) > 8 && name[:8] == "waxwing_" {
			t.Errorf("%s is known and never told", name)
		}
	}
}

func value(t *testing.T, m *Meter, name string, labels map[string]string) (v float64, ok bool) {
	t.Helper()
	families, err := m.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, x := range f.GetMetric() {
			has := 0
			for _, l := range x.GetLabel() {
				if labels[l.GetName()] == l.GetValue() {
					has++
				}
			}
			if f.GetName() == name && has == len(labels) {
				return x.GetGauge().GetValue() + x.GetCounter().GetValue(), true
			}
		}
	}
	return 0, false
}

// TestHealth: what operators are woken by has the figures that it stands for.
func TestHealth(t *testing.T) {
	m := whole(t.TempDir())
	free, ok := value(t, m, "waxwing_data_free_bytes", nil)
	size, ok2 := value(t, m, "waxwing_data_size_bytes", nil)
	if ok != ok2 || ok && (free <= 0 || free > size) {
		t.Errorf("%f of %f bytes are free", free, size)
	}
	m.Resolved(waxwing.Email, waxwing.Sent, "")
	for name, labels := range map[string]map[string]string{
		"waxwing_messages_total":               {"channel": "email", "state": "sent"},
		"waxwing_fallbacks_total":              {"channel": "sms", "instead_of": "email"},
		"waxwing_feedback_total":               {"provider": "relay", "kind": "bounced", "class": "hard"},
		"waxwing_provider_state":               {"channel": "email", "provider": "mail", "state": "resting"},
		"waxwing_ledger_up":                    {"ledger": ""},
		"waxwing_ledger_anchor_failures_total": {"ledger": ""},
		"waxwing_build_info":                   {"version": "1.2.3"},
	} {
		if v, ok := value(t, m, name, labels); !ok || v != 1 {
			t.Errorf("%s %v is %f, %t", name, labels, v, ok)
		}
	}
	for _, state := range []string{"received", "held", "quarantined", "ignored"} {
		for _, isNew := range []string{"true", "false"} {
			if _, ok := value(t, m, "waxwing_events_total", map[string]string{"state": state, "new": isNew}); !ok {
				t.Errorf("events that are %s begin with their first, which no increase shows", state)
			}
		}
	}
	m = New(func() (Waiting, error) { return Waiting{}, errors.New("away") })
	m.Health(Health{Ledgers: func() []Ledger { return []Ledger{{Name: "north"}} }, Providers: func() []Provider { return nil }})
	if v, ok := value(t, m, "waxwing_ledger_up", map[string]string{"ledger": "north"}); !ok || v != 0 {
		t.Errorf("a ledger that cannot be written: %f, %t", v, ok)
	}
}
