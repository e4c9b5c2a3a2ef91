package orders

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
)

// content are standings that need no word in the list.
var content = []waxwing.Standing{waxwing.Confirmed, waxwing.ByFallback}

func (a *account) print(out io.Writer) error {
	n, theirs, ours, _ := a.count()
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%d\torders of the shop's\n", len(a.orders))
	for _, s := range waxwing.Standings {
		if n[s] > 0 || s == waxwing.Missing {
			_, _ = fmt.Fprintf(w, "%d\t%s\n", n[s], strings.ReplaceAll(string(s), "_", " "))
		}
	}
	for _, k := range sortedKeys(a.unconfirmed) {
		_, _ = fmt.Fprintf(w, "%d\tnot counted: %s\n", a.unconfirmed[k], k)
	}
	if len(a.unread) > 0 {
		_, _ = fmt.Fprintf(w, "%d\tcannot be read\n", len(a.unread))
	}
	for _, c := range sortedKeys(theirs) {
		_, _ = fmt.Fprintf(w, "%s\ttheir total by the shop; %s by the ledger\n", waxwing.Money{Minor: theirs[c], Currency: c}, waxwing.Money{Minor: ours[c], Currency: c})
	}
	if err := w.Flush(); err != nil {
		return err
	}
	w = tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	for _, e := range a.orders {
		if slices.Contains(content, e.stood.Standing) && !e.differs() {
			continue
		}
		why := e.stood.Reason
		if e.stood.Evidence != "" {
			why = e.stood.Evidence
		}
		if e.differs() {
			why = strings.TrimPrefix(why+"; ", "; ") + fmt.Sprintf("the shop's total is %s, and ours %s", e.total, *e.stood.Total)
		}
		_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\n", strings.ReplaceAll(string(e.stood.Standing), "_", " "), e.ref.Shop, remote.Printable(e.number), e.placed.Format(time.RFC3339), remote.Printable(why))
	}
	for _, u := range a.unread {
		_, _ = fmt.Fprintf(w, "  cannot be read\t\t\t\t%s\n", remote.Printable(u))
	}
	return w.Flush()
}

func (a *account) encode(out io.Writer) error {
	n, theirs, ours, differ := a.count()
	sums := func(m map[string]int64) map[string]string {
		out := map[string]string{}
		for c, v := range m {
			out[c] = waxwing.Money{Minor: v, Currency: c}.Decimal()
		}
		return out
	}
	type row struct {
		stood
		Number string         `json:"number"`
		Placed time.Time      `json:"placed_at,omitzero"`
		Shop   *waxwing.Money `json:"shop_total,omitempty"`
	}
	rows := make([]row, len(a.orders))
	for i, e := range a.orders {
		rows[i] = row{stood: e.stood, Number: e.number, Placed: e.placed}
		if e.total.Currency != "" {
			rows[i].Shop = &e.total
		}
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", " ")
	return enc.Encode(map[string]any{"orders": rows, "standings": n, "shop_totals": sums(theirs), "ledger_totals": sums(ours), "totals_differ": differ,
		"not_counted": a.unconfirmed, "unread": a.unread})
}
