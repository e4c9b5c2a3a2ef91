package sqlite

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// BenchmarkOrder is one order through the ledger alone: accept, ready, claim,
// commit point, verdict, each in a group commit shared with 255 others.
func BenchmarkOrder(b *testing.B) {
	l, err := Open(b.Context(), Options{Options: ledger.Options{Dir: b.TempDir(), Tenants: []waxwing.TenantID{"acme"}, Policy: "resend", After: time.Minute}})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	raw := bytes.Repeat([]byte(`{"title":"IPod Nano - 8gb","price":"199.00","quantity":1},`), 95)
	mail := bytes.Repeat([]byte("<td style=3D\"padding:8px 0\">IPod Nano - 8gb</td>\r\n"), 400)
	if err := l.Teach(b.Context(), "x", nil, mail); err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.SetParallelism(128)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			rc, err := l.Accept(b.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Source: "webhook", Format: "shopify", Topic: "orders/paid",
				Raw: raw, At: time.Now(), Key: waxwing.EventKey{OrderID: fmt.Sprint(i)}})
			if err != nil {
				b.Error(err)
				return
			}
			w, err := l.Work(b.Context(), rc.ID)
			if err != nil {
				b.Error(err)
				return
			}
			ids, err := l.Ready(b.Context(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "a@b.example", To: fmt.Sprint(i, "@x.example"),
				Data: mail, MessageID: w.Token, Locale: "en", Dictionary: "x"}}, waxwing.Lookup{Order: []string{fmt.Sprint(i)}, People: []string{fmt.Sprint(i, "@x.example")}}, time.Hour)
			if err != nil {
				b.Error(err)
				return
			}
			c, err := l.Claim(b.Context(), ids[0])
			if err != nil {
				b.Error(err)
				return
			}
			if err := l.CommitDot(b.Context(), c, "mail"); err != nil {
				b.Error(err)
				return
			}
			if err := l.Resolve(b.Context(), c, &waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted,
				Phase: waxwing.PhaseDot, Code: 250, Reply: "250 ok"}}); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
