// Package mailbox is the page that shows what stand-ins for providers took, and what the ledger
// says of it: of the demonstration, and of serve where mails are kept instead of sent.
package mailbox

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
	"github.com/waxwinghq/waxwing/web"
	"github.com/waxwinghq/waxwing/web/letter"
	"github.com/waxwinghq/waxwing/web/story"
)

// Letter is a message that a stand-in for a provider took.
type Letter struct {
	Channel  waxwing.Channel
	ID       string // the Message-ID, or the text's idempotency key
	From, To string
	Data     []byte // the whole e-mail, or the text of an SMS
	At       time.Time
}

// Config is what the mailbox needs before the daemon runs.
type Config struct {
	// Formats read the orders of what has no mail yet.
	Formats map[string]waxwing.Format
	// PicturesAt is the address under which invented shops keep their pictures.
	// For display it becomes the mailbox's own: nothing is fetched from elsewhere.
	PicturesAt string
	// Pictures lets mails load pictures by https, as their readers' programs do.
	Pictures bool
}

// Books is what the mailbox reads of the ledger.
type Books interface {
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
	c    Config
	list *list

	mu               sync.Mutex
	acts             Acts
	orders, releases paced
}

// New returns one that shows letters; Open adds the ledger's view.
func New(c Config) *Mailbox {
	return &Mailbox{c: c, list: newList(c.Formats), acts: Acts{Title: "demo mailbox"},
		orders: paced{most: ordersAMinute}, releases: paced{most: releasesAMinute}}
}

// Open joins the mailbox to a running daemon's ledger.
func (m *Mailbox) Open(c *config.Config, books Books) { m.list.open(c, books) }

// Take adds a letter. The caller gives its bytes away.
func (m *Mailbox) Take(l Letter) { m.list.take(l) }

//go:embed app.css app.js trouble.js icon.svg page.html pictures
var assets embed.FS

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
		"GET /mailbox/trouble.js":           asset("trouble.js", "text/javascript; charset=utf-8"),
		"GET /mailbox/trouble":              http.HandlerFunc(m.trouble),
		"POST /mailbox/trouble":             http.HandlerFunc(m.makeTrouble),
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
	b, err := assets.ReadFile(name)
	if err != nil {
		http.Error(w, "there is no such file", http.StatusNotFound)
		return
	}
	web.Secure(w.Header(), ct, pageCSP)
	_, _ = w.Write(b)
}

func (m *Mailbox) picture(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if strings.ContainsAny(name, "/\\") || !strings.HasSuffix(name, ".svg") {
		http.Error(w, "there is no such picture", http.StatusNotFound)
		return
	}
	serveAsset(w, "pictures/"+name, "image/svg+xml")
}

// feed answers what changed after ?since=, which is 0 at first.
func (m *Mailbox) feed(w http.ResponseWriter, r *http.Request) {
	since, _ := strconv.Atoi(r.URL.Query().Get("since"))
	m.json(w, m.list.since(r.Context(), since))
}

// row finds the row that the path names, or answers 404.
func (m *Mailbox) row(w http.ResponseWriter, r *http.Request) *row {
	n, err := strconv.Atoi(r.PathValue("n"))
	if err == nil {
		if x := m.list.row(n); x != nil {
			return x
		}
	}
	http.Error(w, "there is no such letter", http.StatusNotFound)
	return nil
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
		p := letter.Open(l.Data)
		out.Text, out.From, out.To, out.HasHTML = p.Text, p.From, p.To, p.HTML != ""
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
	web.Secure(w.Header(), "text/html; charset=utf-8", csp)
	_, _ = w.Write([]byte(forDisplay(letter.Open(l.Data).HTML, r.URL.Query().Get("scheme"), m.c.PicturesAt)))
}

// source gives the exact bytes, as text that no browser takes for anything else.
func (m *Mailbox) source(w http.ResponseWriter, r *http.Request) {
	if l := m.letterOf(w, r); l != nil {
		web.Secure(w.Header(), "text/plain; charset=utf-8", mailCSP)
		_, _ = w.Write(l.Data)
	}
}

func (m *Mailbox) json(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	web.Secure(w.Header(), "application/json", mailCSP)
	_, _ = w.Write(b)
}

// trail tells a row's confirmation as a story, fresh from the ledger.
func (m *Mailbox) trail(w http.ResponseWriter, r *http.Request) {
	x := m.row(w, r)
	if x == nil {
		return
	}
	f, books := m.list.fileOf(x)
	out := struct {
		Confirmation string        `json:"confirmation"`
		Tenant       string        `json:"tenant"`
		State        waxwing.State `json:"state"`
		Reason       string        `json:"reason,omitempty"`
		Steps        []story.Step  `json:"steps"`
	}{Steps: []story.Step{}}
	if f != nil && books != nil {
		if v, err := books.Get(r.Context(), waxwing.TenantID(f.tenant.id), f.view.ID); err == nil {
			out.Confirmation, out.Tenant, out.State, out.Reason, out.Steps = v.ID.String(), f.tenant.id, v.State, v.Reason, story.Tell(v)
		}
	}
	m.json(w, out)
}
