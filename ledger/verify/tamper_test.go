package verify_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/trail"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

var began = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// life is a ledger that two instances wrote, with something in each table: sent, held,
// erased, suppressed, taken over and still being sent, and a plugin.
type life struct {
	t    *testing.T
	m    *ledgertest.Memory
	l    *ledgertest.Opened
	now  time.Time
	n    int
	held waxwing.ID
}

func lived(t *testing.T) *life {
	x := &life{t: t, m: ledgertest.NewMemory(), now: began}
	x.open()
	x.send(x.claimed("ana@example.com"))
	x.send(x.claimed("bea@example.com"))
	w := x.received()
	x.must(x.l.Hold(t.Context(), w, "unpaid", began.Add(time.Hour), waxwing.Lookup{}))
	x.held = w.ID
	x.must(x.l.Suppress(t.Context(), "acme", "never@example.com", waxwing.Act{}))
	_, err := x.l.Erase(t.Context(), "acme", waxwing.Erase{Address: "bea@example.com"})
	x.must(err)
	sum := sha256.Sum256([]byte("code"))
	v := waxwing.PluginVersion{Tenant: "acme", Plugin: "p", No: 1, Hash: hex.EncodeToString(sum[:]), State: waxwing.PluginCanary, Percent: 5, Number: 3}
	x.must(x.l.SavePlugins(t.Context(), []waxwing.PluginVersion{v}, []byte("code")))
	c := x.claimed("dot@example.com")
	x.must(x.l.CommitDot(t.Context(), c, "mail"))
	x.must(x.l.Close())
	x.open() // takes it over, as uncertain
	x.send(x.claimed("cleo@example.com"))
	c = x.claimed("under@example.com")
	x.must(x.l.CommitDot(t.Context(), c, "mail"))
	x.must(x.l.Anchor(t.Context()))
	return x
}

func (x *life) must(err error) {
	x.t.Helper()
	if err != nil {
		x.t.Fatal(err)
	}
}

func (x *life) open() {
	x.t.Helper()
	l, err := x.m.Open(x.t.Context(), ledgertest.MemoryOptions{Policy: "resend", Clock: func() time.Time { return x.now }})
	x.must(err)
	x.l = l
}

func (x *life) received() *waxwing.Work {
	x.t.Helper()
	x.n++
	rc, err := x.l.Accept(x.t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Source: "api", Format: "generic", Raw: fmt.Appendf(nil, `{"id":"%d"}`, x.n),
		At: x.now, Key: waxwing.EventKey{OrderID: fmt.Sprint(x.n)}})
	x.must(err)
	w, err := x.l.Work(x.t.Context(), rc.ID)
	x.must(err)
	return w
}

func (x *life) claimed(to string) *waxwing.Claim {
	x.t.Helper()
	w := x.received()
	ids, err := x.l.Ready(x.t.Context(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "a@acme.example", To: to, Data: []byte("mail"), Locale: "en"}},
		waxwing.Lookup{People: []string{to}}, time.Hour)
	x.must(err)
	c, err := x.l.Claim(x.t.Context(), ids[0])
	x.must(err)
	return c
}

func (x *life) send(c *waxwing.Claim) {
	x.t.Helper()
	x.must(x.l.CommitDot(x.t.Context(), c, "mail"))
	x.must(x.l.Resolve(x.t.Context(), c, &waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted,
		Phase: waxwing.PhaseDot, Code: 250, Reply: "250 ok"}}))
}

// tampered shows rows as somebody changed them.
type tampered struct {
	store.Audit
	// row changes a row of a table; false: it is not shown.
	row func(table store.Table, row any) bool
	// more are rows that nobody wrote.
	more map[store.Table][]any
	// batches changes the trail.
	batches func([]store.Batch) []store.Batch
	fails   map[store.Table]error
}

func (x *tampered) All(ctx context.Context, table store.Table, f func(row any) error) error {
	if err := x.fails[table]; err != nil {
		return err
	}
	for _, row := range x.more[table] {
		if err := f(row); err != nil {
			return err
		}
	}
	return x.Audit.All(ctx, table, func(row any) error {
		if x.row != nil && !x.row(table, row) {
			return nil
		}
		return f(row)
	})
}

