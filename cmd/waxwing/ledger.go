package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/postgres"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/ledger/verify"
	"github.com/waxwinghq/waxwing/web"
)

type ledgerCmd struct {
	List    ledgerList    `cmd:"" help:"List a tenant's confirmations, newest first."`
	Count   ledgerCount   `cmd:"" help:"Count a tenant's confirmations by what became of them, exactly."`
	Show    ledgerShow    `cmd:"" help:"Show one confirmation: messages, attempts, trail."`
	Verify  ledgerVerify  `cmd:"" help:"Prove that no entry of the trail and no row was edited, removed, reordered or cut off. Status 0: whole; 1: tampered with; 2: it could not be looked at; 3: whole as far as can be seen, without anchors."`
	Prove   ledgerProve   `cmd:"" help:"Write a signed statement of what became of a tenant's orders in a day or month, which others can check without the ledger: waxwing ledger verify FILE."`
	Backup  ledgerBackup  `cmd:"" help:"Copy the ledger as it is at one instant into a new folder, or into one file that ends in .tar; the daemon may be running."`
	Migrate ledgerMigrate `cmd:"" help:"Bring the ledger's tables to this program's layout, as its first start would; or tell with --status whether that is needed. With a data folder the daemon must not run."`
	Move    ledgerMove    `cmd:"" help:"Move the whole ledger to another store: from a data folder to Postgres, or back. The daemon must not run. Killed at any moment, the same command goes on where it was."`
	Export  ledgerExport  `cmd:"" help:"Write the whole trail as one line of JSON an entry."`
}

// where says which ledger: by configuration or by folder.
type where struct {
	configFlag
	Data   string `help:"The data folder, instead of the configuration's." placeholder:"DIR"`
	Ledger string `help:"Which of the configuration's ledgers, where it has several; where a tenant is named, that one's by default." placeholder:"NAME"`
}

// books are a ledger that is read, in whichever store.
type books interface {
	web.Books
	// Tenants are those that it has keys for.
	Tenants() []waxwing.TenantID
	// Export writes the trail, and tells how many entries that were now and then.
	Export(ctx context.Context, w io.Writer, progress func(entries int64)) error
	// Verify proves it, by anchors of the files named, or its own.
	Verify(ctx context.Context, anchors ...string) (*verify.Report, error)
	// PublicKey is the key that anchors are checked with, in hex.
	PublicKey() string
	// Sign signs with that key (Ed25519).
	Sign(b []byte) []byte
	// Close ends the reading.
	Close() error
}

// open opens the ledger for reading, or of several the one that holds a tenant; the daemon may be running.
func (w where) open(ctx context.Context, tenant string) (books, error) {
	f, o, err := w.store(tenant)
	if err != nil {
		return nil, err
	}
	if o != nil {
		o.ReadOnly = true
		l, err := postgres.Open(ctx, *o)
		if err != nil {
			return nil, err // and no books that hold a nil
		}
		return l, nil
	}
	return w.file(ctx, f)
}

// file opens the ledger in a folder for reading.
func (w where) file(ctx context.Context, o sqlite.Options) (*sqlite.Ledger, error) {
	o.ReadOnly, o.Witness = true, "" // only the writer looks at a second place
	return sqlite.Open(ctx, o)
}

// store says where the ledger is: in a folder, or in a database where base is not nil. Of several it is
// the one that is named, or that holds a tenant.
func (w where) store(tenant string) (folder sqlite.Options, base *postgres.Options, err error) {
	if w.Data != "" {
		folder.Dir = w.Data
		if m := os.Getenv("WAXWING_MASTER_KEY"); m != "" {
			folder.Master = config.Secret(m)
		}
		return folder, nil, nil
	}
	c, err := w.load()
	if err != nil {
		return folder, nil, fmt.Errorf("%w (or name the ledger with --data DIR)", err)
	}
	s, dir, err := daemon.LedgerAt(c, cmp.Or(w.Ledger, c.Tenants[tenant].Ledger))
	if err != nil {
		return folder, nil, fmt.Errorf("--ledger: %w", err)
	}
	folder.Dir, folder.Master, folder.Witness = dir, c.Keys.Master, c.Witness
	if s == nil {
		return folder, nil, nil
	}
	p, ok := s.Settings.(*postgres.Settings)
	if !ok {
		return folder, nil, fmt.Errorf("a ledger of type %s cannot be looked into from here", s.Type)
	}
	return folder, &postgres.Options{DSN: waxwing.Secret(p.DSN.Reveal()), Options: folder.Options, ServerTime: true}, nil
}

type tenantFlag struct {
	Tenant string `help:"Whose confirmations. May be left out where the ledger has one tenant." placeholder:"T"`
}

func (t tenantFlag) of(l books) (waxwing.TenantID, error) {
	if t.Tenant != "" {
		return waxwing.TenantID(t.Tenant), nil
	}
	names := l.Tenants()
	if len(names) == 1 {
		return names[0], nil
	}
	return "", fmt.Errorf("--tenant: the ledger has %d tenants; name one of %v", len(names), names)
}

