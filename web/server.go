package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/web/metrics"
)

// Intake takes events; it answers only after they are on disk.
type Intake interface {
	// Accept records an event, of which Tenant, Shop, Source, Topic and Raw say what came: when
	// it returns without an error the event is on disk. The event is Accept's from then on, Raw
	// with it. ErrUnavailable: the caller tells the shop to come again; a Permanent error: not.
	Accept(ctx context.Context, ev *waxwing.Event) (waxwing.Receipt, error)
}

// Desk is what support staff may do to a confirmation.
type Desk interface {
	// Resend queues a new message of the confirmation and says whether it was
	// rendered anew.
	Resend(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, ask waxwing.Resend) (msg waxwing.ID, rendered bool, err error)
	// Wake has a released confirmation worked on now, rather than at the next sweep.
	Wake(id waxwing.ID)
}

// Books is what the ledger shows and lets staff change.
type Books interface {
	// List gives confirmations of a tenant, the newest first, as many as the query's limit.
	List(ctx context.Context, q waxwing.Query) ([]waxwing.ConfirmationView, error)
	// Count tells exactly how many confirmations came to each outcome, of the query's shop and
	// span of time.
	Count(ctx context.Context, q waxwing.Query) (map[waxwing.State]int64, error)
	// Get gives one with its messages and trail: ErrNotFound for another tenant's.
	Get(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) (*waxwing.ConfirmationView, error)
	// Raw is the event that counts, see RawBooks.
	Raw(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) (format, topic string, raw []byte, err error)
	// Known gives the confirmations of a tenant's orders, with messages and attempts, each in its order's place; nil where
	// there is none.
	Known(ctx context.Context, tenant waxwing.TenantID, orders []waxwing.OrderRef) ([]*waxwing.ConfirmationView, error)
	// Deliveries judges a piece of the query's span of time, from its Before on downwards.
	Deliveries(ctx context.Context, q waxwing.Query) (*waxwing.Deliveries, error)
	// Bytes gives a message as it was offered, the n-th, or the newest e-mail where n is 0.
	Bytes(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, n int) (*waxwing.Outgoing, error)
	// Stop cancels what has not passed its commit point; ErrState: there is nothing to cancel.
	Stop(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, act waxwing.Act) error
	// Release puts what is held or quarantined back to work; ErrState: it is neither.
	Release(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, act waxwing.Act) error
	// Suppress keeps an address or number from being written to, and stops what is queued for it.
	Suppress(ctx context.Context, tenant waxwing.TenantID, address string, act waxwing.Act) error
	SuppressionBooks
	// Erase fails with ErrState where what it found is of several people and not
	// confirmed, and with a Permanent error where the address is none.
	Erase(ctx context.Context, tenant waxwing.TenantID, ask waxwing.Erase) (waxwing.Erasure, error)
	// Scrub says how far copies of what was erased are overwritten.
	Scrub() waxwing.Scrub
}

// SuppressionBooks are the addresses that are not to be written to.
type SuppressionBooks interface {
	// SuppressAll suppresses several, and says how many were not suppressed before.
	SuppressAll(ctx context.Context, tenant waxwing.TenantID, all []waxwing.Suppress) (added int, err error)
	// Lift has an address be written to again; lifted is false where it was not suppressed.
	Lift(ctx context.Context, tenant waxwing.TenantID, o *waxwing.Suppress) (lifted bool, err error)
	// Suppressed gives suppressions, the newest first; a Permanent error: the prefix is none of an id's.
	Suppressed(ctx context.Context, q *waxwing.SuppressionQuery) ([]waxwing.Suppression, error)
	// SuppressionKey tells ledgers' ids of suppressions apart.
	SuppressionKey(tenant waxwing.TenantID) (string, error)
}