func (x *tampered) Walk(ctx context.Context, after int64, f func(*store.Batch) error) error {
	var all []store.Batch
	if err := x.Audit.Walk(ctx, after, func(b *store.Batch) error {
		own := *b
		own.Entries, own.Head = bytes.Clone(b.Entries), bytes.Clone(b.Head)
		all = append(all, own)
		return nil
	}); err != nil {
		return err
	}
	if x.batches != nil {
		all = x.batches(all)
	}
	for i := range all {
		if err := f(&all[i]); err != nil {
			return err
		}
	}
	return nil
}

// heads are the store's anchors, as they are given to whoever verifies.
func (x *life) heads() map[int64]map[uint64]string {
	out := map[int64]map[uint64]string{}
	for _, a := range x.m.Anchors() {
		if out[a.Instance] == nil {
			out[a.Instance] = map[uint64]string{}
		}
		out[a.Instance][a.Seq] = a.Head
	}
	return out
}

func (x *life) verify(rows store.Audit) (*verify.Report, error) {
	r := &verify.Report{}
	return r, verify.Ledger(x.t.Context(), verify.Parts{Rows: rows, Contents: x.l.Contents, Report: r, Anchors: x.heads()})
}

// of changes the rows of a table that have a struct, once where only the first is meant.
func of[T any](table store.Table, change func(*T) bool) func(store.Table, any) bool {
	return func(at store.Table, row any) bool {
		if at != table {
			return true
		}
		return change(row.(*T))
	}
}

