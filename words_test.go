package waxwing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestID(t *testing.T) {
	at := time.Date(2026, 11, 24, 9, 0, 0, 123e6, time.UTC)
	id := NewID(at, 0, 7)
	if !id.Time().Equal(at) {
		t.Errorf("time %s", id.Time())
	}
	back, err := ParseID(id.String())
	if err != nil || back != id {
		t.Errorf("%s: %v", id, err)
	}
	if next := NewID(at.Add(-time.Hour), id, 0); next <= id {
		t.Error("an id fell when the clock went back")
	}
	if later := NewID(at.Add(time.Millisecond), id, 0); later.String() <= id.String() {
		t.Error("texts do not sort like ids")
	}
	for _, bad := range []string{"", "0", "zzzzzzzzzzzzz", "00000000000il", "00000000000000", "0SATQK4C4FB80"} {
		if _, err := ParseID(bad); err == nil {
			t.Errorf("%q is no id", bad)
		}
	}
}

func TestSecretsHideThemselves(t *testing.T) {
	const canary = "hunter2"
	o := &Order{Customer: Customer{Email: canary, FirstName: canary}, Shipping: &Address{Name: canary}}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", Secret(canary), "pii", PII(canary), "order", o,
		"customer", o.Customer, "address", *o.Shipping, "out", &Outgoing{To: canary})
	j, err := json.Marshal(struct {
		S Secret
		P PII
	}{canary, canary})
	if err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprint(log.String(), string(j)) + fmt.Sprintf("%v %+v %#v %s %q %x", Secret(canary), Secret(canary), Secret(canary), PII(canary), PII(canary), PII(canary)) +
		fmt.Sprintf("%v %+v %v", o, o.Customer, *o.Shipping)
	if strings.Contains(all, canary) || strings.Contains(all, "68756e74657232") {
		t.Error(all)
	}
	if Secret(canary).Reveal() != canary {
		t.Error("Reveal is the way to it")
	}
}

func TestPermanent(t *testing.T) {
	base := errors.New("no")
	err := fmt.Errorf("doing: %w", Permanent(base))
	if !IsPermanent(err) || !errors.Is(err, base) || IsPermanent(base) || Permanent(nil) != nil {
		t.Error(err)
	}
}

func TestVerified(t *testing.T) {
	for _, c := range []struct {
		p       Payment
		offline []string
		want    bool
	}{
		{Payment{Status: PaymentPaid}, nil, true},
		{Payment{Status: PaymentAuthorized}, nil, true},
		{Payment{Status: PartlyRefunded}, nil, true},
		{Payment{Status: PaymentPending}, nil, false},
		{Payment{Status: PaymentPending, Offline: CashOnDelivery}, nil, false},
		{Payment{Status: PaymentPending, Offline: CashOnDelivery}, []string{CashOnDelivery}, true},
		{Payment{Status: PaymentFailed, Offline: CashOnDelivery}, []string{CashOnDelivery}, false},
		{Payment{Status: PaymentPending}, []string{""}, false},
		{Payment{Status: PaymentVoided}, nil, false},
		{Payment{Status: PaymentPartlyPaid}, nil, false},
	} {
		if got := c.p.Verified(c.offline); got != c.want {
			t.Errorf("%+v with %v: %v", c.p, c.offline, got)
		}
	}
}