// Parts is what the server is put together from.
type Parts struct {
	Config  *config.Config
	Formats map[string]waxwing.Format
	Intake  Intake
	Desk    Desk
	Books   Books
	// Workshop and Shelves are the tenants' plugins; nil: plugins are off.
	Workshop Workshop
	Shelves  Shelves
	// Uses is what a tenant's plugins have taken since the start; nil: nobody counts.
	Uses  func(waxwing.TenantID) waxwing.TenantUse
	Meter *metrics.Meter
	// Sources is how it stands with the sources of events, by name; nil: there are none.
	Sources func() map[string]metrics.Source
	// Schema is the generic order's JSON Schema.
	Schema []byte
	// Ready says why the daemon is not ready to take orders; nil: it is.
	Ready func() error
	// Callbacks takes what a provider posted to /feedback/{tenant}/{provider}, whose body is raw, and
	// gives the status to answer with; believed: it was signed. nil: there is no such route.
	Callbacks func(r *http.Request, raw []byte) (status int, believed bool)
	// Caught are a tenant's messages that the sandbox caught, the newest first; nil: there is none.
	Caught func(waxwing.TenantID) []waxwing.Caught
	// Pages are further routes: the demonstration's mailbox.
	Pages map[string]http.Handler
	// Version is the program's, as the page at / shows it.
	Version string
	// Connections is how many clients are let in at once; 0: a thousand.
	Connections int
	// Room is how many bytes bodies that come in may take together, and answers that
	// nobody reads; 0: 64 MiB.
	Room int64
	// Bare has it say how this process is, and nothing else: it takes no orders.
	Bare bool
	Log  *slog.Logger
}

// Server answers HTTP.
type Server struct {
	p      Parts
	doors  *doors
	gate   *gate
	bodies *bodies
	http   http.Server
}

// New makes the routes.
func New(p Parts) *Server {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{p: p, doors: &doors{}}
	s.Use(p.Config, p.Formats)
	s.doors.refused = refusals{log: p.Log, meter: p.Meter, now: time.Now}
	s.doors.guesses.now = time.Now
	s.gate, s.bodies = newGate(cmp.Or(p.Connections, DefaultConnections), s.doors.refused.crowded), newBodies(p.Config.HTTP.MaxBody, p.Room)
	s.doors.desks = newDesks(s.gate.max)
	s.gate.maxOut = cmp.Or(p.Room, maxOut)
	s.http = http.Server{Handler: s.guard(s.routes()), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 20 * time.Second,
		WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 32 << 10, ConnState: changed, ConnContext: withConn,
		ErrorLog: slog.NewLogLogger(p.Log.Handler(), slog.LevelDebug)}
	if p.Meter != nil {
		p.Meter.Connections(s.gate.open)
	}
	return s
}

// DefaultConnections is how many clients are let in at once where nothing else is asked for.
const DefaultConnections = 1000

// Use has requests from now on see the tenants and keys of a configuration, and the
// formats of its shops, which are kept. Connections and what the server has counted stay.
func (s *Server) Use(c *config.Config, formats map[string]waxwing.Format) { s.doors.use(c, formats) }

// Handler is the server's routes, for tests.
func (s *Server) Handler() http.Handler { return s.http.Handler }

// Serve answers on a listener until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.Serve(door{l, s.gate}); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Shutdown takes no new connections and waits for answers under way until the
// context ends. Then it hangs up: who got no answer sends again, so a client
// that never ends its request is no reason to fail.
func (s *Server) Shutdown(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil && ctx.Err() != nil {
		return s.http.Close()
	}
	return err
}

func (s *Server) routes() http.Handler {
	m := http.NewServeMux()
	if !s.p.Bare {
		s.orders(m)
	}
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	verbose := s.doors.adminOnly(http.HandlerFunc(s.readyVerbose))
	m.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("verbose") {
			verbose.ServeHTTP(w, r)
			return
		}
		s.readyz(w, r)
	})
	if s.p.Meter != nil {
		m.Handle("GET /metrics", s.doors.adminOnly(s.p.Meter.Handler()))
	}
	return m
}

