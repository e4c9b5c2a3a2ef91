package view_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

var began = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// shown is a ledger whose clock goes on a minute with each order.
type shown struct {
	*ledgertest.Opened
	t   *testing.T
	m   *ledgertest.Memory
	now time.Time
	n   int
}

func newShown(t *testing.T) *shown {
	x := &shown{t: t, m: ledgertest.NewMemory(), now: began}
	l, err := x.m.Open(t.Context(), ledgertest.MemoryOptions{Policy: "resend", Clock: func() time.Time { return x.now }})
	x.must(err)
	x.Opened = l
	t.Cleanup(func() { _ = l.Close() })
	return x
}

func (x *shown) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *shown) received(tenant waxwing.TenantID, shop waxwing.ShopID) *waxwing.Work {
	x.t.Helper()
	x.n++
	x.now = x.now.Add(time.Minute)
	rc, err := x.Accept(x.t.Context(), &waxwing.Event{Tenant: tenant, Shop: shop, Source: "api", Format: "generic", Topic: "order",
		Raw: fmt.Appendf(nil, `{"id":"%d"}`, x.n), At: x.now, Key: waxwing.EventKey{OrderID: fmt.Sprint(x.n)}})
	x.must(err)
	w, err := x.Work(x.t.Context(), rc.ID)
	x.must(err)
	return w
}

// queued is an order of a shop whose mail goes to somebody.
func (x *shown) queued(shop waxwing.ShopID, to string) (*waxwing.Work, waxwing.ID) {
	x.t.Helper()
	w := x.received("acme", shop)
	ids, err := x.Ready(x.t.Context(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "a@acme.example", To: to,
		Data: []byte("mail to " + to), MessageID: "<" + w.Token + ">", Locale: "en"}}, waxwing.Lookup{Order: []string{fmt.Sprint("#", x.n)}, People: []string{to}}, time.Hour)
	x.must(err)
	return w, ids[0]
}

func (x *shown) sent(shop waxwing.ShopID, to string) waxwing.ID {
	x.t.Helper()
	w, id := x.queued(shop, to)
	c, err := x.Claim(x.t.Context(), id)
	x.must(err)
	x.must(x.CommitDot(x.t.Context(), c, "mail"))
	x.must(x.Resolve(x.t.Context(), c, &waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted, Phase: waxwing.PhaseDot,
		Code: 250, Enhanced: "2.0.0", Reply: "250 ok queued", Ref: "q1", Began: x.now, Ended: x.now.Add(time.Second)}}))
	return w.ID
}

// everything are orders of acme in each state, by name; of shop "web" but where it is said.
func (x *shown) everything() map[string]waxwing.ID {
	x.t.Helper()
	at := map[string]waxwing.ID{}
	for i := range 4 {
		at[fmt.Sprint("sent ", i)] = x.sent("web", fmt.Sprintf("person-%d@example.com", i))
	}
	at["sent elsewhere"] = x.sent("outlet", "ana@example.com")
	at["received"] = x.received("acme", "web").ID
	w := x.received("acme", "web")
	at["held"] = w.ID
	x.must(x.Hold(x.t.Context(), w, "unpaid", x.now.Add(time.Hour), waxwing.Lookup{Order: []string{"held-1"}}))
	w = x.received("acme", "web")
	at["quarantined"] = w.ID
	x.must(x.Quarantine(x.t.Context(), w, "no total", waxwing.Lookup{}))
	w, _ = x.queued("web", "stop@example.com")
	at["cancelled"] = w.ID
	x.must(x.Stop(x.t.Context(), "acme", w.ID, waxwing.Act{By: "anna"}))
	w, _ = x.queued("web", "queue@example.com")
	at["queued"] = w.ID
	w, id := x.queued("web", "dot@example.com")
	at["dot"] = w.ID
	c, err := x.Claim(x.t.Context(), id)
	x.must(err)
	x.must(x.CommitDot(x.t.Context(), c, "mail"))
	x.now = x.now.Add(time.Minute)
	ping, err := x.Accept(x.t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Source: waxwing.SourcePing, Format: "generic", Raw: []byte("{}"), At: x.now, Key: waxwing.EventKey{Ignore: "ping"}})
	x.must(err)
	at["a ping"] = ping.ID
	_ = x.received("bolt", "web")
	return at
}

