package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/cmd/waxwing/proof"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// The statuses of verify, beside 0.
const (
	statusTampered = 1
	statusUnseen   = 2 // it could not be looked at
	statusBlind    = 3 // whole as far as can be seen
)

var (
	errProblems = errors.New("the ledger is not as it was written")
	errBlind    = errors.New("whole as far as can be seen, which without anchors is not everything")
)

type ledgerVerify struct {
	where
	Statement string   `arg:"" optional:"" help:"Check this signed statement, by itself, instead of a ledger." type:"path" placeholder:"STATEMENT"`
	Key       string   `help:"The public key that the statement must be signed with, in hex, or the file anchor.pub." placeholder:"KEY"`
	Anchors   []string `help:"Read the signed heads from here, such as your off-site copy, instead of the data folder. Of several files each is read, and what contradicts another is an alarm." placeholder:"FILE" sep:"none"`
	JSON      bool     `help:"Print JSON."`
}

// Run verifies.
func (c ledgerVerify) Run(s streams) error {
	if c.Statement != "" {
		return proof.Check(c.Statement, c.Key, c.Anchors, s.out)
	}
	l, err := c.open(context.Background(), "")
	if err != nil {
		return statusError{statusUnseen, err}
	}
	defer func() { _ = l.Close() }() // reads only
	start := time.Now()
	r, err := l.Verify(context.Background(), c.Anchors...)
	if err != nil {
		return statusError{statusUnseen, err}
	}
	verdict, err := "whole", error(nil)
	switch {
	case !r.Whole():
		verdict, err = "tampered", statusError{statusTampered, errProblems}
	case len(r.Blind) > 0:
		verdict, err = "whole_as_far_as_seen", statusError{statusBlind, errBlind}
	}
	if c.JSON {
		return errors.Join(c.json(s, r, verdict, l.PublicKey()), err)
	}
	_, _ = fmt.Fprintf(s.out, "%d entries in %d batches, %d anchors (key %.16s...), %d confirmations, %d messages, %d contents, %s.\n",
		r.Entries, r.Batches, r.Anchors, l.PublicKey(), r.Confirmations, r.Messages, r.Contents, time.Since(start).Round(time.Millisecond))
	for _, p := range r.Problems {
		_, _ = fmt.Fprintln(s.out, "-", p)
	}
	for _, b := range r.Blind {
		_, _ = fmt.Fprintln(s.out, "Not seen:", b)
	}
	if r.Whole() {
		_, _ = fmt.Fprintln(s.out, whole(r, len(c.Anchors) == 0))
	}
	return err
}

// whole says what a good verdict covers, and what no ledger can tell of itself.
func whole(r *verify.Report, beside bool) string {
	if r.Anchored.IsZero() {
		return "What is there is whole: no entry was edited, reordered or removed between two others."
	}
	s := fmt.Sprintf("The trail is whole, and so are the rows beside it: nothing was edited, removed, reordered or cut off before %s, when its newest anchor was made (%s ago).",
		r.Anchored.Local().Format(time.DateTime), time.Since(r.Anchored).Round(time.Second))
	if beside {
		s += "\nThese anchors lie beside the ledger: whoever had the folder and its keys could have made both anew. A copy from elsewhere (--anchors FILE) rules that out."
	}
	return s
}

func (c ledgerVerify) json(s streams, r *verify.Report, verdict, key string) error {
	list := func(l []string) []string { return append([]string{}, l...) } // [] rather than null
	return writeIndented(s, struct {
		Verdict       string    `json:"verdict"` // whole, whole_as_far_as_seen, tampered
		Problems      []string  `json:"problems"`
		NotSeen       []string  `json:"not_seen"`
		Anchored      time.Time `json:"anchored_at,omitzero"`
		Key           string    `json:"key"`
		Entries       int64     `json:"entries"`
		Batches       int64     `json:"batches"`
		Anchors       int64     `json:"anchors"`
		Confirmations int64     `json:"confirmations"`
		Messages      int64     `json:"messages"`
		Contents      int64     `json:"contents"`
	}{verdict, list(r.Problems), list(r.Blind), r.Anchored, key, r.Entries, r.Batches, r.Anchors, r.Confirmations, r.Messages, r.Contents})
}

