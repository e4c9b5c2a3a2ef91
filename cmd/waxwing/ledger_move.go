package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/layout"
	"github.com/waxwinghq/waxwing/ledger/move"
	"github.com/waxwinghq/waxwing/ledger/postgres"
	"github.com/waxwinghq/waxwing/ledger/postgres/schema"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/ledger/verify"
	"github.com/waxwinghq/waxwing/pipeline"
)

type ledgerMove struct {
	configFlag
	To       string   `required:"" help:"The configuration file that names where the ledger shall be: another data folder, or a database in its section ledger. Start the daemon with it afterwards." placeholder:"FILE" type:"path"`
	Ledger   string   `help:"Which of its ledgers, where the configuration of the daemon has several." placeholder:"NAME"`
	ToLedger string   `help:"Which of its ledgers, where the file of --to has several." placeholder:"NAME"`
	Anchors  []string `help:"Signed heads of further instances of a ledger on Postgres, each in a file: they go with it." placeholder:"FILE" sep:"none"`
	DryRun   bool     `help:"Only tell what would be moved. The daemon may be running."`
	GiveUp   bool     `help:"End a move that is under way, so that the ledger can be served again where it was."`
}

// moveBatch is how many rows a transaction has; 0: what package move thinks good. A test has fewer.
var moveBatch int

// Run moves a ledger.
func (c ledgerMove) Run(s streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	m := &move.Move{Anchors: c.Anchors, Batch: moveBatch}
	for _, x := range []struct {
		file, ledger string
		store        *move.Store
	}{{c.Config, c.Ledger, &m.From}, {c.To, c.ToLedger, &m.To}} {
		loaded, err := config.Load(x.file, daemon.Components())
		if err != nil {
			return err
		}
		if *x.store, err = moverOf(loaded, x.ledger, s.err); err != nil {
			return err
		}
		defer (*x.store).Close()
	}
	switch {
	case c.DryRun:
		return plan(ctx, m, s.out)
	case c.GiveUp:
		if err := m.GiveUp(ctx); err != nil {
			return err
		}
		_, err := fmt.Fprintf(s.out, "The move was given up. %s is the ledger, and can be served. What is in %s is for nothing: delete it.\n", m.From.Name(), m.To.Name())
		return err
	}
	began := time.Now()
	tell(m, s.err)
	r, err := m.Run(ctx)
	switch {
	case errors.Is(err, context.Canceled):
		return errors.New("it was ended before it was done: run the same command again, which goes on where it was")
	case err != nil:
		return err
	case r.Already:
		_, err = fmt.Fprintf(s.out, "There is nothing to do: the ledger was moved to %s. Start the daemon with %s.\n", m.To.Name(), c.To)
		return err
	}
	return moved(s.out, m, r, c.To, time.Since(began))
}

// moverOf is the ledger of a configuration, or the one of this name.
func moverOf(c *config.Config, name string, log io.Writer) (move.Store, error) {
	at, dir, err := daemon.LedgerAt(c, name)
	if err != nil {
		return nil, err
	}
	o := ledger.Options{Dir: dir, Master: c.Keys.Master, Log: newLog(c.Log, &slog.LevelVar{}, log)}
	if s := pipeline.SendOf(c.Pipeline); s != nil { // what dead instances hold is judged as at a start
		r := s.Uncertain.Rule(daemon.Asked(c))
		o.Policy, o.After, o.Copies, o.Ask = r.Policy, r.After, r.Copies, r.Ask
	}
	if at == nil {
		return sqlite.Mover(sqlite.Options{Options: o, Witness: c.Witness})
	}
	p, ok := at.Settings.(*postgres.Settings)
	if !ok {
		return nil, fmt.Errorf("a ledger of type %s cannot be moved", at.Type)
	}
	return postgres.Mover(postgres.Options{DSN: waxwing.Secret(p.DSN.Reveal()), Options: o, ServerTime: true})
}

// plan tells what would be moved.
func plan(ctx context.Context, m *move.Move, w io.Writer) error {
	rows, parts, err := m.Plan(ctx)
	if err != nil {
		return err
	}
	var all int64
	count := map[string]int64{}
	for _, p := range parts {
		count[p.Table] += rows[p.Name]
		all += rows[p.Name]
	}
	_, _ = fmt.Fprintf(w, "From %s\nto   %s would be moved:\n\n", m.From.Name(), m.To.Name())
	for _, t := range move.Tables {
		if count[t.Name] > 0 {
			_, _ = fmt.Fprintf(w, "%12d  %s\n", count[t.Name], t.Name)
		}
	}
	_, err = fmt.Fprintf(w, "%12d  rows\n\nNothing was changed. The daemon must not run while they are moved.\n", all)
	return err
}

// tell prints progress: on one line of a terminal, and else a line now and then.
func tell(m *move.Move, w io.Writer) {
	end := "\n"
	if f, ok := w.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			end = "\r"
		}
	}
	m.Step = func(what string) { _, _ = fmt.Fprintf(w, "%-100s\n", what+" ...") }
	m.Progress = func(p move.Progress) {
		percent := 100.0
		if p.AllRows > 0 {
			percent = min(100, 100*float64(p.AllDone)/float64(p.AllRows))
		}
		_, _ = fmt.Fprintf(w, "%-100s%s", fmt.Sprintf("  %s: %d of %d rows; all: %d of %d (%.0f%%), %.0f rows/s", p.Part, p.Done, p.Rows, p.AllDone, p.AllRows, percent, p.Second), end)
	}
}