// rowTricks are what somebody may do to rows, and what is said of it.
var rowTricks = map[string]struct {
	row  func(store.Table, any) bool
	word string
}{
	"a confirmation is deleted": {of(store.Confirmations, func(c *store.Confirmation) bool { return c.State != waxwing.Held }), "stands in the trail, but its row is gone"},
	"a confirmation's state": {of(store.Confirmations, func(c *store.Confirmation) bool {
		if c.State == waxwing.Held {
			c.State = waxwing.Ready
		}
		return true
	}), `is "ready", but its trail says "held"`},
	"an erasure is invented":         {of(store.Confirmations, func(c *store.Confirmation) bool { c.DEK = nil; return true }), "erased in the row and in the trail differ"},
	"an erasure is undone":           {of(store.Confirmations, func(c *store.Confirmation) bool { c.DEK = []byte{1}; return true }), "erased in the row and in the trail differ"},
	"where its entries stand":        {of(store.Confirmations, func(c *store.Confirmation) bool { c.Trail = "1,"; return true }), "does not list the batches that its entries stand in"},
	"a message is deleted":           {of(store.Messages, func(m *store.Message) bool { return m.State != waxwing.Sent }), "stands in the trail, but its row is gone"},
	"a message's state":              {of(store.Messages, func(m *store.Message) bool { m.State = waxwing.Failed; return true }), `is "failed", but its trail says "sent"`},
	"a message's digest":             {of(store.Messages, func(m *store.Message) bool { m.Digest = make([]byte, 16); return true }), "its digest differs from the trail's"},
	"a message's entries":            {of(store.Messages, func(m *store.Message) bool { m.Trail += "zz,"; return true }), "does not list the batches"},
	"a claim is given up":            {of(store.Claims, func(*store.Claim) bool { return false }), `is "queued", but its trail says "dot"`},
	"a claim before its dot":         {of(store.Claims, func(k *store.Claim) bool { k.Dot = false; return true }), `is "claimed", but its trail says "dot"`},
	"a claim's entries":              {of(store.Claims, func(k *store.Claim) bool { k.Trail = ""; return true }), "does not list the batches"},
	"a content's bytes":              {of(store.Contents, func(c *store.Content) bool { c.Body = append(bytes.Clone(c.Body), 0); return true }), "its content is not what was recorded"},
	"an attempt is deleted":          {of(store.Attempts, func(*store.Attempt) bool { return false }), "its attempts are not those of its trail"},
	"an attempt's verdict":           {of(store.Attempts, func(a *store.Attempt) bool { a.Verdict = waxwing.Rejected; return true }), "its attempts are not those of its trail"},
	"an attempt's provider":          {of(store.Attempts, func(a *store.Attempt) bool { a.Provider = "other"; return true }), "its attempts are not those of its trail"},
	"an attempt's number":            {of(store.Attempts, func(a *store.Attempt) bool { a.N++; return true }), "its attempts are not those of its trail"},
	"an attempt's code":              {of(store.Attempts, func(a *store.Attempt) bool { a.Code++; return true }), "its attempts are not those of its trail"},
	"an attempt's phase":             {of(store.Attempts, func(a *store.Attempt) bool { a.Phase = "x"; return true }), "its attempts are not those of its trail"},
	"an attempt's fault":             {of(store.Attempts, func(a *store.Attempt) bool { a.Fault = waxwing.ProviderFault; return true }), "its attempts are not those of its trail"},
	"a suppression is lifted":        {of(store.Suppressions, func(*store.Suppression) bool { return false }), "1 suppressions stand in the trail, but their rows are gone"},
	"a suppression of another class": {of(store.Suppressions, func(s *store.Suppression) bool { s.Class = "soft"; return true }), "1 suppressions are of another class than the trail says"},
	"a suppression of another":       {of(store.Suppressions, func(s *store.Suppression) bool { s.Hash[0]++; return true }), "1 suppressions stand in no entry of the trail"},
	"a version is deleted":           {of(store.PluginVersions, func(*store.PluginVersion) bool { return false }), "plugin version acme/p/1 stands in the trail, but its row is gone"},
	"a version's state":              {of(store.PluginVersions, func(v *store.PluginVersion) bool { v.State = "active"; return true }), `plugin version acme/p/1 is "active", but its trail says "canary"`},
	"a version's share":              {of(store.PluginVersions, func(v *store.PluginVersion) bool { v.Percent = 100; return true }), "plugin version acme/p/1 is not what was recorded"},
	"a version's code":               {of(store.PluginVersions, func(v *store.PluginVersion) bool { v.Hash = strings.Repeat("0", 64); return true }), "plugin version acme/p/1 is not what was recorded"},
	"a version's end of code":        {of(store.PluginVersions, func(v *store.PluginVersion) bool { v.Hash = v.Hash[:63] + "x"; return true }), "plugin version acme/p/1 is not what was recorded"},
	"why a version is stopped":       {of(store.PluginVersions, func(v *store.PluginVersion) bool { v.Why = "x"; return true }), "plugin version acme/p/1 is not what was recorded"},
	"a version's body":               {of(store.PluginVersions, func(v *store.PluginVersion) bool { v.Body = append(bytes.Clone(v.Body), ' '); return true }), "plugin version acme/p/1 is not what was recorded"},
	"a version of another":           {of(store.PluginVersions, func(v *store.PluginVersion) bool { v.TenantName = "bolt"; return true }), "plugin version bolt/p/1 stands in no entry of the trail"},
	"a plugin's number":              {of(store.PluginNumbers, func(n *store.PluginNumber) bool { n.Number = 1; return true }), "the number of plugin acme/p's signatures is 1, but its trail says 3"},
	"a plugin's number is gone":      {of(store.PluginNumbers, func(*store.PluginNumber) bool { return false }), "the number 3 of plugin acme/p's signatures stands in the trail, but its row is gone"},
	"a module's bytes":               {of(store.PluginModules, func(m *store.PluginModule) bool { m.Body = append(bytes.Clone(m.Body), 1); return true }), "is not what was recorded"},
	"a module is deleted":            {of(store.PluginModules, func(*store.PluginModule) bool { return false }), "plugin version acme/p/1: its module"},
	"a module of another's name":     {of(store.PluginModules, func(m *store.PluginModule) bool { m.Hash = strings.Repeat("0", 64); return true }), "plugin module 000000000000 is not what was recorded"},
}