type ledgerBackup struct {
	where
	To string `arg:"" help:"The folder to make, or a file that ends in .tar. It must not be there yet." type:"path" placeholder:"DIR|FILE.tar"`
}

// Run copies.
func (c ledgerBackup) Run(s streams) error {
	o, base, err := c.store("")
	if err != nil {
		return err
	}
	if base != nil {
		return errors.New("the ledger is on Postgres: back it up with pg_dump, under a role that row-level security does not bind " +
			"(CREATE ROLE waxwing_backup LOGIN BYPASSRLS; GRANT pg_read_all_data TO waxwing_backup; pg_dump -Fc -U waxwing_backup DATABASE > FILE), " +
			"and keep each data folder's anchors.jsonl, and keys.master, elsewhere: see docs/operations.md")
	}
	l, err := c.file(context.Background(), o)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // reads only
	start := time.Now()
	if strings.HasSuffix(c.To, ".tar") {
		err = backupTar(context.Background(), l, c.To)
	} else {
		err = l.Backup(context.Background(), c.To)
	}
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	_, err = fmt.Fprintf(s.out, `%s holds %s, %s and %s, as they were at %s.
It does not hold the keys: without master.key (or keys.master) nobody can read it, and
without anchor.key no daemon continues it. Keep both elsewhere. To restore, put them
beside these files in a new folder: see docs/operations.md.
`, c.To, sqlite.LedgerFile, sqlite.AnchorsFile, sqlite.PublicKeyFile, start.Local().Format(time.DateTime))
	return err
}

// backupTar makes one file of a backup, by way of a folder beside it.
func backupTar(ctx context.Context, l *sqlite.Ledger, to string) (err error) {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already: name a new one, since a backup overwrites nothing", to)
	}
	part, dir := to+".part", to+".folder"
	for _, left := range []string{part, dir} {
		if _, err := os.Lstat(left); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there: another backup runs, or one was killed; remove it", left)
		}
	}
	if err := l.Backup(ctx, dir); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	w := tar.NewWriter(f)
	for _, name := range []string{sqlite.LedgerFile, sqlite.AnchorsFile, sqlite.PublicKeyFile} {
		if err == nil {
			err = tarFile(w, filepath.Join(dir, name))
		}
	}
	if err = errors.Join(err, w.Close(), f.Sync(), f.Close()); err == nil {
		err = os.Rename(part, to)
	}
	if err != nil {
		_ = os.Remove(part) // the first error is the one to tell
		return err
	}
	d, err := os.Open(filepath.Dir(to))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func tarFile(w *tar.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	st, err := f.Stat()
	if err != nil {
		return err
	}
	err = w.WriteHeader(&tar.Header{Name: filepath.Base(path), Mode: 0o600, Size: st.Size(), ModTime: st.ModTime()})
	if err == nil {
		_, err = io.Copy(w, f)
	}
	return err
}

type ledgerProve struct {
	where
	tenantFlag
	Period string `required:"" help:"A day (2026-11-27), a month (2026-11), or FROM..UNTIL with times, the second not included. Without a zone it is this machine's." placeholder:"PERIOD"`
	Out    string `short:"o" help:"Write it here; else to standard output." type:"path" placeholder:"FILE"`
}

// Run writes a statement.
func (c ledgerProve) Run(s streams) error {
	span, err := proof.ParsePeriod(c.Period)
	if err != nil {
		return fmt.Errorf("--period: %w", err)
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
	formats := daemon.Formats()
	if cfg, err := c.load(); err == nil && c.Data == "" {
		formats = daemon.FormatsOf(cfg)
	}
	return proof.Prover{Books: l, Tenant: t, Span: span, Formats: formats, Progress: s.err}.Write(context.Background(), c.Out, s.out)
}