// moved tells what was done, and what follows.
func moved(w io.Writer, m *move.Move, r *move.Report, config string, took time.Duration) error {
	var all int64
	for _, n := range r.Rows {
		all += n
	}
	_, _ = fmt.Fprintf(w, "The ledger is in %s: %d confirmations with %d messages, %d rows in all, in %s.\n", m.To.Name(), r.Rows["confirmations"], r.Rows["messages"], all,
		took.Round(time.Second/10))
	_, _ = fmt.Fprintln(w, "Each row was read back, and is what it was. Both ledgers are whole, as far as each can tell:")
	for _, x := range []struct {
		name string
		r    *verify.Report
	}{{m.From.Name(), r.From}, {m.To.Name(), r.To}} {
		_, _ = fmt.Fprintf(w, "- %s: %d entries in %d batches, %d anchors\n", x.name, x.r.Entries, x.r.Batches, x.r.Anchors)
		for _, b := range x.r.Blind {
			_, _ = fmt.Fprintln(w, "  Not seen:", b)
		}
	}
	if r.Cleaned > 0 {
		_, _ = fmt.Fprintf(w, "%d rows had a text with a NUL or broken UTF-8, which Postgres cannot keep: each such character is U+FFFD now.\n", r.Cleaned)
	}
	_, err := fmt.Fprintf(w, `Start the daemon with it: waxwing serve -c %s
%s refuses to be served from now on. Keep it until you trust the new one; what you erase from
now on stays in it, so delete it then. To go back, move the ledger back, into a new folder or database.
`, cmp.Or(config, "FILE"), upper(m.From.Name()))
	return err
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

type ledgerMigrate struct {
	where
	Status bool `help:"Only tell the layout of the ledger and of this program. Status 1: they differ."`
	Plan   bool `help:"Only print the migrations that would run, each with its statements, what it means to older programs that run, and what it keeps them from."`
}

// Run brings the ledger to this program's layout.
func (c ledgerMigrate) Run(s streams) error {
	ctx := context.Background()
	o, base, err := c.store("")
	if err != nil {
		return err
	}
	var has int64
	newer := false // and of use to this program
	own, lacks, migrate := sqlite.Layout, sqlite.Lacks, func() (int64, error) { return sqlite.Migrate(o) }
	if base != nil {
		own, lacks = postgres.LatestLayout, postgres.Lacks
		migrate = func() (int64, error) {
			if err := postgres.MayMigrate(ctx, base.DSN); err != nil {
				return 0, err
			}
			return postgres.Migrate(ctx, base.DSN, slog.New(slog.NewTextHandler(s.err, nil)))
		}
		var at schema.State
		at, err = postgres.Layout(ctx, base.DSN)
		has, newer = at.Layout, at.Newer()
	} else {
		has, err = c.layout(ctx, o)
	}
	if err != nil {
		return err
	}
	switch {
	case newer:
		_, err = fmt.Fprintf(s.out, "The ledger has layout %d, of a newer program. This one knows %d and can go on with it: there is nothing to do.\n", has, own)
		return err
	case has > own:
		return fmt.Errorf("the ledger has layout %d and this program knows %d: run the newer program", has, own)
	case has == own:
		_, err = fmt.Fprintf(s.out, "The ledger has layout %d, which is this program's: there is nothing to do.\n", has)
		return err
	case c.Plan:
		all, err := lacks(has)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "The ledger has layout %d, and this program's is %d. These would run, each in a transaction of its own; nothing was changed.\n", has, own)
		for _, m := range all {
			_, err = fmt.Fprintf(s.out, "\n-- %s%s\n%s", m.Name, meaning(m), m.SQL)
		}
		return err
	case c.Status:
		return statusError{1, fmt.Errorf("the ledger has layout %d, and this program's is %d: run waxwing ledger migrate, or start the daemon", has, own)}
	}
	if _, err := migrate(); err != nil {
		return err
	}
	said := "Programs before this one cannot open it any more."
	if base != nil && has >= schema.Marked-1 {
		at, err := postgres.Layout(ctx, base.DSN)
		if err != nil {
			return err
		}
		said = fmt.Sprintf("Programs that run go on; to be started, one must know layout %d.", max(at.Least, schema.Marked))
	}
	_, err = fmt.Fprintf(s.out, "The ledger was brought from layout %d to %d. %s\n", has, own, said)
	return err
}

// meaning says what a migration means to the daemons that run; empty: it says nothing of that.
func meaning(m layout.Migration) string {
	out := ""
	switch m.Kind {
	case layout.Expand:
		out = ": expand: older programs go on."
	case layout.Contract:
		out = ": contract: it waits until no older program runs, and none can start from then on."
	}
	for _, h := range m.Holds {
		out += fmt.Sprintf(" While it runs, %s of %s wait.", h.From, h.Table)
	}
	return out
}

// layout is that of the ledger in a folder.
func (c ledgerMigrate) layout(ctx context.Context, o sqlite.Options) (int64, error) {
	l, err := c.file(ctx, o)
	if err != nil {
		return 0, err
	}
	has, err := l.Layout(ctx)
	return has, errors.Join(err, l.Close())
}