// spanFlags say which of a tenant's confirmations are meant.
type spanFlags struct {
	Shop  string `help:"Only this shop's." placeholder:"SHOP"`
	Since string `help:"Only those accepted at this time or later, such as 2026-01-31 or 2026-01-31T08:00:00Z." placeholder:"TIME"`
	Until string `help:"Only those accepted before this time." placeholder:"TIME"`
}

// bound puts the flags into a query.
func (f spanFlags) bound(q *waxwing.Query) (err error) {
	q.Shop = waxwing.ShopID(f.Shop)
	if q.Since, err = moment(f.Since); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if q.Until, err = moment(f.Until); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	return nil
}

// moment reads a time of a flag; empty: none. Without a zone it is this machine's.
func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if t, ok := ledger.ParseTime(s); ok {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("%q is no time: write it as 2006-01-02T15:04:05Z, \"2006-01-02 15:04\" or 2006-01-02", s)
}

type ledgerList struct {
	where
	tenantFlag
	Order string `help:"Only this order number or id."`
	Email string `help:"Only this e-mail address or phone number."`
	State string `help:"Only this state or outcome; ignored shows shops' test deliveries."`
	spanFlags
	Limit int  `help:"How many at most." default:"50"`
	Full  bool `help:"Show recipients whole, not masked."`
	JSON  bool `help:"Print JSON."`
}

// Run lists.
func (c ledgerList) Run(s streams) error {
	if err := web.CheckState(waxwing.State(c.State)); err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	l, err := c.open(context.Background(), c.Tenant)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // reads only
	t, err := c.of(l)
	if err != nil {
		return err
	}
	q := waxwing.Query{Tenant: t, Order: c.Order, Email: c.Email, State: waxwing.State(c.State), Limit: c.Limit, Brief: true}
	if err := c.bound(&q); err != nil {
		return err
	}
	found, err := l.List(context.Background(), q)
	if err != nil {
		return err
	}
	briefs := web.Briefs{Books: l, Formats: daemon.Formats(), Full: c.Full}
	for i := range found {
		briefs.Add(context.Background(), &found[i], t)
	}
	if c.JSON {
		return writeIndented(s, found)
	}
	return table(s.out, found)
}

func writeIndented(s streams, v any) error {
	e := json.NewEncoder(s.out)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

type ledgerShow struct {
	where
	tenantFlag
	ID      string `arg:"" help:"The confirmation's id."`
	Message bool   `help:"Print the exact bytes of its newest e-mail instead."`
	JSON    bool   `help:"Print JSON."`
}

// Run shows one.
func (c ledgerShow) Run(s streams) error {
	id, err := waxwing.ParseID(c.ID)
	if err != nil {
		return err
	}
	l, err := c.open(context.Background(), c.Tenant)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // reads only
	t, err := c.of(l)
	if err != nil {
		return err
	}
	if c.Message {
		out, err := l.Bytes(context.Background(), t, id, 0)
		if err != nil {
			return err
		}
		_, err = s.out.Write(out.Data)
		return err
	}
	v, err := l.Get(context.Background(), t, id)
	if err != nil {
		return err
	}
	web.Briefs{Books: l, Formats: daemon.Formats(), Full: true}.Add(context.Background(), v, t)
	if c.JSON {
		return writeIndented(s, v)
	}
	return show(s, v)
}

type ledgerExport struct {
	where
	Output string `short:"o" help:"The file to write; standard output without it." placeholder:"FILE"`
}

// Run exports.
func (c ledgerExport) Run(s streams) (err error) {
	l, err := c.open(context.Background(), "")
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // reads only
	out := s.out
	if c.Output != "" {
		f, err2 := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err2 != nil {
			return err2
		}
		defer func() {
			if e := f.Close(); err == nil {
				err = e
			}
		}()
		out = f
	}
	b := bufio.NewWriterSize(out, 1<<16)
	if err := l.Export(context.Background(), b, func(n int64) { _, _ = fmt.Fprintf(s.err, "\r%d entries", n) }); err != nil {
		return err
	}
	return b.Flush()
}

type ledgerCount struct {
	where
	tenantFlag
	spanFlags
	JSON bool `help:"Print JSON."`
}

// Run counts.
func (c ledgerCount) Run(s streams) error {
	l, err := c.open(context.Background(), c.Tenant)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // reads only
	q := waxwing.Query{}
	if q.Tenant, err = c.of(l); err != nil {
		return err
	}
	if err := c.bound(&q); err != nil {
		return err
	}
	n, err := l.Count(context.Background(), q)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeIndented(s, n)
	}
	total := int64(0)
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, state := range slices.Sorted(maps.Keys(n)) {
		_, _ = fmt.Fprintf(w, "%s\t%d\t\n", state, n[state])
		total += n[state]
	}
	_, _ = fmt.Fprintf(w, "all\t%d\t\n", total)
	return w.Flush()
}
