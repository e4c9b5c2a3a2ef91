package ledgertest

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/trail"
	"github.com/waxwinghq/waxwing/ledger/view"
)

// memoryKeys are what a store's ledgers are sealed and signed with.
type memoryKeys struct {
	master  seal.Key
	anchor  ed25519.PrivateKey
	mu      *sync.Mutex
	anchors *[]trail.Anchor
}

func newMemoryKeys() memoryKeys {
	seed := seal.NewKey()
	return memoryKeys{seal.NewKey(), ed25519.NewKeyFromSeed(seed[:]), new(sync.Mutex), new([]trail.Anchor)}
}

// Anchors are the signed heads that its ledgers gave, oldest first.
func (m *Memory) Anchors() []trail.Anchor {
	m.keys.mu.Lock()
	defer m.keys.mu.Unlock()
	return *m.keys.anchors
}

// MemoryOptions say how a ledger over a store in memory treats time and doubt.
type MemoryOptions struct {
	Clock  waxwing.Clock
	Policy string
	// Lease is how long it may be silent before others take it for dead; 0: it is alone, and
	// takes over what any other held. Beat is how often it is heard of; 0: when it is told.
	Lease, Beat time.Duration
	Log         *slog.Logger
	Quota       waxwing.PluginQuota
	People      func(format, topic string, raw []byte) (waxwing.People, bool)
	// Anchor keeps signed heads elsewhere; nil: the store does.
	Anchor func(*trail.Chain) error
}

// Opened is a ledger over a store in memory.
type Opened struct {
	*ledger.Ledger
	Keys     *seal.Keyring
	Contents *seal.Contents
	// Taken is how many messages it took over as it began.
	Taken int
}

// Close ends it, as an instance ends.
func (o *Opened) Close() error { return o.End(context.Background()) }

// Open begins a ledger's instance over the store, which goes on behind what is there.
func (m *Memory) Open(ctx context.Context, o MemoryOptions) (*Opened, error) {
	if o.Clock == nil {
		o.Clock = waxwing.SystemClock
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	l := &Opened{Keys: seal.NewKeyring(m.keys.master, m.keys.anchor), Contents: &seal.Contents{}}
	if o.Anchor == nil {
		o.Anchor = func(c *trail.Chain) error {
			m.keys.mu.Lock()
			defer m.keys.mu.Unlock()
			*m.keys.anchors = append(*m.keys.anchors, c.Sign(m.keys.anchor, o.Clock()))
			return nil
		}
	}
	policy, ask := PolicyOf(o.Policy)
	rule := waxwing.DoubtRule{Policy: policy, After: time.Minute, Ask: ask}
	w := ledger.NewWriter(ledger.WriterParts{Store: m, Clock: o.Clock, Log: o.Log, Rule: rule, Anchor: o.Anchor, Lease: o.Lease, Beat: o.Beat, Before: m.before(o.Lease > 0)})
	l.Ledger = ledger.New(ledger.Parts{Store: m, Keys: l.Keys, Contents: l.Contents, Lookups: view.NewLookups(o.People, nil), Cache: seal.NewCache(1 << 20),
		Writer: w, Clock: o.Clock, Log: o.Log, Rule: rule, Quota: o.Quota})
	tenants := func(ctx context.Context, g *ledger.Group) error { return ledger.MakeKeys(ctx, g, l.Keys, Tenants) }
	takeOver := func(ctx context.Context, g *ledger.Group) (err error) {
		if o.Lease == 0 {
			l.Taken, err = l.TakeOver(ctx, g, func(int64) bool { return true })
		}
		return err
	}
	if err := w.Now(ctx, w.Begin, tenants, takeOver); err != nil {
		return nil, err
	}
	rows := m.now.Load()
	for _, t := range rows.Tenants {
		if err := l.Keys.Add(t.No, t.Name, t.Key); err != nil {
			return nil, err
		}
	}
	for _, d := range rows.Dictionaries {
		l.Contents.Add(d.ID, d.Body)
	}
	if err := w.AnchorNow(); err != nil {
		return nil, err
	}
	w.Run()
	return l, nil
}

// before is what an instance goes on from; leased ones go on beside those that live.
func (m *Memory) before(leased bool) (b ledger.Before) {
	rows := m.now.Load()
	for id, in := range rows.Instances {
		b.Instance = max(b.Instance, id)
		if leased && in.Stopped == 0 {
			b.Beside = append(b.Beside, id)
		}
	}
	b.Instance++
	for id := range rows.Confirmations {
		b.ID = max(b.ID, id)
	}
	for id := range rows.runs {
		b.Run = max(b.Run, id)
	}
	b.Last, _ = m.Audit().Last(context.Background()) // it reads no file
	return b
}