// TestTamperedRows plays each trick on what a ledger wrote, and wants it told in words.
func TestTamperedRows(t *testing.T) {
	x := lived(t)
	r, err := x.verify(&tampered{Audit: x.m.Audit()})
	if err != nil || !r.Whole() {
		t.Fatalf("as it was written: %v %q", err, r.Problems)
	}
	if r.Confirmations != 6 || r.Messages != 5 || r.Contents != 4 || r.Batches == 0 || r.Entries < r.Batches {
		t.Errorf("it counts %+v", r)
	}
	for name, trick := range rowTricks {
		r, err := x.verify(&tampered{Audit: x.m.Audit(), row: trick.row})
		if err != nil || !strings.Contains(strings.Join(r.Problems, "\n"), trick.word) {
			t.Errorf("%s: %v %q, want %q", name, err, r.Problems, trick.word)
		}
	}
	for name, more := range map[string]struct {
		table store.Table
		row   any
		word  string
	}{
		"a confirmation": {store.Confirmations, &store.Confirmation{ID: store.IDStep, State: waxwing.Held, DEK: []byte{1}}, "stands in no entry of the trail"},
		"a message":      {store.Messages, &store.Message{ID: store.IDStep + 1, State: waxwing.Sent}, "stands in no entry of the trail"},
		"a content":      {store.Contents, &store.Content{ID: store.IDStep + 1, Body: []byte("x")}, "its content is not what was recorded"},
		"an attempt":     {store.Attempts, &store.Attempt{Message: store.IDStep + 1, N: 1}, "its attempts are not those of its trail"},
		"a suppression":  {store.Suppressions, &store.Suppression{Hash: store.Hash{9}}, "1 suppressions stand in no entry of the trail"},
		"a version":      {store.PluginVersions, &store.PluginVersion{TenantName: "acme", Plugin: "q", No: 1, Body: []byte("{}")}, "plugin version acme/q/1 stands in no entry"},
		"a number":       {store.PluginNumbers, &store.PluginNumber{TenantName: "acme", Plugin: "q", Number: 1}, "plugin acme/q's signatures is 1, but its trail says 0"},
		"a module":       {store.PluginModules, &store.PluginModule{Hash: "h", Body: []byte("x")}, "plugin module h is not what was recorded"},
	} {
		r, err := x.verify(&tampered{Audit: x.m.Audit(), more: map[store.Table][]any{more.table: {more.row}}})
		if err != nil || !strings.Contains(strings.Join(r.Problems, "\n"), more.word) {
			t.Errorf("%s that nobody wrote: %v %q, want %q", name, err, r.Problems, more.word)
		}
	}
}

// forged writes all heads of a chain anew, as somebody who knows the program can.
func forged(all []store.Batch, change func([]byte) []byte) []store.Batch {
	chain := trail.Chain{}
	for i := range all {
		b := &all[i]
		if b.Instance != chain.Instance {
			chain = trail.Chain{Instance: b.Instance}
		}
		b.Entries = change(b.Entries)
		_ = chain.Walk(b.Entries, func(waxwing.TrailEntry, trail.Head) error { return nil }) // as far as it goes
		b.Head = bytes.Clone(chain.Head[:])
	}
	return all
}