// orders makes the routes of whoever takes orders in and tells of them.
func (s *Server) orders(m *http.ServeMux) {
	said := &problems{s.p.Log, s.bodies.most}
	(&hooks{doors: s.doors, bodies: s.bodies, problems: said, intake: s.p.Intake, log: s.p.Log, now: time.Now, pings: make(chan struct{}, 1), callbacks: s.p.Callbacks}).routes(m)
	a := &api{doors: s.doors, bodies: s.bodies, problems: said, log: s.p.Log}
	large := newReads()
	(&confirmations{api: a, intake: s.p.Intake, desk: s.p.Desk, books: s.p.Books, reads: large, yield: s.gate.yield}).routes(m)
	(&accounts{api: a, intake: s.p.Intake, books: s.p.Books, reads: large}).routes(m)
	(&caught{api: a, list: s.p.Caught, books: s.p.Books, reads: large}).routes(m)
	(&people{api: a, books: s.p.Books, yield: s.gate.yield}).routes(m)
	(&plugins{api: a, workshop: s.p.Workshop, shelves: s.p.Shelves, uses: s.p.Uses}).routes(m)
	s.describe(m)
	for pattern, h := range s.p.Pages {
		m.Handle(pattern, h)
	}
	if s.p.Pages[home] == nil {
		m.HandleFunc(home, s.home)
	}
}

// guard answers a fault of ours with 500 and says so in the log: the server's
// own answer would be a closed connection and silence.
func (s *Server) guard(h http.Handler) http.Handler {
	label := pprof.WithLabels(context.Background(), pprof.Labels("part", "http"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pprof.SetGoroutineLabels(label)
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if e, is := v.(error); is && errors.Is(e, http.ErrAbortHandler) {
				panic(v)
			}
			s.p.Log.Error("a request failed; this is a fault of ours", "method", r.Method, "route", r.Pattern,
				"panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			Problem(w, http.StatusInternalServerError, "internal error", "see the daemon's log; send the event again")
		}()
		if !framed(w, r) {
			return
		}
		visits(r)
		h.ServeHTTP(w, r)
	})
}

// framed refuses a request of two lengths (RFC 9112, 6.1). After one whose body is
// chunked the connection is not used again: what follows it is not looked through.
func framed(w http.ResponseWriter, r *http.Request) bool {
	c := connOf(r)
	if c == nil {
		return true
	}
	if c.framing.both.Load() {
		w.Header().Set("Connection", "close")
		Problem(w, http.StatusBadRequest, "bad request", "it has both Content-Length and Transfer-Encoding, or a Content-Length that can be read in two ways")
		return false
	}
	if !r.ProtoAtLeast(1, 1) && c.framing.chunked.Load() { // RFC 9112, 6.1: net/http passes over it
		w.Header().Set("Connection", "close")
		Problem(w, http.StatusBadRequest, "bad request", "HTTP/1.0 has no Transfer-Encoding")
		return false
	}
	if len(r.TransferEncoding) > 0 {
		w.Header().Set("Connection", "close")
	}
	return true
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if err := s.ready(); err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, "ready\n")
}

func (s *Server) ready() error {
	if s.p.Ready == nil {
		return nil
	}
	return s.p.Ready()
}

// readyVerbose also says how it stands with each source: one that fails is no reason to send no webhooks here, so
// that the status is that of /readyz. Programs ask for application/json.
func (s *Server) readyVerbose(w http.ResponseWriter, r *http.Request) {
	all := map[string]metrics.Source{}
	if s.p.Sources != nil {
		all = s.p.Sources()
	}
	err := s.ready()
	status := http.StatusOK
	if err != nil {
		status = http.StatusServiceUnavailable
	}
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		said := struct {
			Ready   bool                      `json:"ready"`
			Reason  string                    `json:"reason,omitempty"`
			Sources map[string]metrics.Source `json:"sources"`
		}{Ready: err == nil, Sources: all}
		if err != nil {
			said.Reason = err.Error()
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(said) // who asked may be gone
		return
	}
	var b strings.Builder
	if err != nil {
		b.WriteString("not ready: " + err.Error() + "\n")
	} else {
		b.WriteString("ready\n")
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.WriteString("source " + name + ": " + all[name].Line(time.Now()) + "\n")
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, b.String()) // who asked may be gone
}
