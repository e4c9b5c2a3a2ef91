package webpush

import (
	_ "embed"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"sync/atomic"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/reach"
)

// The scripts of a shop's page: what asks a customer, and what shows her a message.
var (
	//go:embed worker.js
	workerScript []byte
	//go:embed subscribe.js
	subscribeScript []byte
)

// Subscriptions answers the browsers of shops' customers, below /push/{tenant}/: key, the VAPID public
// key; subscriptions, which seals what a browser posts for the shop to pass on; and the scripts
// subscribe.js and worker.js. It keeps nothing of whom it answers. It is safe for concurrent use.
type Subscriptions struct {
	mux   http.ServeMux
	doors atomic.Pointer[map[waxwing.TenantID]*door]
}

// door is what one tenant's customers subscribe by.
type door struct {
	sealer *sealer
	public string
}

// NewSubscriptions makes one without doors: see Use.
func NewSubscriptions() *Subscriptions {
	s := &Subscriptions{}
	s.doors.Store(&map[waxwing.TenantID]*door{})
	s.mux.HandleFunc("GET /push/{tenant}/key", s.of(func(w http.ResponseWriter, _ *http.Request, d *door) {
		say(w, "text/plain; charset=utf-8", []byte(d.public))
	}))
	s.mux.HandleFunc("GET /push/{tenant}/worker.js", s.of(func(w http.ResponseWriter, _ *http.Request, _ *door) {
		say(w, "text/javascript; charset=utf-8", workerScript)
	}))
	s.mux.HandleFunc("GET /push/{tenant}/subscribe.js", s.of(func(w http.ResponseWriter, _ *http.Request, _ *door) {
		say(w, "text/javascript; charset=utf-8", subscribeScript)
	}))
	s.mux.HandleFunc("POST /push/{tenant}/subscriptions", s.of(subscribe))
	s.mux.HandleFunc("OPTIONS /push/{tenant}/subscriptions", s.of(func(w http.ResponseWriter, _ *http.Request, _ *door) {
		w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
		w.WriteHeader(http.StatusNoContent)
	}))
	return s
}

// Use has each tenant's customers subscribe by these settings, and nobody else's. A key that is none
// opens no door: the provider that has it has said so.
func (s *Subscriptions) Use(by map[waxwing.TenantID]*Settings) {
	doors, made := make(map[waxwing.TenantID]*door, len(by)), map[*Settings]*door{}
	for tenant, set := range by {
		if made[set] == nil {
			made[set] = newDoor(set)
		}
		if made[set] != nil {
			doors[tenant] = made[set]
		}
	}
	s.doors.Store(&doors)
}

func newDoor(set *Settings) *door {
	key, err := readKey(set.Key)
	if err != nil {
		return nil
	}
	raw, err := key.Bytes()
	if err != nil {
		return nil
	}
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return nil
	}
	x, err := newSealer(raw)
	if err != nil {
		return nil
	}
	return &door{x, b64.EncodeToString(public)}
}

// ServeHTTP is http.Handler's.
func (s *Subscriptions) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// of answers for a tenant that has a door. Any shop's page may ask: what it gets is of use to its own tenant only.
func (s *Subscriptions) of(answer func(http.ResponseWriter, *http.Request, *door)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		d := (*s.doors.Load())[waxwing.TenantID(r.PathValue("tenant"))]
		if d == nil {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", "*")
		answer(w, r, d)
	}
}

func say(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(body) // who does not read it has gone
}

// subscribe seals a browser's subscription.
func subscribe(w http.ResponseWriter, r *http.Request, d *door) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxSubscription))
	if err != nil {
		http.Error(w, "the subscription is longer than 4,096 bytes", http.StatusRequestEntityTooLarge)
		return
	}
	t, err := readSubscription(string(raw))
	if err == nil && !public(t.endpoint) {
		err = errSubscription
	}
	if err != nil {
		http.Error(w, "want a subscription as PushSubscription.toJSON gives it, whose endpoint is an https address of the public internet", http.StatusUnprocessableEntity)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]string{"recipient": d.sealer.seal(waxwing.TenantID(r.PathValue("tenant")), t)}) // who does not read it has gone
}

// public reports whether an endpoint may be a push service, as far as its name says; what the name
// resolves to is seen when a message is sent.
func public(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "https" || config.IsLoopback(u.Hostname()) {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return err != nil || reach.Public(ip)
}