// TestTamperedTrail: whatever is done to batches and their entries.
func TestTamperedTrail(t *testing.T) {
	x := lived(t)
	for name, trick := range map[string]struct {
		batches func([]store.Batch) []store.Batch
		word    string
	}{
		"a batch is deleted":   {func(b []store.Batch) []store.Batch { return append(b[:3:3], b[4:]...) }, "batch 5 follows batch 3: something is missing"},
		"the first is deleted": {func(b []store.Batch) []store.Batch { return b[1:] }, "batch 2 follows batch 0: something is missing"},
		"the end is cut off":   {func(b []store.Batch) []store.Batch { return b[:len(b)-1] }, "which is gone: the trail was cut off"},
		"all of it is gone":    {func([]store.Batch) []store.Batch { return nil }, "which is gone: the trail was cut off"},
		"two are exchanged":    {func(b []store.Batch) []store.Batch { b[3].Entries, b[4].Entries = b[4].Entries, b[3].Entries; return b }, "follows entry"},
		"one byte":             {func(b []store.Batch) []store.Batch { b[4].Entries[8]++; return b }, "batch 5"},
		"an entry's cause": {func(b []store.Batch) []store.Batch {
			b[4].Entries = bytes.Replace(b[4].Entries, []byte(`"cause":"`), []byte(`"cause":"x`), 1)
			return b
		}, "was changed"},
		"an end without its end": {func(b []store.Batch) []store.Batch { b[4].Entries = b[4].Entries[:len(b[4].Entries)-1]; return b }, "is cut off"},
		"a head":                 {func(b []store.Batch) []store.Batch { b[4].Head[0]++; return b }, "was changed"},
		"its last number":        {func(b []store.Batch) []store.Batch { b[4].Last++; return b }, "was changed"},
		"its first number":       {func(b []store.Batch) []store.Batch { b[4].First++; return b }, "begins with entry"},
		"another instance's": {func(b []store.Batch) []store.Batch {
			for i := range b {
				b[i].Instance += 4
			}
			return b
		}, "which is gone: the trail was cut off"},
		"all heads forged": {func(b []store.Batch) []store.Batch {
			return forged(b, func(e []byte) []byte {
				return bytes.ReplaceAll(e, []byte(`"provider":"mail"`), []byte(`"provider":"fail"`))
			})
		}, "differs from its anchor at entry"},
		"a wrong turn": {func(b []store.Batch) []store.Batch {
			return forged(b, func(e []byte) []byte {
				return bytes.ReplaceAll(e, []byte(`"from":"claimed","to":"dot"`), []byte(`"from":"claimed","to":"sent"`))
			})
		}, `"sent" may not follow "claimed"`},
		"a way that does not go on": {func(b []store.Batch) []store.Batch {
			return forged(b, func(e []byte) []byte {
				return bytes.ReplaceAll(e, []byte(`"from":"claimed","to":"dot"`), []byte(`"from":"uncertain","to":"dot"`))
			})
		}, `from "uncertain", but it was "claimed"`},
		"a version's way": {func(b []store.Batch) []store.Batch {
			return forged(b, func(e []byte) []byte {
				return bytes.ReplaceAll(e, []byte(`"to":"canary"`), []byte(`"from":"active","to":"canary"`))
			})
		}, `takes plugin version acme/p/1 from "active", but it was ""`},
		"the second chain's beginning": {func(b []store.Batch) []store.Batch {
			return forged(b, func(e []byte) []byte { return bytes.ReplaceAll(e, []byte(`"after":"1"`), []byte(`"after":"7"`)) })
		}, "chain 2 does not begin where chain 1 ends"},
	} {
		r, err := x.verify(&tampered{Audit: x.m.Audit(), batches: trick.batches})
		if err != nil || !strings.Contains(strings.Join(r.Problems, "\n"), trick.word) {
			t.Errorf("%s: %v %.1500q, want %q", name, err, r.Problems, trick.word)
		}
	}
}

// TestOneChangeIsOneComplaint, so that whoever looks for it is led to it: of a head, one for
// the batch before it and one for the batch behind.
func TestOneChangeIsOneComplaint(t *testing.T) {
	x := lived(t)
	for name, c := range map[string]struct {
		change     func([]store.Batch)
		complaints int
	}{
		"a head": {func(b []store.Batch) { b[2].Head[0]++ }, 2},
		"a time": {func(b []store.Batch) {
			b[2].Entries = bytes.Replace(b[2].Entries, []byte(`"at":1`), []byte(`"at":2`), 1)
		}, 1},
	} {
		r, err := x.verify(&tampered{Audit: x.m.Audit(), batches: func(b []store.Batch) []store.Batch { c.change(b); return b }})
		if n := strings.Count(strings.Join(r.Problems, "\n"), "was changed"); err != nil || n != c.complaints {
			t.Errorf("%s: %v %q, want %d complaints", name, err, r.Problems, c.complaints)
		}
	}
}

