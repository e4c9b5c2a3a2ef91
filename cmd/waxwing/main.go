// Command waxwing sends the confirmation for every completed order: exactly
// one, in the customer's language, with a record that proves it.
package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/alecthomas/kong"

	"github.com/waxwinghq/waxwing/cmd/waxwing/domain"
	"github.com/waxwinghq/waxwing/cmd/waxwing/orders"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/cmd/waxwing/report"
	"github.com/waxwinghq/waxwing/cmd/waxwing/suppress"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// cli is the command line; its tags are the help.
type cli struct {
	Serve     serveCmd         `cmd:"" help:"Run the daemon: webhooks and API in, confirmations out. SIGTERM drains."`
	Demo      demoCmd          `cmd:"" help:"Run a demonstration with invented orders and a built-in mailbox; nothing leaves this machine."`
	Check     checkCmd         `cmd:"" help:"Check a configuration file and say what is wrong with it: line, column and remedy."`
	Reload    reloadCmd        `cmd:"" help:"Have the daemon on this machine take what changed in its configuration, all or nothing."`
	Preview   previewCmd       `cmd:"" help:"Render a shop's event without sending it."`
	Shop      orders.Shop      `cmd:"" help:"Try what is read of a shop's event."`
	Source    orders.Source    `cmd:"" help:"What events are read from beside webhooks: check it, set it up, ask how it stands."`
	Import    orders.Import    `cmd:"" help:"Bring the orders of a file, CSV or JSON: first shown, then sent at a rate."`
	Reconcile orders.Reconcile `cmd:"" help:"Hold a shop's orders against the ledger: each is confirmed, held and why, undeliverable with evidence, or missing."`
	Report    report.Report    `cmd:"" help:"Tell how well orders were confirmed, over a running daemon's API."`
	Domain    domain.Domain    `cmd:"" help:"Have mails trusted: make DKIM keys, and check what a domain publishes (SPF, DKIM, DMARC, MX and more)."`
	Ledger    ledgerCmd        `cmd:"" help:"Look into the ledger on this machine: list, show, verify, backup, export."`

	Find     findCmd           `cmd:"" group:"Support, over a running daemon's API:" help:"Find confirmations by order number, e-mail address, phone number or id."`
	Show     showCmd           `cmd:"" group:"Support, over a running daemon's API:" help:"Show one confirmation: order, messages, attempts, and its trail in words."`
	Resend   resendCmd         `cmd:"" group:"Support, over a running daemon's API:" help:"Send a confirmation once more, to a corrected address if need be."`
	Release  releaseCmd        `cmd:"" group:"Support, over a running daemon's API:" help:"Let go what is held or quarantined."`
	Cancel   cancelCmd         `cmd:"" group:"Support, over a running daemon's API:" help:"Stop what has not been sent."`
	Erase    eraseCmd          `cmd:"" group:"Support, over a running daemon's API:" help:"Destroy everything that is kept of a person."`
	Suppress suppress.Suppress `cmd:"" group:"Support, over a running daemon's API:" help:"The addresses that are not mailed: add, list, lift, import, export."`
	Tail     tailCmd           `cmd:"" group:"Support, over a running daemon's API:" help:"Follow confirmations as they come and change."`

	Top topCmd `cmd:"" help:"Watch the daemons that share a ledger: since when, last beat, lease, claims."`

	Plugin     pluginCmd     `cmd:"" help:"Write, check, test and push plugins: your own code on your own orders."`
	Schema     schemaCmd     `cmd:"" help:"Print the JSON Schema of the configuration file, for editors."`
	Completion completionCmd `cmd:"" help:"Print a script that completes commands and flags: bash, zsh or fish."`
	Manual     manualCmd     `cmd:"" help:"Print the manual page, for man."`
	Version    versionCmd    `cmd:"" help:"Print the version."`

	VersionFlag kong.VersionFlag `name:"version" help:"Print the version."`
}

// streams are where a command reads and writes; tests give their own.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

const about = `Waxwing sends the confirmation for every completed order: exactly one, in the customer's language, with a record that proves it.

Begin with "waxwing demo". A configuration to start from is in config/examples; "waxwing check -c FILE" explains what is wrong with yours.`

func main() { os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})) }

// run is main without the process: it returns the exit status.
func run(args []string, s streams) int {
	if len(args) == 2 && args[0] == daemon.CompileChild && sandbox.IsCompileChild() {
		return sandbox.CompileChild(args[1], s.in, s.err)
	}
	var c cli
	status := -1
	p, err := kong.New(&c, kong.Name("waxwing"), kong.Description(about), kong.UsageOnError(), kong.Writers(s.out, s.err),
		kong.Vars{"version": "waxwing " + daemon.Version(), "formats": formatNames()}, kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.Exit(func(code int) { status = code }))
	if err != nil {
		_, _ = fmt.Fprintln(s.err, "waxwing:", err)
		return 1
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	ctx, err := p.Parse(args)
	if status >= 0 {
		return status // help was asked for
	}
	if err != nil {
		_, _ = fmt.Fprintf(s.err, "waxwing: %v\nRun \"waxwing --help\", or \"waxwing COMMAND --help\".\n", err)
		return 2
	}
	if err := ctx.Run(s, orders.Streams{In: s.in, Out: s.out, Err: s.err}); err != nil {
		_, _ = fmt.Fprintln(s.err, "waxwing:", err)
		var e statusError
		if errors.As(err, &e) {
			return e.status
		}
		return 1
	}
	return 0
}

// statusError ends the process with a status of its own.
type statusError struct {
	status int
	err    error
}

func (e statusError) Error() string { return e.err.Error() }
func (e statusError) Unwrap() error { return e.err }

// apiFlags say where the daemon is, and by whose key it is asked.
type apiFlags struct{ remote.Flags }

// configFlag names the configuration file.
type configFlag struct {
	Config string `short:"c" placeholder:"FILE" help:"The configuration file; waxwing.yaml in this folder by default." default:"waxwing.yaml"`
}

func (f configFlag) load() (*config.Config, error) { return config.Load(f.Config, daemon.Components()) }

// setLevel has a log write from the configuration's level on.
func setLevel(level *slog.LevelVar, c config.Log) {
	_ = level.UnmarshalText([]byte(cmp.Or(c.Level, "info"))) // the file was checked
}

func newLog(c config.Log, level *slog.LevelVar, w io.Writer) *slog.Logger {
	setLevel(level, c)
	o := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

type schemaCmd struct{}

// Run prints the schema.
func (schemaCmd) Run(s streams) error {
	b, err := config.Schema()
	if err != nil {
		return err
	}
	_, err = s.out.Write(b)
	return err
}

type versionCmd struct{}

// Run prints what was built, of what.
func (versionCmd) Run(s streams) error {
	_, err := fmt.Fprintln(s.out, "waxwing", daemon.Version())
	return err
}
