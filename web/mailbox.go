package web

import (
	"context"
	"embed"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// Letter is a message that a stand-in for a provider took.
type Letter struct {
	Channel  waxwing.Channel
	ID       string // the Message-ID, or the text's idempotency key
	From, To string
	Data     []byte // the whole e-mail, or the text of an SMS
	At       time.Time
}

// MailboxConfig is what the mailbox needs before the daemon runs.
type MailboxConfig struct {
	// Formats read the orders of what has no mail yet.
	Formats map[string]waxwing.Format
	// PicturesAt is the address under which invented shops keep their pictures.
	// For display it becomes the mailbox's own: nothing is fetched from elsewhere.
	PicturesAt string
	// Pictures lets mails load pictures by https, as their readers' programs do.
	Pictures bool
}

// MailboxBooks is what the mailbox reads of the ledger.
type MailboxBooks interface {
	// List gives confirmations of a tenant, the newest first.
	List(ctx context.Context, q waxwing.Query) ([]waxwing.ConfirmationView, error)
	// Get gives one with its messages and trail: ErrNotFound for another tenant's.
	Get(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) (*waxwing.ConfirmationView, error)
	// Raw is the event that counts, see RawBooks.
	Raw(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) (format, topic string, raw []byte, err error)
}

// Mailbox is the page of the demonstration, and of serve where it keeps mails
// instead of sending them: it shows what the stand-ins took and what the ledger
// says of it. It keeps everything in memory and asks nobody for a key: it belongs
// on a loopback address, and with real orders behind Local.
type Mailbox struct {
	c MailboxConfig

	mu      sync.Mutex
	books   MailboxBooks
	tenants []mailboxTenant
	opened  time.Time
	looked  time.Time // when the ledger was last asked
	version int       // of the newest change
	rows    []*row    // their number is their place, from 1
	files   map[waxwing.ID]*file
	mails   map[string]*file      // by Message-ID
	texts   map[string]*file      // by number, the newest
	newest  map[string]waxwing.ID // by tenant

	acts             MailboxActs
	orders, releases paced
}

type mailboxTenant struct{ id, name, color, from string }

// NewMailbox returns one that shows letters; Open adds the ledger's view.
func NewMailbox(c MailboxConfig) *Mailbox {
	return &Mailbox{c: c, files: map[waxwing.ID]*file{}, mails: map[string]*file{}, texts: map[string]*file{},
		newest: map[string]waxwing.ID{}, opened: time.Now(), acts: MailboxActs{Title: "demo mailbox"},
		orders: paced{most: ordersAMinute}, releases: paced{most: releasesAMinute}}
}

// Open joins the mailbox to a running daemon's ledger.
func (m *Mailbox) Open(c *config.Config, books MailboxBooks) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.books, m.tenants = books, nil
	for _, id := range sortedNames(c.Tenants) {
		t := c.Tenants[id]
		m.tenants = append(m.tenants, mailboxTenant{id, t.Name, t.Brand.Color, t.From})
	}
}

// maxRows bounds the memory of a demonstration that is left alone.
const maxRows = 2000

// Take adds a letter. The caller gives its bytes away.
func (m *Mailbox) Take(l Letter) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.rows) >= maxRows {
		return
	}
	r := &row{letter: &l, At: l.At, Channel: l.Channel, To: l.To, Letter: true}
	if l.Channel == waxwing.Email {
		p := openMail(l.Data)
		r.Subject, r.Locale = p.subject, p.language
		for _, t := range m.tenants {
			if t.from == l.From {
				r.sender(t)
			}
		}
	} else {
		r.Subject = string(l.Data)
	}
	m.add(r)
	m.looked = time.Time{} // the ledger has news
}

//go:embed mailbox
var mailboxFiles embed.FS

// pageCSP lets the page run its own script and nothing else.
const pageCSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; frame-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// mailCSP is for the mail itself, whose content anybody may have written. The
// sandbox holds also where the address is opened without the frame.
const mailCSP = "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"

// Pages are the mailbox's routes, for Parts.Pages.
func (m *Mailbox) Pages() map[string]http.Handler {
	asset := func(name, ct string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { serveAsset(w, name, ct) })
	}
	return map[string]http.Handler{
		"GET /{$}":                          asset("page.html", "text/html; charset=utf-8"),
		"GET /mailbox/app.js":               asset("app.js", "text/javascript; charset=utf-8"),
		"GET /mailbox/app.css":              asset("app.css", "text/css; charset=utf-8"),
		"GET /mailbox/icon.svg":             asset("icon.svg", "image/svg+xml"),
		"GET /favicon.ico":                  http.RedirectHandler("/mailbox/icon.svg", http.StatusFound),
		"GET /mailbox/pictures/{name}":      http.HandlerFunc(m.picture),
		"GET /mailbox/feed":                 http.HandlerFunc(m.feed),
		"GET /mailbox/settings":             http.HandlerFunc(m.settings),
		"POST /mailbox/orders":              http.HandlerFunc(m.order),
		"POST /mailbox/letters/{n}/release": http.HandlerFunc(m.release),
		"GET /mailbox/letters/{n}":          http.HandlerFunc(m.contents),
		"GET /mailbox/letters/{n}/html":     http.HandlerFunc(m.display),
		"GET /mailbox/letters/{n}/source":   http.HandlerFunc(m.source),
		"GET /mailbox/letters/{n}/trail":    http.HandlerFunc(m.trail),
	}
}

