package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
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
	// Bytes gives a message as it was offered, the n-th, or the newest e-mail where n is 0.
	Bytes(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, n int) (*waxwing.Outgoing, error)
	// Stop cancels what has not passed its commit point; ErrState: there is nothing to cancel.
	Stop(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, act waxwing.Act) error
	// Release puts what is held or quarantined back to work; ErrState: it is neither.
	Release(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, act waxwing.Act) error
	// Suppress keeps an address or number from being written to, and stops what is queued for it.
	Suppress(ctx context.Context, tenant waxwing.TenantID, address string, act waxwing.Act) error
	// Erase fails with ErrState where what it found is of several people and not
	// confirmed, and with a Permanent error where the address is none.
	Erase(ctx context.Context, tenant waxwing.TenantID, ask waxwing.Erase) (waxwing.Erasure, error)
	// Scrub says how far copies of what was erased are overwritten.
	Scrub() waxwing.Scrub
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
	Meter *Meter
	// Schema is the generic order's JSON Schema.
	Schema []byte
	// Ready says why the daemon is not ready to take orders; nil: it is.
	Ready func() error
	// Pages are further routes: the demonstration's mailbox.
	Pages map[string]http.Handler
	// Version is the program's, as the page at / shows it.
	Version string
	// Connections is how many clients are let in at once; 0: a thousand.
	Connections int
	// Room is how many bytes bodies that come in may take together, and answers that
	// nobody reads; 0: 64 MiB.
	Room int64
	Log  *slog.Logger
}

// Server answers HTTP.
type Server struct {
	p       Parts
	maxBody int64
	door    atomic.Pointer[access]
	refused refusals
	pings   chan struct{}
	uploads sync.Map // TenantID: a plugin is being put
	gate    *gate
	reads   *reads
	desks   *desks
	bodies  *bodies
	guesses guesses
	http    http.Server
}

// New makes the routes.
func New(p Parts) *Server {
	if p.Log == nil {
		p.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{p: p, maxBody: p.Config.HTTP.MaxBody, pings: make(chan struct{}, 1)}
	s.Use(p.Config, p.Formats)
	s.refused = refusals{log: p.Log, meter: p.Meter, now: time.Now}
	s.guesses.now = time.Now
	s.gate, s.bodies = newGate(cmp.Or(p.Connections, DefaultConnections), s.refused.crowded), newBodies(s.maxBody, p.Room)
	s.reads, s.desks = newReads(), newDesks(s.gate.max)
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
	m.HandleFunc("POST /hooks/{tenant}/{shop}", s.webhook)
	const t = "/v1/tenants/{tenant}"
	m.HandleFunc("POST "+t+"/orders", s.api(s.postOrder))
	m.HandleFunc("GET "+t+"/confirmations", s.api(s.list))
	m.HandleFunc("GET "+t+"/counts", s.api(s.count))
	m.HandleFunc("GET "+t+"/confirmations/{id}", s.api(s.get))
	m.HandleFunc("GET "+t+"/confirmations/{id}/message", s.api(s.message))
	m.HandleFunc("POST "+t+"/confirmations/{id}/resend", s.api(s.resend))
	m.HandleFunc("POST "+t+"/confirmations/{id}/cancel", s.api(s.cancel))
	m.HandleFunc("POST "+t+"/confirmations/{id}/retry", s.api(s.retry))
	m.HandleFunc("POST "+t+"/people/erase", s.api(s.erase))
	m.HandleFunc("GET "+t+"/people/erase", s.api(s.erasures))
	m.HandleFunc("POST "+t+"/people/suppress", s.api(s.suppress))
	s.pluginRoutes(m)
	s.describe(m)
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	m.HandleFunc("GET /readyz", s.readyz)
	if s.p.Meter != nil {
		m.Handle("GET /metrics", s.adminOnly(s.p.Meter.Handler()))
	}
	for pattern, h := range s.p.Pages {
		m.Handle(pattern, h)
	}
	if s.p.Pages[home] == nil {
		m.HandleFunc(home, s.home)
	}
	return m
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
			problem(w, http.StatusInternalServerError, "internal error", "see the daemon's log; send the event again")
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
		problem(w, http.StatusBadRequest, "bad request", "it has both Content-Length and Transfer-Encoding, or a Content-Length that can be read in two ways")
		return false
	}
	if !r.ProtoAtLeast(1, 1) && c.framing.chunked.Load() { // RFC 9112, 6.1: net/http passes over it
		w.Header().Set("Connection", "close")
		problem(w, http.StatusBadRequest, "bad request", "HTTP/1.0 has no Transfer-Encoding")
		return false
	}
	if len(r.TransferEncoding) > 0 {
		w.Header().Set("Connection", "close")
	}
	return true
}

