package pipeline

import (
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

func TestGate(t *testing.T) {
	order := func(s waxwing.PaymentStatus, offline string, stock waxwing.Stock) *waxwing.Order {
		return &waxwing.Order{Payment: waxwing.Payment{Status: s, Offline: offline}, Stock: stock}
	}
	gone := order(waxwing.PaymentPaid, "", "")
	gone.Cancelled = time.Now()
	for _, c := range []struct {
		name    string
		o       *waxwing.Order
		offline []string
		want    Decision
	}{
		{"paid", order(waxwing.PaymentPaid, "", ""), nil, Decision{}},
		{"paid, stock pending", order(waxwing.PaymentPaid, "", waxwing.StockPending), nil, hold("stock not allocated")},
		{"pending", order(waxwing.PaymentPending, "", ""), nil, hold("payment pending")},
		{"unknown", order("", "", ""), nil, hold("payment not known")},
		{"cash, counted", order(waxwing.PaymentPending, waxwing.CashOnDelivery, ""), []string{waxwing.CashOnDelivery}, Decision{}},
		{"cash, not counted", order(waxwing.PaymentPending, waxwing.CashOnDelivery, ""), []string{waxwing.BankTransfer}, hold("payment pending")},
		{"voided", order(waxwing.PaymentVoided, "", ""), nil, cancel("the payment was voided")},
		{"cancelled", gone, nil, cancel("the shop cancelled the order")},
	} {
		got, err := gate{}.Run(t.Context(), &Job{Order: c.o, Tenant: &config.Tenant{Offline: c.offline}})
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// A paid deposit passes where the tenant says so, and nothing else does for that.
func TestGateOfDeposits(t *testing.T) {
	deposits, none := &config.Tenant{Deposits: true}, &config.Tenant{}
	for _, c := range []struct {
		status waxwing.PaymentStatus
		stock  waxwing.Stock
		t      *config.Tenant
		want   Decision
	}{
		{waxwing.PaymentPartlyPaid, "", deposits, Decision{}},
		{waxwing.PaymentPartlyPaid, "", none, hold("payment partially_paid")},
		{waxwing.PaymentPartlyPaid, waxwing.StockPending, deposits, hold("stock not allocated")},
		{waxwing.PaymentPending, "", deposits, hold("payment pending")},
		{waxwing.PaymentFailed, "", deposits, hold("payment failed")},
		{waxwing.PaymentVoided, "", deposits, cancel("the payment was voided")},
	} {
		o := &waxwing.Order{Payment: waxwing.Payment{Status: c.status}, Stock: c.stock}
		if got := AtGate(o, c.t); got != c.want {
			t.Errorf("%s %s, deposits %v: %+v, want %+v", c.status, c.stock, c.t.Deposits, got, c.want)
		}
	}
}
