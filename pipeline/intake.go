package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// refusedBegin is how an event begins that stands for one which could not be kept.
var refusedBegin = []byte(`{"` + waxwing.RefusedKey + `":`)

// Accept makes an event durable and wakes the workers. It is what every source
// calls; it returns after the record is on disk. Of the event it wants Tenant, Shop,
// Source, Topic and Raw, and fills in the rest: nobody else may write it from then on.
// An event of an unknown tenant or shop is ErrNotFound.
func (x *Pipeline) Accept(ctx context.Context, ev *waxwing.Event) (waxwing.Receipt, error) {
	return x.intake.accept(ctx, ev)
}

// intake records events, and wakes who works on them.
type intake struct {
	p        *Parts
	journal  *journal
	settings *atomic.Pointer[Settings]
	shed     shedder
	wakes    *wakes
	orders   *pool
}

// accept is Pipeline.Accept.
func (x *intake) accept(ctx context.Context, ev *waxwing.Event) (waxwing.Receipt, error) {
	set := x.settings.Load()
	m := set.members[ev.Tenant]
	if m == nil {
		return waxwing.Receipt{}, waxwing.ErrNotFound
	}
	t := m.config
	name := config.FormatOf(string(ev.Tenant), string(ev.Shop), t.Shops[string(ev.Shop)].Format)
	if ev.Source == "api" {
		name = "generic"
	}
	f, ok := set.Formats[name]
	if !ok {
		return waxwing.Receipt{}, fmt.Errorf("shop: %w", waxwing.ErrNotFound)
	}
	ev.Format, ev.At = name, x.p.Clock()
	key, err := waxwing.EventKey{}, error(nil)
	refused := bytes.HasPrefix(ev.Raw, refusedBegin)
	if !refused {
		key, err = f.Key(ev.Topic, ev.Raw)
		if key.Ignore != "" && foreignTopic(ev, name) {
			if k, err := f.Key("", ev.Raw); err == nil && k.Ignore == "" && k.OrderID != "" {
				key, ev.Topic = k, ""
			}
		}
	}
	if key.Bare != "" && key.Ignore != "" {
		if apiOf(t, ev.Shop, f) != nil {
			key.Ignore = ""
		} else {
			key.Bare = ""
		}
	}
	switch {
	case refused:
		ev.Poison = "the message could not be kept as it was: see the event"
	case err != nil:
		ev.Poison = err.Error()
	case key.Ignore == "" && key.OrderID == "":
		ev.Poison = "the event names no order"
	case key.Bare != "" && apiOf(t, ev.Shop, f) == nil:
		ev.Poison = key.Bare
	}
	ev.Key = key
	if ev.Source == "api" && key.Shop != "" {
		ev.Shop = key.Shop
	}
	ev.Stale, ev.Old = stale(t.MaxAge.D(), key, ev.At), old(t.MaxAge.D(), key, ev.At)
	if ev.Source != waxwing.SourcePing && (ev.Poison != "" || key.Ignore != "" || ev.Stale || ev.Old) {
		ev.Lookup = x.foundBy(f, ev)
	}
	rc, err := x.record(ctx, ev)
	if err != nil {
		return rc, fmt.Errorf("accept: %w", err)
	}
	x.p.Meter.Received(rc.State, rc.New)
	if x.journal.debug {
		x.journal.Step("accepted", rc.ID, "tenant", ev.Tenant, "shop", ev.Shop, "source", ev.Source, "state", rc.State, "new", rc.New)
	}
	if rc.New && rc.State != waxwing.Received {
		x.journal.tell(rc.ID, ev.Tenant, rc.State, firstReason(ev))
	}
	if rc.Work {
		x.wakes.wake(x.orders, rc.ID, ev.Tenant)
	}
	return rc, nil
}

// foreignTopic says that an event's topic may be its publisher's and none of the shop's platform, since it came by a broker or
// a table: CloudEvents have types such as com.acme.order.paid. Formats that are written for a shop go by whatever topics it has.
func foreignTopic(ev *waxwing.Event, format string) bool {
	switch ev.Source {
	case "webhook", "api", "import", waxwing.SourcePing:
		return false
	}
	return ev.Topic != "" && !strings.Contains(ev.Topic, "/") && format != "generic" && !strings.Contains(format, ":")
}

// record writes an event to the ledger, within acceptLimit or not at all: what waits that
// long for the disk is withdrawn, and its shop told to come again.
func (x *intake) record(ctx context.Context, ev *waxwing.Event) (rc waxwing.Receipt, err error) {
	if err := x.shed.enter(x.p.Clock()); err != nil {
		x.p.Meter.Shed()
		return rc, err
	}
	defer func() { x.shed.leave(err == nil) }()
	// A shop that has hung up may never come again: what it brought is kept all the same.
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), acceptLimit)
	defer cancel()
	rc, err = x.p.Ledger.Accept(limited, ev)
	if errors.Is(err, context.DeadlineExceeded) {
		x.p.Meter.Shed()
		err = tooBusy(acceptLimit)
	}
	return rc, err
}

// firstReason is why an event leads to no work at once.
func firstReason(ev *waxwing.Event) string {
	switch {
	case ev.Poison != "":
		return ev.Poison
	case ev.Key.Ignore != "":
		return ev.Key.Ignore
	}
	return "too_old"
}

// stale holds the event's own time, not the order's, against max_age: an order
// of last week that was paid a minute ago is news.
func stale(maxAge time.Duration, k waxwing.EventKey, now time.Time) bool {
	at := k.UpdatedAt
	if at.IsZero() {
		at = k.OccurredAt
	}
	return past(maxAge, at, now)
}