// names are the orders of a list, by their names.
func names(at map[string]waxwing.ID, list []waxwing.ConfirmationView) (out []string) {
	for _, v := range list {
		for name, id := range at {
			if id == v.ID {
				out = append(out, name)
			}
		}
	}
	return out
}

// TestList: each question has the orders that it asks for, the newest first, however many the
// store gives at once, and none of another tenant's.
func TestList(t *testing.T) {
	x := newShown(t)
	at := x.everything()
	newest := []string{"dot", "queued", "cancelled", "quarantined", "held", "received", "sent elsewhere", "sent 3", "sent 2", "sent 1", "sent 0"}
	for name, c := range map[string]struct {
		q    waxwing.Query
		want []string
	}{
		"all":                         {waxwing.Query{}, newest},
		"the newest three":            {waxwing.Query{Limit: 3}, newest[:3]},
		"the next three":              {waxwing.Query{Limit: 3, Before: at[newest[2]]}, newest[3:6]},
		"from behind the last":        {waxwing.Query{Before: at["sent 0"]}, nil},
		"a limit that is too much":    {waxwing.Query{Limit: 501}, newest},
		"a limit that is none":        {waxwing.Query{Limit: -1}, newest},
		"a shop":                      {waxwing.Query{Shop: "outlet"}, []string{"sent elsewhere"}},
		"a shop that there is not":    {waxwing.Query{Shop: "none"}, nil},
		"sent":                        {waxwing.Query{State: waxwing.Sent}, []string{"sent elsewhere", "sent 3", "sent 2", "sent 1", "sent 0"}},
		"sent, of a shop":             {waxwing.Query{State: waxwing.Sent, Shop: "web", Limit: 2}, []string{"sent 3", "sent 2"}},
		"held":                        {waxwing.Query{State: waxwing.Held}, []string{"held"}},
		"being sent":                  {waxwing.Query{State: waxwing.Dot}, []string{"dot"}},
		"pings, where they are asked": {waxwing.Query{State: waxwing.Ignored}, []string{"a ping"}},
		"failed":                      {waxwing.Query{State: waxwing.Failed}, nil},
		"an order's number":           {waxwing.Query{Order: " #2"}, []string{"sent 1"}},
		"an order's, as it is held":   {waxwing.Query{Order: "HELD-1"}, []string{"held"}},
		"a person":                    {waxwing.Query{Email: " Ana@Example.com "}, []string{"sent elsewhere"}},
		"a person and a number":       {waxwing.Query{Email: "ana@example.com", Order: "5"}, []string{"sent elsewhere"}},
		"a person, another's number":  {waxwing.Query{Email: "ana@example.com", Order: "2"}, nil},
		"a person in another shop":    {waxwing.Query{Email: "ana@example.com", Shop: "web"}, nil},
		"since":                       {waxwing.Query{Since: at["queued"].Time()}, newest[:2]},
		"until":                       {waxwing.Query{Until: at["sent 1"].Time()}, []string{"sent 0"}},
		"since and until":             {waxwing.Query{Since: at["sent 1"].Time(), Until: at["sent 3"].Time()}, []string{"sent 2", "sent 1"}},
		"before what is until":        {waxwing.Query{Before: at["sent 2"], Until: at["sent 3"].Time()}, []string{"sent 1", "sent 0"}},
	} {
		c.q.Tenant = "acme"
		got, err := x.List(t.Context(), c.q)
		if err != nil || !slices.Equal(names(at, got), c.want) || len(got) != len(c.want) {
			t.Errorf("%s: %q %v, want %q", name, names(at, got), err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := x.List(ctx, waxwing.Query{Tenant: "acme"}); !errors.Is(err, context.Canceled) || !errors.Is(err, waxwing.ErrUnavailable) {
		t.Errorf("with a context that has ended: %v", err)
	}
	if _, err := x.Count(ctx, waxwing.Query{Tenant: "acme"}); !errors.Is(err, context.Canceled) {
		t.Errorf("counted with a context that has ended: %v", err)
	}
}

// TestBriefLists have the newest address, and when a person was erased.
func TestBriefLists(t *testing.T) {
	x := newShown(t)
	id := x.sent("web", "ana@example.com")
	other := x.sent("web", "bea@example.com")
	x.now = x.now.Add(time.Minute)
	_, err := x.Erase(t.Context(), "acme", waxwing.Erase{Address: "bea@example.com"})
	x.must(err)
	for _, brief := range []bool{true, false} {
		list, err := x.List(t.Context(), waxwing.Query{Tenant: "acme", Brief: brief})
		if err != nil || len(list) != 2 || list[0].ID != other || list[1].ID != id {
			t.Fatalf("%+v %v", list, err)
		}
		to, erasedAt := "", time.Time{}
		if brief {
			to, erasedAt = "ana@example.com", x.now
		}
		if list[1].To != to || list[0].To != "" || !list[0].Erased || !list[0].ErasedAt.Equal(erasedAt) || list[1].Erased {
			t.Errorf("brief %t: to %q and %q, erased %t at %s", brief, list[1].To, list[0].To, list[0].Erased, list[0].ErasedAt)
		}
	}
}

// TestCount: what each came to, pings among what is ignored, of a shop and a time.
func TestCount(t *testing.T) {
	x := newShown(t)
	at := x.everything()
	all := map[waxwing.State]int64{waxwing.Sent: 5, waxwing.Received: 1, waxwing.Held: 1, waxwing.Quarantined: 1, waxwing.Cancelled: 1, waxwing.Queued: 1, waxwing.Dot: 1, waxwing.Ignored: 1}
	web := maps.Clone(all)
	web[waxwing.Sent] = 4
	for name, c := range map[string]struct {
		q    waxwing.Query
		want map[waxwing.State]int64
	}{
		"all":                            {waxwing.Query{}, all},
		"whatever else is asked":         {waxwing.Query{State: waxwing.Held, Email: "ana@example.com", Limit: 1}, all},
		"a shop":                         {waxwing.Query{Shop: "web"}, web},
		"another":                        {waxwing.Query{Shop: "outlet"}, map[waxwing.State]int64{waxwing.Sent: 1}},
		"none":                           {waxwing.Query{Shop: "none"}, map[waxwing.State]int64{}},
		"a time":                         {waxwing.Query{Since: at["held"].Time(), Until: at["cancelled"].Time()}, map[waxwing.State]int64{waxwing.Held: 1, waxwing.Quarantined: 1}},
		"another tenant's, by its leave": {waxwing.Query{Tenant: "bolt"}, map[waxwing.State]int64{waxwing.Received: 1}},
	} {
		if c.q.Tenant == "" {
			c.q.Tenant = "acme"
		}
		got, err := x.Count(t.Context(), c.q)
		if err != nil || !maps.Equal(got, c.want) {
			t.Errorf("%s: %v %v, want %v", name, got, err, c.want)
		}
	}
}

// TestGet shows an order whole: its message, what its attempt came to, and its trail; and as
// much as may be shown of an erased one.
func TestGet(t *testing.T) {
	x := newShown(t)
	id := x.sent("web", "ana@example.com")
	v, err := x.Get(t.Context(), "acme", id)
	x.must(err)
	if v.State != waxwing.Sent || v.To != "ana@example.com" || v.Locale != "en" || v.Tried != 1 || len(v.Messages) != 1 || v.Erased || !v.ErasedAt.IsZero() {
		t.Fatalf("%+v", v)
	}
	m := v.Messages[0]
	if m.N != 1 || m.To != "ana@example.com" || !strings.HasPrefix(m.MessageID, "<") || !m.NextAt.IsZero() || !m.Expires.Equal(x.now.Add(time.Hour)) || len(m.Attempts) != 1 {
		t.Errorf("its message is %+v", m)
	}
	if a := m.Attempts[0]; a.N != 1 || a.Provider != "mail" || a.Reply != "250 ok queued" || a.Ref != "q1" || a.Code != 250 || a.Enhanced != "2.0.0" || !a.Began.Equal(x.now) {
		t.Errorf("its attempt is %+v", a)
	}
	var causes []string
	for _, e := range v.Trail {
		causes = append(causes, e.Cause)
	}
	if want := []string{machine.CauseAccepted, machine.CauseReleased, machine.CauseRendered, machine.CauseClaimed, machine.CauseCommit, machine.CauseVerdict}; !slices.Equal(causes, want) {
		t.Errorf("its trail is %q, want %q", causes, want)
	}
	x.now = x.now.Add(time.Minute)
	_, err = x.Erase(t.Context(), "acme", waxwing.Erase{Address: "ana@example.com"})
	x.must(err)
	v, err = x.Get(t.Context(), "acme", id)
	if err != nil || !v.Erased || !v.ErasedAt.Equal(x.now) || v.To != "" || v.State != waxwing.Sent || v.Messages[0].MessageID != "" || v.Messages[0].Attempts[0].Reply != "" ||
		v.Messages[0].Attempts[0].Code != 250 {
		t.Errorf("erased: %+v %v", v, err)
	}
	for name, other := range map[string]waxwing.ID{"a message's id": id | 1, "another's": id + store.IDStep, "none": 0} {
		if _, err := x.Get(t.Context(), "acme", other); !errors.Is(err, waxwing.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := x.Get(t.Context(), "bolt", id); !errors.Is(err, waxwing.ErrNotFound) {
		t.Errorf("another tenant's: %v", err)
	}
}

// TestBytes gives the very bytes, of the message that is asked for or the newest e-mail, and
// says why there are none any more.
func TestBytes(t *testing.T) {
	x := newShown(t)
	w := x.received("acme", "web")
	drafts := []waxwing.Draft{
		{Channel: waxwing.Email, State: waxwing.Queued, From: "a@b.example", To: "c@d.example", Data: []byte("first mail")},
		{Channel: waxwing.Email, State: waxwing.Queued, From: "a@b.example", To: "c@d.example", Data: []byte("second mail"), EightBit: true, SMTPUTF8: true},
		{Channel: waxwing.SMS, State: waxwing.Queued, To: "+49151", Data: []byte("a text")},
	}
	_, err := x.Ready(t.Context(), w, drafts, waxwing.Lookup{People: []string{"c@d.example"}}, time.Hour)
	x.must(err)
	for n, want := range map[int]string{0: "second mail", 1: "first mail", 2: "second mail", 3: "a text"} {
		out, err := x.Bytes(t.Context(), "acme", w.ID, n)
		if err != nil || string(out.Data) != want || out.Tenant != "acme" {
			t.Errorf("message %d: %+v %v, want %q", n, out, err, want)
		}
		if err == nil && out.EightBit != (want == "second mail") || out.SMTPUTF8 != out.EightBit {
			t.Errorf("message %d: what its server must offer is lost", n)
		}
	}
	for _, n := range []int{4, -1, 99} {
		if _, err := x.Bytes(t.Context(), "acme", w.ID, n); !errors.Is(err, waxwing.ErrNotFound) || strings.Contains(err.Error(), "retention") {
			t.Errorf("message %d: %v", n, err)
		}
	}
	if _, err := x.Bytes(t.Context(), "bolt", w.ID, 1); !errors.Is(err, waxwing.ErrNotFound) {
		t.Errorf("another tenant's: %v", err)
	}
	x.now = x.now.Add(48 * time.Hour)
	_, err = x.Expire(t.Context(), time.Hour)
	x.must(err)
	if _, err := x.Bytes(t.Context(), "acme", w.ID, 1); !errors.Is(err, waxwing.ErrNotFound) || !strings.Contains(err.Error(), "older than retention.content") {
		t.Errorf("its time is over: %v", err)
	}
	id := x.sent("web", "ana@example.com")
	_, err = x.Erase(t.Context(), "acme", waxwing.Erase{Address: "ana@example.com"})
	x.must(err)
	if _, err := x.Bytes(t.Context(), "acme", id, 0); !errors.Is(err, waxwing.ErrNotFound) || !strings.Contains(err.Error(), "erased on "+x.now.Format(time.DateOnly)) {
		t.Errorf("erased: %v, want the day", err)
	}
	if _, err := x.ReworkOf(t.Context(), "acme", id); !errors.Is(err, waxwing.ErrState) || !strings.Contains(err.Error(), "erased") {
		t.Errorf("an erased one is rendered again: %v", err)
	}
	if _, _, err := x.KeysFor(t.Context(), id); !errors.Is(err, waxwing.ErrNotFound) {
		t.Errorf("an erased one's key: %v", err)
	}
}

// TestExport gives the trail with each chain and its heads, and goes on over as many pieces
// as there are; whoever takes it may end it.
func TestExport(t *testing.T) {
	x := newShown(t)
	const orders = 40 // more batches than a piece has
	for range orders {
		x.received("acme", "web")
	}
	var buf bytes.Buffer
	x.must(x.Export(t.Context(), &buf, nil))
	seq := uint64(0)
	heads := map[string]bool{}
	for line := range strings.Lines(buf.String()) {
		var l struct {
			Instance int64
			Head     string
			Entry    struct{ Seq uint64 }
		}
		x.must(json.Unmarshal([]byte(line), &l))
		if seq++; l.Instance != 1 || l.Entry.Seq != seq || len(l.Head) != 64 || heads[l.Head] {
			t.Fatalf("line %d: %s", seq, line)
		}
		heads[l.Head] = true
	}
	if seq != orders+1 {
		t.Errorf("%d entries, want %d", seq, orders+1)
	}
	last, err := x.m.Audit().Last(t.Context())
	if err != nil || !heads[fmt.Sprintf("%x", last.Head)] {
		t.Errorf("the newest head is not among them: %v", err)
	}
	full := errors.New("no space left")
	if err := x.Export(t.Context(), failing{full, 3}.writer(), nil); !errors.Is(err, full) {
		t.Errorf("to a full disk: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := x.Export(ctx, &buf, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// failing is a writer that fails after some writes.
type failing struct {
	err   error
	after int
}

func (f failing) writer() *failing { return &f }

func (f *failing) Write(b []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, f.err
	}
	return len(b), nil
}

// TestRunsAreShown to their tenant, newest first without what they were given, or oldest
// first whole, in pages; those of an erased person are gone.
func TestRunsAreShown(t *testing.T) {
	x := newShown(t)
	var runs []int64
	for i := range 5 {
		w := x.received("acme", "web")
		w.Runs = []waxwing.Run{{Plugin: "p", Hook: "render", Role: "active", Hash: "h", At: x.now, Input: fmt.Append(nil, "in ", i), Output: []byte("out"), Fuel: int64(i)}}
		if i == 3 {
			w.Runs[0].Plugin = "q"
		}
		_, err := x.Ready(t.Context(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, To: fmt.Sprintf("run-%d@example.com", i), Data: []byte("x")}},
			waxwing.Lookup{People: []string{fmt.Sprintf("run-%d@example.com", i)}}, time.Hour)
		x.must(err)
	}
	all, err := x.PluginRuns(t.Context(), "acme", "", 0, 0)
	x.must(err)
	for _, r := range all {
		if runs = append(runs, r.ID); r.Input != nil || r.Output != nil || r.Hash != "h" {
			t.Errorf("a list has %+v", r)
		}
	}
	if len(runs) != 5 || !slices.IsSortedFunc(runs, func(a, b int64) int { return int(b - a) }) || all[0].Fuel != 4 {
		t.Errorf("the runs are %v", runs)
	}
	for name, c := range map[string]struct {
		plugin string
		before int64
		limit  int
		want   []int64
	}{"a plugin's": {"q", 0, 0, runs[1:2]}, "two": {"", 0, 2, runs[:2]}, "below": {"", runs[1], 2, runs[2:4]}, "none": {"r", 0, 9, nil}, "too many": {"", 0, 501, runs}, "from before": {"", -5, 9, runs}} {
		got, err := x.PluginRuns(t.Context(), "acme", c.plugin, c.before, c.limit)
		if err != nil || !slices.EqualFunc(got, c.want, func(r waxwing.Run, id int64) bool { return r.ID == id }) {
			t.Errorf("%s: %d runs, %v", name, len(got), err)
		}
	}
	whole, err := x.PluginRunsFull(t.Context(), "acme", "p", runs[4], 2)
	if err != nil || len(whole) != 2 || whole[0].ID != runs[3] || string(whole[0].Input) != "in 1" || string(whole[1].Output) != "out" {
		t.Errorf("whole, above the oldest: %+v %v", whole, err)
	}
	_, err = x.Erase(t.Context(), "acme", waxwing.Erase{Address: "run-2@example.com"})
	x.must(err)
	for i, id := range runs {
		r, err := x.PluginRun(t.Context(), "acme", id)
		if gone := i == 2; gone != errors.Is(err, waxwing.ErrNotFound) || !gone && (err != nil || string(r.Input) != fmt.Sprint("in ", 4-i)) {
			t.Errorf("run %d: %+v %v", i, r, err)
		}
		if _, err := x.PluginRun(t.Context(), "bolt", id); !errors.Is(err, waxwing.ErrNotFound) {
			t.Errorf("run %d to another tenant: %v", i, err)
		}
	}
	for _, f := range []func(waxwing.TenantID) error{
		func(tid waxwing.TenantID) error { _, err := x.PluginRuns(t.Context(), tid, "", 0, 0); return err },
		func(tid waxwing.TenantID) error { _, err := x.PluginRunsFull(t.Context(), tid, "", 0, 0); return err },
		func(tid waxwing.TenantID) error { _, err := x.PluginRun(t.Context(), tid, runs[0]); return err },
	} {
		if err := f("nobody"); !errors.Is(err, waxwing.ErrNotFound) {
			t.Errorf("an unknown tenant: %v", err)
		}
	}
}

// TestWhatIsDue: work from when it became due, holds whose time is over, and what waits.
func TestWhatIsDue(t *testing.T) {
	x := newShown(t)
	first, second := x.received("acme", "web"), x.received("bolt", "web")
	held := x.received("acme", "web")
	x.must(x.Hold(t.Context(), held, "unpaid", x.now.Add(time.Hour), waxwing.Lookup{}))
	x.queued("web", "ana@example.com")
	if ids, _, err := x.DueWork(t.Context(), time.Time{}, 0, 9); err != nil || len(ids) != 0 && x.now.Before(first.ID.Time().Add(machine.SweepAfter)) {
		t.Errorf("at once: %v %v", ids, err)
	}
	if ids, _, err := x.DueWork(t.Context(), time.Time{}, machine.SweepAfter, 9); err != nil || !slices.Equal(ids, []waxwing.ID{first.ID, second.ID}) {
		t.Errorf("ahead: %v %v", ids, err)
	}
	x.now = x.now.Add(machine.SweepAfter)
	ids, last, err := x.DueWork(t.Context(), time.Time{}, 0, 9)
	if err != nil || !slices.Equal(ids, []waxwing.ID{first.ID, second.ID}) || !last.Equal(second.ID.Time().Add(machine.SweepAfter)) {
		t.Errorf("%v, the last at %s, %v", ids, last, err)
	}
	if ids, _, err := x.DueWork(t.Context(), last, 0, 9); err != nil || !slices.Equal(ids, []waxwing.ID{second.ID}) {
		t.Errorf("from there on: %v %v", ids, err)
	}
	if ids, _, err := x.DueWork(t.Context(), time.Time{}, 0, 1); err != nil || !slices.Equal(ids, []waxwing.ID{first.ID}) {
		t.Errorf("one: %v %v", ids, err)
	}
	if ids, err := x.DueHolds(t.Context(), 9); err != nil || len(ids) != 0 {
		t.Errorf("held, and not for long enough: %v %v", ids, err)
	}
	d, err := x.Depth(t.Context())
	if err != nil || d.Work != 3 || d.Messages != 1 || d.Oldest.IsZero() {
		t.Errorf("%+v %v", d, err)
	}
	x.now = x.now.Add(time.Hour)
	if ids, err := x.DueHolds(t.Context(), 9); err != nil || !slices.Equal(ids, []waxwing.ID{held.ID}) {
		t.Errorf("held for long enough: %v %v", ids, err)
	}
}