func serveAsset(w http.ResponseWriter, name, ct string) {
	b, err := mailboxFiles.ReadFile("mailbox/" + name)
	if err != nil {
		http.Error(w, "there is no such file", http.StatusNotFound)
		return
	}
	secure(w.Header(), ct, pageCSP)
	_, _ = w.Write(b)
}

func secure(h http.Header, ct, csp string) {
	h.Set("Content-Type", ct)
	h.Set("Content-Security-Policy", csp)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
}

func (m *Mailbox) picture(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if strings.ContainsAny(name, "/\\") || !strings.HasSuffix(name, ".svg") {
		http.Error(w, "there is no such picture", http.StatusNotFound)
		return
	}
	serveAsset(w, "pictures/"+name, "image/svg+xml")
}

// row finds the row that the path names, or answers 404.
func (m *Mailbox) row(w http.ResponseWriter, r *http.Request) *row {
	n, err := strconv.Atoi(r.PathValue("n"))
	m.mu.Lock()
	defer m.mu.Unlock()
	if err != nil || n < 1 || n > len(m.rows) {
		http.Error(w, "there is no such letter", http.StatusNotFound)
		return nil
	}
	return m.rows[n-1]
}

// letterOf is like row where there must be a letter.
func (m *Mailbox) letterOf(w http.ResponseWriter, r *http.Request) *Letter {
	x := m.row(w, r)
	if x == nil {
		return nil
	}
	if x.letter == nil {
		http.Error(w, "nothing was sent yet", http.StatusNotFound)
	}
	return x.letter
}

func (m *Mailbox) contents(w http.ResponseWriter, r *http.Request) {
	l := m.letterOf(w, r)
	if l == nil {
		return
	}
	out := struct {
		Text    string `json:"text"`
		Size    int    `json:"size"`
		From    string `json:"from"`
		To      string `json:"to"`
		ID      string `json:"id"`
		HasHTML bool   `json:"has_html"`
	}{Text: string(l.Data), Size: len(l.Data), From: l.From, To: l.To, ID: l.ID}
	if l.Channel == waxwing.Email {
		p := openMail(l.Data)
		out.Text, out.From, out.To, out.HasHTML = p.text, p.from, p.to, p.html != ""
	}
	m.json(w, out)
}

// display serves the mail's HTML for the sandboxed frame. ?scheme=light or dark
// settles what the mail would otherwise ask the reader's device.
func (m *Mailbox) display(w http.ResponseWriter, r *http.Request) {
	l := m.letterOf(w, r)
	if l == nil {
		return
	}
	csp := mailCSP
	if m.c.Pictures {
		csp = strings.Replace(csp, "img-src 'self'", "img-src 'self' https:", 1)
	}
	secure(w.Header(), "text/html; charset=utf-8", csp)
	_, _ = w.Write([]byte(forDisplay(openMail(l.Data).html, r.URL.Query().Get("scheme"), m.c.PicturesAt)))
}

// source gives the exact bytes, as text that no browser takes for anything else.
func (m *Mailbox) source(w http.ResponseWriter, r *http.Request) {
	if l := m.letterOf(w, r); l != nil {
		secure(w.Header(), "text/plain; charset=utf-8", mailCSP)
		_, _ = w.Write(l.Data)
	}
}

func (m *Mailbox) json(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	secure(w.Header(), "application/json", mailCSP)
	_, _ = w.Write(b)
}

// trail tells a row's confirmation as a story, fresh from the ledger.
func (m *Mailbox) trail(w http.ResponseWriter, r *http.Request) {
	x := m.row(w, r)
	if x == nil {
		return
	}
	m.mu.Lock()
	f, books := x.file, m.books
	m.mu.Unlock()
	out := struct {
		Confirmation string        `json:"confirmation"`
		Tenant       string        `json:"tenant"`
		State        waxwing.State `json:"state"`
		Reason       string        `json:"reason,omitempty"`
		Steps        []Step        `json:"steps"`
	}{Steps: []Step{}}
	if f != nil && books != nil {
		if v, err := books.Get(r.Context(), waxwing.TenantID(f.tenant.id), f.view.ID); err == nil {
			out.Confirmation, out.Tenant, out.State, out.Reason, out.Steps = v.ID.String(), f.tenant.id, v.State, v.Reason, Story(v)
		}
	}
	m.json(w, out)
}
