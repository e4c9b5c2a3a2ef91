// Package report are the commands that tell how well a tenant's orders were confirmed.
package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/orders"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/ledger"
)

// Report are the commands.
type Report struct {
	Delivery Delivery `cmd:"" help:"How many orders with an address had their mail within 24 h, by three bars, and what became of the rest."`
}

// Delivery tells the delivery rate of a span of time.
type Delivery struct {
	Since string `help:"Orders accepted at this time or later: 2026-03-01, RFC 3339, or 48h for so long ago; a week before --until by default." placeholder:"TIME"`
	Until string `help:"Orders accepted before this time; 24h ago by default." placeholder:"TIME"`
	List  int    `help:"How many of the rest are listed at most; 0: all." default:"100"`
	JSON  bool   `name:"json" help:"Print JSON."`
	remote.Flags
}

// Help gives examples.
func (Delivery) Help() string {
	return "What each figure means is in docs/delivery-feedback.md. Over a running daemon's API; the address, the tenant and the key come from the\n" +
		"flags or from WAXWING_URL, WAXWING_TENANT and WAXWING_KEY.\n\n" +
		"Examples:\n  waxwing report delivery\n  waxwing report delivery --since 2026-11-01 --until 2026-12-01 --json"
}

// told is the report.
type told struct {
	Tenant string    `json:"tenant"`
	Since  time.Time `json:"since"`
	Until  time.Time `json:"until"`
	waxwing.Deliveries
	// Reasons counts the rest by why, and Left is how many of them are not listed.
	Reasons map[string]int `json:"reasons"`
	Left    int            `json:"left_out,omitempty"`
}

// Run tells it.
func (c Delivery) Run(s orders.Streams) error {
	r := told{Tenant: c.Tenant, Reasons: map[string]int{}}
	var err error
	if r.Since, r.Until, err = span(c.Since, c.Until, time.Now()); err != nil {
		return err
	}
	q := url.Values{"since": {r.Since.Format(time.RFC3339)}, "until": {r.Until.Format(time.RFC3339)}}
	for {
		var d waxwing.Deliveries
		if err := c.Call(http.MethodGet, "/deliveries?"+q.Encode(), "", nil, &d); err != nil {
			return err
		}
		r.add(&d, c.List)
		if d.Next == 0 {
			break
		}
		q.Set("before", d.Next.String())
	}
	if c.JSON {
		e := json.NewEncoder(s.Out)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	return r.print(s.Out)
}

// span reads the flags: by default a week until a day ago, whose orders have had their day.
func span(from, until string, now time.Time) (a, b time.Time, err error) {
	b = now.Add(-24 * time.Hour)
	if until != "" {
		if b, err = moment("--until", until, now); err != nil {
			return a, b, err
		}
	}
	a = b.AddDate(0, 0, -7)
	if from != "" {
		if a, err = moment("--since", from, now); err != nil {
			return a, b, err
		}
	}
	if !a.Before(b) {
		return a, b, fmt.Errorf("--since: %s is not before %s", a.Format(time.RFC3339), b.Format(time.RFC3339))
	}
	return a.UTC().Truncate(time.Second), b.UTC().Truncate(time.Second), nil
}

func moment(flag, s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	if t, ok := ledger.ParseTime(s); ok {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%s: %q is no time: write 2026-03-01, 2026-03-01T12:00:00Z or 48h", flag, s)
}

// add adds a piece, and keeps up to limit of the rest.
func (r *told) add(d *waxwing.Deliveries, limit int) {
	r.Orders, r.NotDue, r.NoAddress, r.Addressed = r.Orders+d.Orders, r.NotDue+d.NotDue, r.NoAddress+d.NoAddress, r.Addressed+d.Addressed
	r.Accepted, r.Delivered, r.Kept = r.Accepted+d.Accepted, r.Delivered+d.Delivered, r.Kept+d.Kept
	for i := range d.Rest {
		r.Reasons[d.Rest[i].Why()]++
		if limit > 0 && len(r.Rest) >= limit {
			r.Left++
			continue
		}
		r.Rest = append(r.Rest, d.Rest[i])
	}
}

// share is n of all in per cent, never 100 where one is missing.
func share(n, all int) string {
	if all == 0 {
		return "-"
	}
	hundredths := n * 10_000 / all
	return fmt.Sprintf("%d.%02d %%", hundredths/100, hundredths%100)
}

func (r *told) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "Tenant %s, orders accepted from %s until %s\n", r.Tenant, r.Since.Format(time.RFC3339), r.Until.Format(time.RFC3339))
	_, _ = fmt.Fprintf(w, "%d\torders\n%d\tnot due: cancelled, or at the gate\n%d\twithout an address\n%d\twith an address: of these\n", r.Orders, r.NotDue, r.NoAddress, r.Addressed)
	for _, bar := range []struct {
		n    int
		what string
	}{{r.Accepted, "accepted by a provider within 24 h"}, {r.Delivered, "told of as delivered by the recipient's server within 24 h"}, {r.Kept, "accepted, and not bounced within 72 h"}} {
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s\n", bar.n, share(bar.n, r.Addressed), bar.what)
	}
	_, _ = fmt.Fprintf(w, "%d\tthe rest\n", r.Addressed-r.Kept)
	reasons := make([]string, 0, len(r.Reasons))
	for why := range r.Reasons {
		reasons = append(reasons, why)
	}
	slices.SortFunc(reasons, func(a, b string) int { return cmp.Or(cmp.Compare(r.Reasons[b], r.Reasons[a]), strings.Compare(a, b)) })
	for _, why := range reasons {
		_, _ = fmt.Fprintf(w, "  %d\t%s\n", r.Reasons[why], remote.Printable(why))
	}
	if err := w.Flush(); err != nil || len(r.Rest) == 0 {
		return err
	}
	_, _ = fmt.Fprintln(w, "\nCONFIRMATION\tSHOP\tSTATE\tWHY\tPROVIDER\tREPLY\tREASON")
	for i := range r.Rest {
		u := &r.Rest[i]
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", u.ID, remote.Printable(string(u.Shop)), u.State, remote.Printable(u.Why()), cmp.Or(u.Provider, "-"), cmp.Or(u.Reply, "-"), remote.Printable(u.Reason))
	}
	if r.Left > 0 {
		_, _ = fmt.Fprintf(w, "... and %d more: see --list\n", r.Left)
	}
	return w.Flush()
}