// old holds the time at which the order was completed against max_age. It
// counts for orders that come for the first time.
func old(maxAge time.Duration, k waxwing.EventKey, now time.Time) bool {
	return past(maxAge, k.OccurredAt, now)
}

func past(maxAge time.Duration, at, now time.Time) bool {
	return maxAge > 0 && !at.IsZero() && now.Sub(at) > maxAge
}

// foundBy is what an event that is put aside as it comes can be found by. A format that
// is a plugin's is not asked for that.
func (x *intake) foundBy(f waxwing.Format, ev *waxwing.Event) waxwing.Lookup {
	lk := waxwing.Lookup{Order: append(numbers(ev.Raw), ev.Key.OrderID), People: people(ev.Raw)}
	if f.Normalise == nil || f.NormaliseWork != nil {
		return lk
	}
	if o, err := normalise(f, &waxwing.Work{Topic: ev.Topic, Raw: ev.Raw}); err == nil {
		more := lookupOf(o, x.p.Numbers)
		lk.Order, lk.People, lk.Whole = append(lk.Order, more.Order...), append(lk.People, more.People...), true
	}
	return lk
}

// Wake puts a confirmation to work that a person released.
func (x *Pipeline) Wake(id waxwing.ID) { x.wakes.wake(x.orders, id, "") }

// shedder turns events away where recording one would take longer than acceptLimit: shops
// give up on an answer after some seconds, and come again by themselves. It expects of the
// next second what the last one came to.
type shedder struct {
	mu      sync.Mutex
	waiting int // events that are being recorded
	done    int // that were
	// then and now are when done had which value: now at most a second ago, then at least
	// one, but where nothing waited in between.
	then, now mark
}

type mark struct {
	at   time.Time
	done int
}

const (
	// acceptLimit is how long recording an event may take.
	acceptLimit = 2 * time.Second
	// shedWindow is how far the shedder looks back, at least.
	shedWindow = time.Second
	// longestShed is the longest wait that a shop is told.
	longestShed = 30 * time.Second
)

// enter lets an event in, or says that it must come later.
func (s *shedder) enter(at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == 0 {
		s.then, s.now = mark{at, s.done}, mark{at, s.done}
	} else if at.Sub(s.now.at) >= shedWindow {
		s.then, s.now = s.now, mark{at, s.done}
	}
	if span := at.Sub(s.then.at); span >= shedWindow {
		done := s.done - s.then.done
		expected := span / time.Duration(max(done, 1)) * time.Duration(s.waiting)
		if done == 0 && span <= acceptLimit {
			expected = 0 // a disk that holds its breath: what waits is recorded together when it goes on
		}
		if expected > acceptLimit {
			return tooBusy(expected)
		}
	}
	s.waiting++
	return nil
}

// leave ends an event's part; recorded: it is on disk.
func (s *shedder) leave(recorded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting--; recorded {
		s.done++
	}
}

// tooBusy tells a shop to come again when what waits now should be done.
func tooBusy(expected time.Duration) error {
	return &waxwing.LaterError{After: min(max(expected, time.Second), longestShed),
		Text: "more events come in than can be recorded at once; nothing was recorded: send it again"}
}

// PeopleOf reads whom an event names by its format; ok is false where the format cannot
// read it or is a plugin's, which is not asked for that. Named is then what stands where
// shops write it. more adds further spellings of an order's numbers; nil: none.
func PeopleOf(f waxwing.Format, topic string, raw []byte, more func(*waxwing.Order) []string) (p waxwing.People, ok bool) {
	if f.Normalise != nil && f.NormaliseWork == nil {
		if o, err := normalise(f, &waxwing.Work{Topic: topic, Raw: raw}); err == nil {
			p.Named, p.Name = append(peopleIn(o, more), people(raw)...), o.Customer.FullName()
			return p, true
		}
	}
	p.Named = people(raw)
	return p, false
}

// peopleIn are the addresses and numbers that an order names.
func peopleIn(o *waxwing.Order, more func(*waxwing.Order) []string) []string {
	out := append([]string{o.Customer.Email, o.Customer.Phone}, o.Named...)
	if o.Billing != nil {
		out = append(out, o.Billing.Phone)
	}
	if o.Shipping != nil && !o.Delivery.Pickup { // else it is the shop's own
		out = append(out, o.Shipping.Phone)
	}
	if more != nil {
		out = append(out, more(o)...)
	}
	return out
}

// people are the addresses and numbers that an event which cannot be read names where
// shops do.
func people(raw []byte) (out []string) {
	var e map[string]json.RawMessage
	if json.Unmarshal(raw, &e) != nil {
		return nil
	}
	take := func(from map[string]json.RawMessage) {
		for _, k := range []string{"email", "contact_email", "phone"} {
			var v string
			if json.Unmarshal(from[k], &v) == nil && len(v) >= 3 && len(v) <= 320 {
				out = append(out, v)
			}
		}
	}
	take(e)
	for _, k := range []string{"customer", "billing", "billing_address", "shipping", "shipping_address"} {
		var within map[string]json.RawMessage
		if json.Unmarshal(e[k], &within) == nil { // else of another shape
			take(within)
		}
	}
	return out
}

// numbers are what an event that cannot be read calls its order, as the formats
// name it; whoever searches for it may know any of them.
func numbers(raw []byte) (out []string) {
	var e map[string]json.RawMessage
	if json.Unmarshal(raw, &e) != nil {
		return nil
	}
	for _, k := range []string{"name", "number", "order_number", "order_id"} {
		v := strings.TrimSpace(strings.Trim(string(e[k]), `"`))
		if v != "" && len(v) <= 64 && !strings.ContainsAny(v, "{}[]") && v != "null" {
			out = append(out, v)
		}
	}
	return out
}
