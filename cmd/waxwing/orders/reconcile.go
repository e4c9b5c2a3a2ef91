package orders

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/source"
)

// Reconcile holds a shop's orders against the ledger.
type Reconcile struct {
	shopFlags
	fileFlags
	Source string `help:"Ask this source of the configuration for the shop's orders." placeholder:"NAME"`
	File   string `help:"Read them from a file, as import does." placeholder:"FILE" type:"path"`
	Since  string `help:"Only orders placed at this time or later: 2026-03-01, RFC 3339, or 24h for so long ago." placeholder:"TIME"`
	Until  string `help:"Only orders placed before this time." placeholder:"TIME"`
	Topic  string `help:"The webhook's topic, where the events do not show it." placeholder:"orders/paid"`
	Accept bool   `help:"Have the daemon accept what is missing. What is older than max_age is held until somebody releases it."`
	Rate   int    `help:"How many a second are accepted, at most." default:"50"`
	JSON   bool   `name:"json" help:"Print JSON."`
	URL    string `default:"http://127.0.0.1:8080" env:"WAXWING_URL" help:"The daemon."`
	Key    string `env:"WAXWING_KEY" help:"The tenant's API key; better given in the environment." placeholder:"KEY"`
}

// Help gives examples.
func (Reconcile) Help() string {
	return "Each order is confirmed, confirmed by fallback, held with its reason, suppressed, undeliverable with the evidence, or missing. The\n" +
		"status is 1 where one is missing, or where the shop's total is not the one that we read.\n\n" +
		examples("waxwing reconcile -c waxwing.yaml --tenant acme --source shop-db --since 24h", "waxwing reconcile -c waxwing.yaml --tenant acme --shop web --file orders.jsonl --since 2026-03-01 --accept")
}

// expected is an order that the shop has.
type expected struct {
	source.Event
	ref    waxwing.OrderRef
	number string
	total  waxwing.Money
	placed time.Time
	stood  stood
}

// stood is what the daemon says of an order.
type stood struct {
	waxwing.OrderRef
	Standing     waxwing.Standing `json:"standing"`
	Reason       string           `json:"reason,omitempty"`
	Evidence     string           `json:"evidence,omitempty"`
	Confirmation string           `json:"confirmation,omitempty"`
	Total        *waxwing.Money   `json:"total,omitempty"`
}

// account is what came of holding orders against the ledger.
type account struct {
	orders []*expected
	seen   map[waxwing.OrderRef]bool
	// unread are events that no order could be read from, and unconfirmed those that are no order to be confirmed yet.
	unread      []string
	unconfirmed map[string]int
}

// Run tells how each order stands.
func (c Reconcile) Run(s Streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if (c.Source == "") == (c.File == "") {
		return errors.New("say where the shop's orders are: --source NAME, or --file FILE")
	}
	if c.Rate < 1 {
		return errors.New("--rate is not above 0")
	}
	since, err := moment("--since", c.Since, time.Now())
	if err != nil {
		return err
	}
	until, err := moment("--until", c.Until, time.Now())
	if err != nil {
		return err
	}
	a := &account{seen: map[waxwing.OrderRef]bool{}, unconfirmed: map[string]int{}}
	tenant, err := c.gather(ctx, a, since, until)
	if err != nil {
		return err
	}
	to := remote.Flags{URL: c.URL, Tenant: tenant, Key: c.Key}
	if err := a.ask(to); err != nil {
		return err
	}
	if c.JSON {
		err = a.encode(s.Out)
	} else {
		err = a.print(s.Out)
	}
	if err != nil {
		return err
	}
	if c.Accept {
		if err := a.accept(ctx, to, c, s); err != nil {
			return err
		}
		for _, e := range a.orders {
			if e.stood.Standing == waxwing.Missing {
				e.stood.Standing = waxwing.Waiting // it was accepted
			}
		}
		return a.verdict()
	}
	return a.verdict()
}

