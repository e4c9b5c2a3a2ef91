// Package inbound takes mails that come back, at the addresses that feedback/returnpath writes:
// from a mail server over SMTP (RFC 5321) or LMTP (RFC 2033), and out of a Maildir. What a mail
// tells of a message is in the ledger before the server is answered. It sends nothing: a mail
// that is for nobody is refused while the server that has it is still there, and never returned.
package inbound

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"

	"github.com/emersion/go-smtp"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/feedback/bounce"
	"github.com/waxwinghq/waxwing/feedback/returnpath"
)

// Told is what a mail tells of a message.
type Told struct {
	Tenant  waxwing.TenantID
	Message waxwing.ID
	// By is who told it: a provider's name; "" is the return path.
	By   string
	Kind waxwing.AnnotationKind
	// Class and Reason are feedback/bounce's words.
	Class, Reason string
	// Evidence is what was read, as JSON; it holds personal data.
	Evidence []byte
	// Suppress: the message's address is not to be mailed again.
	Suppress bool
}

// Teller is who is told.
type Teller interface {
	// Checks says whether a token is the beginning of the message's. It asks no database.
	Checks(tenant waxwing.TenantID, message waxwing.ID, token string) bool
	// Tell records it. When it returns nil, it is durable, or there is no such message to tell
	// anything of; any error means that it is to be told again.
	Tell(ctx context.Context, t *Told) error
}

// Service takes mails by a listener, from a folder, or both.
type Service struct {
	cfg      *config.Feedback
	tell     Teller
	tenants  func() []waxwing.TenantID
	log      *slog.Logger
	server   *smtp.Server
	listener net.Listener // nil: none
	ctx      context.Context
}

// Open listens where the configuration says so. tenants gives those that there are just now.
// Run serves, and must be called, since it closes the listener.
func Open(c *config.Feedback, tell Teller, tenants func() []waxwing.TenantID, log *slog.Logger) (*Service, error) {
	s := &Service{cfg: c, tell: tell, tenants: tenants, log: log, ctx: context.Background()}
	if c.Listen == "" {
		return s, nil
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, err
	}
	s.listener = newGate(l, c.MaxConnections)
	s.server = s.smtp()
	return s, nil
}

// Addr is where mails are taken; "" where there is no listener.
func (s *Service) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Run serves until ctx ends. What is being told then is told to its end.
func (s *Service) Run(ctx context.Context) {
	s.ctx = context.WithoutCancel(ctx)
	var wg sync.WaitGroup
	if s.server != nil {
		wg.Go(func() {
			if err := s.server.Serve(s.listener); err != nil && ctx.Err() == nil {
				s.log.Error("mails that come back are not taken any more", "listen", s.cfg.Listen, "err", err)
			}
		})
		wg.Go(func() {
			<-ctx.Done()
			_ = s.server.Close() // a server that is cut off sends its mail again
		})
	}
	if s.cfg.Maildir != "" {
		wg.Go(func() { s.watch(ctx) })
	}
	wg.Wait()
}

// Close ends a Service that never ran.
func (s *Service) Close() error {
	if s.listener == nil {
		return nil
	}
	return s.listener.Close()
}

// address is one that a mail came to, checked.
type address struct {
	tenant  waxwing.TenantID
	message waxwing.ID
}

// desk knows the tenants' tags for the length of a session or a sweep.
type desk struct {
	s    *Service
	tags map[string]waxwing.TenantID
}

func (s *Service) desk() *desk { return &desk{s: s} }

// read checks an address. ok is false alike for one of another form, of no tenant, and with a
// token that is not the message's.
func (d *desk) read(to string) (a address, ok bool) {
	p, ok := returnpath.Read(to)
	if !ok {
		return a, false
	}
	if d.tags == nil {
		d.tags = map[string]waxwing.TenantID{}
		for _, t := range d.s.tenants() {
			d.tags[returnpath.Tag(t)] = t
		}
	}
	t, ok := d.tags[p.Tag]
	if !ok || !d.s.tell.Checks(t, p.Message, p.Token) {
		return a, false
	}
	return address{t, p.Message}, true
}

// take tells what a mail says of the messages that it came back for. An error means that it
// must be taken again.
func (s *Service) take(ctx context.Context, to []address, r *bounce.Report) error {
	t, ok := s.told(r)
	if !ok {
		s.log.Debug("a mail that came back tells nothing", "kind", string(r.Kind), "messages", len(to))
		return nil
	}
	for _, a := range to {
		t.Tenant, t.Message = a.tenant, a.message
		if err := s.tell.Tell(ctx, &t); err != nil {
			return err
		}
		s.log.Info("a mail came back", "tenant", a.tenant, "message", a.message, "kind", string(t.Kind), "class", t.Class, "reason", t.Reason)
	}
	return nil
}

// told is what a report means for the message: that of its worst recipient, since a message has
// one and what is behind that is a list's matter. What waits still may arrive, and a program's
// answer says that the mail did: neither is told.
func (s *Service) told(r *bounce.Report) (t Told, ok bool) {
	i := slices.IndexFunc(r.Recipients, func(p bounce.Recipient) bool { return p.Kind == r.Kind })
	if i < 0 {
		return t, false
	}
	p := r.Recipients[i]
	switch r.Kind {
	case bounce.Bounced:
		t.Kind, t.Class, t.Reason = waxwing.Bounced, string(p.Class), string(p.Reason)
		t.Suppress = p.Class == bounce.Hard && slices.Contains(s.cfg.Suppress, "hard")
	case bounce.Complaint:
		if p.Reason == "not-spam" || p.Reason == "auth-failure" { // nobody complained
			return t, false
		}
		t.Kind, t.Class, t.Reason = waxwing.Complained, "complaint", complaint(p.Reason)
		t.Suppress = slices.Contains(s.cfg.Suppress, "complaint")
	case bounce.Delivered:
		t.Kind = waxwing.Delivered
	default:
		return t, false
	}
	evidence, err := json.Marshal(struct {
		bounce.Recipient
		MessageID string `json:",omitempty"`
		Software  string `json:",omitempty"`
	}{p, r.Original.MessageID, r.Software})
	if err != nil { // it is texts and numbers
		return t, false
	}
	t.Evidence = evidence
	return t, true
}

// complaint is a complaint's type as the trail has it: one of the registered ones (RFC 5965,
// 7.3), since the trail takes no words of strangers.
func complaint(r bounce.Reason) string { return Complaint(string(r)) }

// Complaint is a complaint's type in the words of the trail.
func Complaint(r string) string {
	for _, known := range []string{"abuse", "fraud", "virus", "opt-out", "opt-out-list", "other"} {
		if r == known {
			return known
		}
	}
	return "other"
}

// host is the name in the greeting.
func (s *Service) host() string {
	if s.cfg.Hello != "" {
		return s.cfg.Hello
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		return name
	}
	return "localhost"
}

// errLater is what a server is told whose mail could not be recorded.
var errLater = &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "cannot be recorded now, try again later"}

// errNobody is the one answer to all addresses that are none of ours.
var errNobody = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such address here"}

// errFirst is what a client is told that begins with the data.
var errFirst = errors.New("no address was given")
