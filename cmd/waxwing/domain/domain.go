// Package domain are the commands that make a sender's domain trusted: keys to sign with, and a look at what the
// domain publishes, record by record, with what it should.
package domain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/net/publicsuffix"

	"github.com/waxwinghq/waxwing/cmd/waxwing/orders"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
)

// Domain are the commands about a domain that mails come from.
type Domain struct {
	Keys  Keys  `cmd:"" help:"Make an RSA and an Ed25519 key to sign with (DKIM), and print what to publish and to configure."`
	Check Check `cmd:"" help:"Look up what a domain publishes, and print what it should: SPF, DKIM, DMARC, MX, PTR, MTA-STS, TLS-RPT, BIMI."`
}

// errDomain is what is no domain.
var errDomain = errors.New("write a domain in ASCII, such as acme.example")

// clean is a domain's name in small letters, without the dot at its end.
func clean(s string) (string, error) {
	s = strings.ToLower(strings.TrimSuffix(strings.TrimSpace(s), "."))
	if !config.IsHost(s) || !strings.Contains(s, ".") || strings.ContainsAny(s, ":_") || len(s) > 200 || strings.Trim(s, "0123456789.") == "" {
		return "", fmt.Errorf("%q is no domain: %w", s, errDomain)
	}
	return s, nil
}

// organisation is the domain that a name is registered under (RFC 7489, 3.2, by the public suffix list).
func organisation(name string) string {
	if o, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return o
	}
	return name
}

// aligned reports whether a domain that was authenticated stands for the one in From (RFC 7489, 3.1).
func aligned(from, other string, strict bool) bool {
	if strict {
		return strings.EqualFold(from, other)
	}
	return organisation(strings.ToLower(from)) == organisation(strings.ToLower(other))
}

// State is how a record is.
type State string

// The states, as they are printed.
const (
	OK      State = "ok"
	Warn    State = "warn"
	Missing State = "missing" // nothing is published
	Wrong   State = "wrong"
)

// Finding is what is published of one kind.
type Finding struct {
	Kind  string // SPF, DKIM s1, ...
	State State
	// Fatal says that mail is refused, or goes to spam, as long as it stays so.
	Fatal bool
	Said  string
	// Publish are records to paste, or other advice that begins with "; ".
	Publish []string
}

// ErrFails is a domain whose mails would fail.
var ErrFails = errors.New("mail would fail")

// Check looks at what a domain publishes.
type Check struct {
	Domain   string `arg:"" help:"The domain that mails come from: what is behind the @ of a tenant's from."`
	Config   string `short:"c" placeholder:"FILE" help:"The configuration, whose tenants of this domain say what is sent; waxwing.yaml in this folder if it is there."`
	DNS      string `name:"dns" placeholder:"HOST:PORT" help:"The DNS server to ask, the system's by default."`
	SenderIP string `name:"sender-ip" placeholder:"IP" help:"An address that mails leave from: SPF must allow it, and PTR name it."`
}

// Run looks and prints.
func (c Check) Run(s orders.Streams) error {
	name, err := clean(c.Domain)
	if err != nil {
		return err
	}
	sends, err := c.sends(name)
	if err != nil {
		return err
	}
	l, err := newLooker(c.DNS)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), wholeTime)
	defer cancel()
	return print(s.Out, name, l.look(ctx, sends))
}

// sends reads what is sent by the configuration.
func (c Check) sends(name string) (*sending, error) {
	out := &sending{domain: name}
	if err := out.address(c.SenderIP); err != nil {
		return nil, err
	}
	file := c.Config
	if file == "" {
		if _, err := os.Stat("waxwing.yaml"); err != nil {
			return out, nil
		}
		file = "waxwing.yaml"
	}
	cfg, err := config.Load(file, daemon.Components())
	if err != nil {
		return nil, err
	}
	if err := out.configured(cfg); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// print prints findings, and says which of them make mail fail.
func print(w io.Writer, name string, all []Finding) error {
	var fatal []string
	unseen := false
	for _, f := range all {
		if _, err := fmt.Fprintf(w, "%-8s %s: %s.\n", f.State, f.Kind, strings.TrimSuffix(remote.Printable(f.Said), ".")); err != nil {
			return err
		}
		for _, p := range f.Publish {
			_, _ = fmt.Fprintf(w, "         %s\n", remote.Printable(p))
		}
		unseen = unseen || strings.Contains(f.Said, notAsked)
		if f.Fatal {
			fatal = append(fatal, f.Kind)
		}
	}
	if len(fatal) > 0 {
		return fmt.Errorf("%s: %w: %s", name, ErrFails, strings.Join(fatal, ", "))
	}
	if unseen {
		_, err := fmt.Fprintf(w, "Not all of %s could be looked up: whether its mail would fail is not known.\n", name)
		return err
	}
	_, err := fmt.Fprintf(w, "Nothing here makes mail from %s fail.\n", name)
	return err
}