// moment reads a time of a flag; "" is the zero one.
func moment(flag, s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	if t, ok := ledger.ParseTime(s); ok {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%s: %q is no time: write 2026-03-01, 2026-03-01T12:00:00Z or 24h", flag, s)
}

// gather collects the shop's orders.
func (c Reconcile) gather(ctx context.Context, a *account, since, until time.Time) (tenant string, err error) {
	if c.File != "" {
		x, err := c.choose()
		if err != nil {
			return "", err
		}
		err = c.records(c.File, func(r record) error {
			place := fmt.Sprintf("%s, event %d", c.File, r.n)
			if r.line > 0 {
				place = fmt.Sprintf("%s:%d", c.File, r.line)
			}
			a.add(x, place, source.Event{Tenant: waxwing.TenantID(x.tenant), Shop: waxwing.ShopID(x.shop), Topic: c.Topic, Raw: r.raw}, since, until)
			return nil
		}, func(line int, err error) {
			a.unread = append(a.unread, fmt.Sprintf("%s:%d: %s", c.File, line, bare(err)))
		})
		return x.tenant, err
	}
	return c.list(ctx, a, since, until)
}

// list asks a source of the configuration.
func (c Reconcile) list(ctx context.Context, a *account, since, until time.Time) (tenant string, err error) {
	cfg, err := c.load()
	if err != nil {
		return "", err
	}
	named, ok := cfg.Sources[c.Source]
	if !ok {
		return "", fmt.Errorf("--source: %s has no source %q; there are %s", c.Config, c.Source, strings.Join(sortedKeys(cfg.Sources), ", "))
	}
	l, ok := named.Settings.(source.Lister)
	if !ok {
		return "", fmt.Errorf("--source: a source of type %s cannot be asked for all of its orders: use --file", named.Type)
	}
	if since.IsZero() {
		since = time.Now().Add(-24 * time.Hour)
	}
	tenant = c.Tenant
	known := map[string]chosen{}
	err = l.List(ctx, c.Source, since, func(ev source.Event) error {
		if tenant == "" {
			tenant = string(ev.Tenant)
		}
		if tenant != string(ev.Tenant) || c.Shop != "" && c.Shop != string(ev.Shop) {
			return nil
		}
		x, ok := known[string(ev.Shop)]
		if !ok {
			f := c.shopFlags
			f.Tenant, f.Shop = tenant, string(ev.Shop)
			if x, err = f.choose(); err != nil {
				return err
			}
			known[x.shop] = x
		}
		a.add(x, fmt.Sprintf("event %d", len(a.orders)+len(a.unread)+1), ev, since, until)
		return nil
	})
	if err == nil && tenant == "" {
		tenant, err = one("--tenant", "", cfg.Tenants, "the configuration", "tenant")
	}
	return tenant, err
}

// add takes one event of the shop's. What is no order to be confirmed now is counted and not asked for.
func (a *account) add(x chosen, place string, ev source.Event, since, until time.Time) {
	j, err := x.judge(ev.Topic, ev.Raw, time.Time{})
	switch {
	case err != nil && j.key.OrderID == "":
		a.unread = append(a.unread, place+": "+bare(err))
		return
	case j.key.Ignore != "":
		a.unconfirmed[j.would]++
		return
	}
	e := &expected{Event: ev, ref: waxwing.OrderRef{Shop: ev.Shop, ID: j.key.OrderID}, number: j.key.OrderID, placed: j.key.PlacedAt}
	if err != nil { // it is an order all the same, which should be known, and quarantined
		e.number += " (cannot be read: " + bare(err) + ")"
	} else {
		e.number, e.total, e.placed = j.order.Number, j.order.Total, j.order.PlacedAt
	}
	if !e.placed.IsZero() && (e.placed.Before(since) || !until.IsZero() && !e.placed.Before(until)) {
		a.unconfirmed["outside of --since and --until"]++
		return
	}
	if a.seen[e.ref] {
		return
	}
	a.seen[e.ref] = true
	a.orders = append(a.orders, e)
}

// asked is how many orders one request asks for.
const asked = 250

// ask has the daemon say how they stand.
func (a *account) ask(to remote.Flags) error {
	for some := range slices.Chunk(a.orders, asked) {
		var body struct {
			Orders []waxwing.OrderRef `json:"orders"`
		}
		for _, e := range some {
			body.Orders = append(body.Orders, e.ref)
		}
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		var said struct{ Orders []stood }
		if err := to.Call(http.MethodPost, "/reconcile", "application/json", b, &said); err != nil {
			return err
		}
		if len(said.Orders) != len(some) {
			return fmt.Errorf("the daemon at %s said how %d of %d orders stand", to.URL, len(said.Orders), len(some))
		}
		for i, e := range some {
			e.stood = said.Orders[i]
		}
	}
	return nil
}

// differs says that the shop's total is not ours.
func (e *expected) differs() bool {
	return e.stood.Total != nil && e.total.Currency != "" && *e.stood.Total != e.total
}

func (a *account) count() (n map[waxwing.Standing]int, theirs, ours map[string]int64, differ int) {
	n, theirs, ours = map[waxwing.Standing]int{}, map[string]int64{}, map[string]int64{}
	for _, e := range a.orders {
		n[e.stood.Standing]++
		theirs[e.total.Currency] += e.total.Minor
		if e.stood.Total != nil {
			ours[e.stood.Total.Currency] += e.stood.Total.Minor
		}
		if e.differs() {
			differ++
		}
	}
	delete(theirs, "")
	return n, theirs, ours, differ
}

func (a *account) verdict() error {
	n, _, _, differ := a.count()
	switch missing := n[waxwing.Missing]; {
	case missing > 0:
		return fmt.Errorf("%s missing; --accept has the daemon accept what is", areOrders(missing))
	case differ > 0:
		return fmt.Errorf("the totals of %s differ", some(differ, "order"))
	case len(a.unread) > 0:
		return fmt.Errorf("%s cannot be read", some(len(a.unread), "event"))
	}
	return nil
}

func areOrders(n int) string {
	if n == 1 {
		return "1 order is"
	}
	return fmt.Sprintf("%d orders are", n)
}

// accept brings what is missing.
func (a *account) accept(ctx context.Context, to remote.Flags, c Reconcile, s Streams) error {
	became, topic := map[string]int{}, c.Topic
	pace := time.NewTicker(time.Second / time.Duration(c.Rate))
	defer pace.Stop()
	for _, e := range a.orders {
		if e.stood.Standing != waxwing.Missing {
			continue
		}
		select {
		case <-pace.C:
		case <-ctx.Done():
			return fmt.Errorf("interrupted after %s; the same command goes on", some(sum(became), "order"))
		}
		query := ""
		if t := e.Topic; t != "" || topic != "" {
			if t == "" {
				t = topic
			}
			query = "?topic=" + url.QueryEscape(t)
		}
		var said struct{ State string }
		if err := to.Call(http.MethodPost, "/shops/"+url.PathEscape(string(e.Shop))+"/events"+query, "application/json", e.Raw, &said); err != nil {
			return fmt.Errorf("order %s: %w", remote.Printable(e.number), err)
		}
		if became[said.State]++; said.State == string(waxwing.Quarantined) {
			a.unread = append(a.unread, e.number+": it was accepted, and quarantined")
		}
		_, _ = fmt.Fprintf(s.Out, "  accepted\t%s\t%s: %s\n", e.Shop, remote.Printable(e.number), said.State)
	}
	_, err := fmt.Fprintf(s.Out, "%d accepted:", sum(became))
	for _, k := range sortedKeys(became) {
		_, err = fmt.Fprintf(s.Out, " %d %s;", became[k], k)
	}
	_, _ = fmt.Fprintln(s.Out)
	return err
}

func sum(m map[string]int) (n int) {
	for _, v := range m {
		n += v
	}
	return n
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