func (s *Server) readyz(w http.ResponseWriter, _ *http.Request) {
	if s.p.Ready != nil {
		if err := s.p.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	_, _ = io.WriteString(w, "ready\n")
}

func (s *Server) adminOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admin := s.access().admin
		if len(admin.sums) == 0 {
			h.ServeHTTP(w, r)
			return
		}
		if s.barred(w, r) {
			return
		}
		if !admin.opens(r) {
			s.refused.key("", "", whyNoKey(r), r.Pattern)
			s.unauthorized(w, r, "an admin key is needed: Authorization: Bearer ...")
			return
		}
		s.proven(r)
		h.ServeHTTP(w, r)
	})
}

// fault is an answer other than success.
type fault struct {
	status int
	title  string
	detail string
}

func (f fault) Error() string { return f.title }

// api checks the tenant's key and turns errors into RFC 9457 answers. An
// unknown tenant looks like a wrong key.
func (s *Server) api(h func(http.ResponseWriter, *http.Request, waxwing.TenantID) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.barred(w, r) {
			return
		}
		t := waxwing.TenantID(r.PathValue("tenant"))
		a := s.access()
		if _, known := a.tenants[string(t)]; !a.keys[t].opens(r) && (!known || !a.admin.opens(r)) {
			s.refuseKey(r, t, known)
			s.unauthorized(w, r, "send the tenant's key: Authorization: Bearer ...")
			return
		}
		s.proven(r)
		if !strings.HasSuffix(r.Pattern, "/orders") {
			if !s.desks.enter(t) {
				w.Header().Set("Retry-After", "1")
				problem(w, http.StatusTooManyRequests, "too many at once", "other requests of this tenant are under way: wait for their answers")
				return
			}
			defer s.desks.leave(t)
		}
		if err := h(w, r, t); err != nil {
			s.answer(w, r, err)
		}
	}
}

func (s *Server) answer(w http.ResponseWriter, r *http.Request, err error) {
	var f fault
	var tooLarge *http.MaxBytesError
	var later *waxwing.LaterError
	switch {
	case errors.As(err, &f):
		problem(w, f.status, f.title, f.detail)
	case errors.As(err, &tooLarge):
		problem(w, http.StatusRequestEntityTooLarge, "body too large", fmt.Sprintf("a request body has at most %s (http.max_body)", bytesInWords(s.maxBody)))
	case errors.As(err, &later):
		status, title := http.StatusServiceUnavailable, "busy"
		if later.Quota {
			status, title = http.StatusTooManyRequests, "too much"
		}
		w.Header().Set("Retry-After", strconv.Itoa(max(int((later.After+time.Second-1)/time.Second), 1)))
		problem(w, status, title, later.Text)
	case errors.Is(err, waxwing.ErrNotFound):
		problem(w, http.StatusNotFound, "not found", saidOnce(err, waxwing.ErrNotFound))
	case errors.Is(err, waxwing.ErrState):
		problem(w, http.StatusConflict, "not possible now", saidOnce(err, waxwing.ErrState))
	case errors.Is(err, waxwing.ErrStopping), errors.Is(err, waxwing.ErrUnavailable):
		w.Header().Set("Retry-After", "5")
		problem(w, http.StatusServiceUnavailable, "unavailable", "nothing was recorded; try again")
	case waxwing.IsPermanent(err):
		problem(w, http.StatusUnprocessableEntity, "unprocessable", err.Error())
	default:
		s.p.Log.Error("request failed", "method", r.Method, "route", r.Pattern, "err", err)
		problem(w, http.StatusInternalServerError, "internal error", "nothing was changed; see the daemon's log")
	}
}

// saidOnce is an error without the words of its kind at the end, which the answer's
// title says.
func saidOnce(err, kind error) string {
	if s, ok := strings.CutSuffix(err.Error(), ": "+kind.Error()); ok && strings.Contains(s, " ") {
		return s
	}
	return err.Error()
}

// problem writes an error as RFC 9457 has it.
func problem(w http.ResponseWriter, status int, title, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct {
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail,omitempty"`
	}{title, status, detail})
}

func writeJSON(w http.ResponseWriter, status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
	return nil
}

// readBody reads a request body within the limits (docs/security.md, "Ways in").
func (s *Server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if encoded(r) {
		return nil, errEncoded
	}
	if r.ContentLength > s.maxBody {
		return nil, &http.MaxBytesError{Limit: s.maxBody}
	}
	body := http.MaxBytesReader(w, r.Body, s.maxBody)
	b, err := s.bodies.read(r, body, s.maxBody)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil && r.ContentLength > int64(len(b)), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fault{http.StatusBadRequest, "bad body", "the body ended early"}
	case err != nil && !errors.As(err, &tooLarge) && !errors.Is(err, waxwing.ErrUnavailable):
		err = fault{http.StatusBadRequest, "bad body", "the body could not be read"}
	}
	return b, err
}

var errEncoded = fault{http.StatusUnsupportedMediaType, "encoded body", "send the body without Content-Encoding"}

// encoded reports whether a body is anything but itself, on however many lines it is
// said: signatures are over the raw bytes, and a small body must not become a large one.
func encoded(r *http.Request) bool {
	for _, line := range r.Header.Values("Content-Encoding") {
		for e := range strings.SplitSeq(line, ",") {
			if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") {
				return true
			}
		}
	}
	return false
}
