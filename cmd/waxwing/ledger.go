package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
)

type ledgerCmd struct {
	List   ledgerList   `cmd:"" help:"List a tenant's confirmations, newest first."`
	Show   ledgerShow   `cmd:"" help:"Show one confirmation: messages, attempts, trail."`
	Verify ledgerVerify `cmd:"" help:"Prove that no entry of the trail was edited, removed, reordered or cut off."`
	Export ledgerExport `cmd:"" help:"Write the whole trail as one line of JSON an entry."`
}

// where says which ledger: by configuration or by folder.
type where struct {
	configFlag
	Data string `help:"The data folder, instead of the configuration's." placeholder:"DIR"`
}

// open opens the ledger for reading; the daemon may be running.
func (w where) open() (*sqlite.Ledger, error) {
	o := sqlite.Options{Dir: w.Data, ReadOnly: true}
	if w.Data == "" {
		c, err := w.load()
		if err != nil {
			return nil, fmt.Errorf("%w (or name the ledger with --data DIR)", err)
		}
		o.Dir, o.Master = c.Data, c.Keys.Master
	} else if m := os.Getenv("WAXWING_MASTER_KEY"); m != "" {
		o.Master = config.Secret(m)
	}
	return sqlite.Open(o)
}

type tenantFlag struct {
	Tenant string `help:"Whose confirmations. May be left out where the ledger has one tenant." placeholder:"T"`
}

func (t tenantFlag) of(l *sqlite.Ledger) (waxwing.TenantID, error) {
	if t.Tenant != "" {
		return waxwing.TenantID(t.Tenant), nil
	}
	names := l.Tenants()
	if len(names) == 1 {
		return names[0], nil
	}
	return "", fmt.Errorf("--tenant: the ledger has %d tenants; name one of %v", len(names), names)
}

type ledgerList struct {
	where
	tenantFlag
	Order string `help:"Only this order number or id."`
	Email string `help:"Only this e-mail address or phone number."`
	State string `help:"Only this state or outcome."`
	Limit int    `help:"How many at most." default:"50"`
	JSON  bool   `help:"Print JSON."`
}

// Run lists.
func (c ledgerList) Run(s streams) error {
	l, err := c.open()
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // reads only
	t, err := c.of(l)
	if err != nil {
		return err
	}
	found, err := l.List(waxwing.Query{Tenant: t, Order: c.Order, Email: c.Email, State: waxwing.State(c.State), Limit: c.Limit})
	if err != nil {
		return err
	}
	if c.JSON {
		return writeIndented(s, found)
	}
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tCREATED\tSHOP\tSTATE\tMESSAGES\tREASON")
	for _, v := range found {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", v.ID, v.Created.Local().Format(time.DateTime), v.Shop, v.State, len(v.Messages), v.Reason)
	}
	return w.Flush()
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
	l, err := c.open()
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // reads only
	t, err := c.of(l)
	if err != nil {
		return err
	}
	if c.Message {
		out, err := l.Bytes(t, id, 0)
		if err != nil {
			return err
		}
		_, err = s.out.Write(out.Data)
		return err
	}
	v, err := l.Get(t, id)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeIndented(s, v)
	}
	return show(s, v)
}

func show(s streams, v *waxwing.ConfirmationView) error {
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "Confirmation\t%s\nShop\t%s (%s)\nState\t%s %s\nCreated\t%s\n", v.ID, v.Shop, v.Format, v.State, v.Reason, v.Created.Local().Format(time.DateTime))
	for _, m := range v.Messages {
		_, _ = fmt.Fprintf(w, "\nMessage %d\t%s, %s, %s %s\nTo\t%s\nMessage-ID\t%s\n", m.N, m.Channel, m.Locale, m.State, m.Reason, m.To, m.MessageID)
		for _, a := range m.Attempts {
			_, _ = fmt.Fprintf(w, "Attempt %d\t%s: %s at %s, %d %s\n", a.N, a.Provider, a.Verdict, a.Phase, a.Code, a.Reply)
		}
	}
	_, _ = fmt.Fprint(w, "\nTrail\n")
	for _, e := range v.Trail {
		d, _ := json.Marshal(e.Detail) // a map of strings always marshals
		_, _ = fmt.Fprintf(w, "%d\t%s\t%s > %s\t%s\t%s\n", e.Seq, e.At.Local().Format("15:04:05.000"), e.From, e.To, e.Cause, d)
	}
	return w.Flush()
}

type ledgerVerify struct {
	where
	Anchors string `help:"Read the signed heads from here, such as your off-site copy, instead of the data folder." placeholder:"FILE"`
}

// Run verifies; its status is 1 where anything is wrong.
func (c ledgerVerify) Run(s streams) error {
	l, err := c.open()
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // reads only
	start := time.Now()
	r, err := l.Verify(c.Anchors)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.out, "%d entries in %d batches, %d anchors (key %.16s...), %d confirmations, %d messages, %d contents, %s.\n",
		r.Entries, r.Batches, r.Anchors, l.PublicKey(), r.Confirmations, r.Messages, r.Contents, time.Since(start).Round(time.Millisecond))
	if len(r.Problems) == 0 {
		_, err = fmt.Fprintln(s.out, "The trail is whole: nothing was edited, removed, reordered or cut off.")
		return err
	}
	for _, p := range r.Problems {
		_, _ = fmt.Fprintln(s.out, "-", p)
	}
	return errProblems
}

type ledgerExport struct {
	where
	Output string `short:"o" help:"The file to write; standard output without it." placeholder:"FILE"`
}

// Run exports.
func (c ledgerExport) Run(s streams) (err error) {
	l, err := c.open()
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
	if err := l.Export(b, func(n int64) { _, _ = fmt.Fprintf(s.err, "\r%d entries", n) }); err != nil {
		return err
	}
	return b.Flush()
}