// TestWhatCannotBeRead: a damaged table is a problem, and the others are looked at all the
// same; a fault that may pass says nothing of the ledger, and ends the look.
func TestWhatCannotBeRead(t *testing.T) {
	x := lived(t)
	broken := errors.New("disk I/O error")
	for _, table := range []store.Table{store.Confirmations, store.Messages, store.Claims, store.Contents, store.Attempts, store.Suppressions, store.PluginVersions,
		store.PluginNumbers, store.PluginModules} {
		r, err := x.verify(&tampered{Audit: x.m.Audit(), fails: map[store.Table]error{table: fmt.Errorf("table %d: %w", table, store.ErrDamaged)},
			row: of(store.Suppressions, func(s *store.Suppression) bool { s.Hash[0]++; return true })})
		all := strings.Join(r.Problems, "\n")
		if err != nil || !strings.Contains(all, "the file is damaged: table "+fmt.Sprint(int(table))) {
			t.Errorf("table %d is damaged: %v %q", table, err, r.Problems)
		}
		if table != store.Suppressions && !strings.Contains(all, "suppressions stand in no entry") {
			t.Errorf("behind table %d nothing is looked at: %q", table, r.Problems)
		}
		if _, err := x.verify(&tampered{Audit: x.m.Audit(), fails: map[store.Table]error{table: broken}}); !errors.Is(err, broken) {
			t.Errorf("table %d cannot be read just now: %v", table, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &verify.Report{}
	if err := verify.Ledger(ctx, verify.Parts{Rows: x.m.Audit(), Contents: x.l.Contents, Report: r}); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that has ended: %v", err)
	}
}

// told is a trail of entries that no ledger wrote, as older programs and other hands do.
func told(entries ...machine.Entry) []store.Batch {
	c := trail.Chain{Instance: 1}
	lines := c.Append(nil, &machine.Entry{At: began, Cause: machine.CauseChain, Detail: [][2]string{{"instance", "1"}, {"rows", "sealed"}}})
	for i := range entries {
		entries[i].At = began
		lines = c.Append(lines, &entries[i])
	}
	return []store.Batch{{N: 1, Instance: 1, First: 1, Last: int64(c.Seq), Entries: lines, Head: bytes.Clone(c.Head[:])}}
}

// TestSealedAnew: a ledger of an older program is sealed once; any other time the seal was
// broken. The store's own checks are told whether the rows are sealed.
func TestSealedAnew(t *testing.T) {
	upgraded := machine.Entry{Cause: machine.CauseResealed, Detail: [][2]string{{"reason", "upgraded"}}}
	broken := machine.Entry{Cause: machine.CauseResealed, Detail: [][2]string{{"reason", "broken"}}}
	for name, c := range map[string]struct {
		batches  []store.Batch
		sealed   bool
		problems int
	}{
		"sealed from the beginning":          {told(), true, 0},
		"sealed, and then said to be anew":   {told(upgraded), true, 1},
		"the seal was broken":                {told(broken, broken), true, 2},
		"nothing":                            {nil, false, 0},
		"an entry without a thing's state":   {told(machine.Entry{Confirmation: 64, Cause: machine.CauseNote}), true, 0},
		"a suppression without its hash":     {told(machine.Entry{Cause: machine.CausePerson, Detail: [][2]string{{"act", "suppress"}}}), true, 0},
		"a suppression that is nowhere else": {told(machine.Entry{Cause: machine.CausePerson, Detail: [][2]string{{"act", "suppress"}, {"hash", "00"}}}), true, 1},
	} {
		r, asked := &verify.Report{}, 0
		own := func(sealed bool) error {
			if asked++; sealed != c.sealed {
				t.Errorf("%s: the rows are sealed: %t, want %t", name, sealed, c.sealed)
			}
			return nil
		}
		err := verify.Ledger(t.Context(), verify.Parts{Report: r, Contents: &seal.Contents{}, Own: []func(bool) error{own, own},
			Rows: &tampered{Audit: ledgertest.NewMemory().Audit(), batches: func([]store.Batch) []store.Batch { return c.batches }}})
		if err != nil || len(r.Problems) != c.problems || asked != 2 {
			t.Errorf("%s: %v %q, its own checks were asked %d times", name, err, r.Problems, asked)
		}
	}
}

// TestAReportIsNoBook: a hundred problems are told.
func TestAReportIsNoBook(t *testing.T) {
	r := &verify.Report{}
	if !r.Whole() {
		t.Error("an empty report tells of something")
	}
	for i := range 250 {
		r.Problem("problem %d", i)
	}
	if len(r.Problems) != 100 || r.Problems[99] != "problem 99" || r.Whole() {
		t.Errorf("%d problems are told", len(r.Problems))
	}
}
