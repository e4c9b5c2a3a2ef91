package web

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
)

// hook is one shop's webhook.
type hook struct {
	format  waxwing.Format
	url     string // the address that it posts to; "": as the request says
	secrets []waxwing.Secret
	pinged  atomic.Pointer[string] // the day of the newest test delivery that is recorded
}

// hooks takes shops' webhooks.
type hooks struct {
	doors    *doors
	bodies   *bodies
	problems *problems
	intake   Intake
	log      *slog.Logger
	now      func() time.Time
	pings    chan struct{} // one test delivery is recorded at a time
	// callbacks is Parts'.
	callbacks func(r *http.Request, raw []byte) (status int, believed bool)
}

func (x *hooks) routes(m *http.ServeMux) {
	m.HandleFunc("POST /hooks/{tenant}/{shop}", x.webhook)
	if x.callbacks != nil {
		m.HandleFunc("POST /feedback/{tenant}/{provider}", x.callback)
	}
}

// maxCallback is the largest of a provider's callbacks, in bytes: SendGrid's batches end at 768 KiB.
const maxCallback = 1 << 20

// callback answers a provider with a status alone.
func (x *hooks) callback(w http.ResponseWriter, r *http.Request) {
	unheard(r)
	r.Body = http.MaxBytesReader(w, r.Body, maxCallback)
	raw, err := x.bodies.take(w, r)
	if err != nil {
		x.problems.answer(w, r, err)
		return
	}
	status, believed := x.callbacks(r, raw)
	if believed {
		trust(r)
	} else {
		enter(r, stranger)
	}
	if status == http.StatusNotFound {
		http.NotFound(w, r) // as any path that there is not
		return
	}
	w.WriteHeader(status)
}

// nobodys stands in where a shop has fewer secrets than others, or there is no such
// shop. It is no secret: nothing that it signs is believed.
const nobodys = waxwing.Secret("no such shop")

// check verifies a webhook. It does the same work whether the tenant and the shop exist,
// whatever their format and however many secrets they have: else the time of an answer
// would tell, of a large body above all.
func (x *hooks) check(h *hook, r *http.Request, raw []byte) bool {
	a := x.doors.access()
	f, secrets := a.anyFormat, []waxwing.Secret(nil)
	if h != nil {
		f, secrets = h.format, h.secrets
	}
	if f.Verify == nil { // there are no webhooks at all
		return false
	}
	waxwing.SetPostedTo(r.Header, addressOf(h, r))
	signed := false
	for i := range a.mostSecrets {
		known := i < len(secrets) && secrets[i] != ""
		secret := nobodys
		if known {
			secret = secrets[i]
		}
		if f.Verify(r.Header, raw, []waxwing.Secret{secret}) && known {
			signed = true
		}
	}
	return signed && fresh(f, r.Header, x.now())
}

// addressOf is the address that a webhook was posted to. What the request says of it may be a lie,
// which helps nobody: the signature is the shop's over whatever address is signed.
func addressOf(h *hook, r *http.Request) string {
	if h != nil && h.url != "" {
		return h.url
	}
	host, _, _ := strings.Cut(r.Header.Get("X-Forwarded-Host"), ",") // the outermost proxy's
	if host = strings.TrimSpace(host); host == "" {
		host = r.Host
	}
	return "https://" + host + r.URL.RequestURI()
}

// signatureAge is how long ago a webhook may have been signed, and by how much the shop's clock
// may be ahead of ours: what a shop sends again it signs again, and five minutes are what all
// shops name that sign a time.
const signatureAge = 5 * time.Minute

// fresh reports whether a webhook was signed lately, if its format says when.
func fresh(f waxwing.Format, h http.Header, now time.Time) bool {
	if f.SignedAt == nil {
		return true
	}
	at := f.SignedAt(h)
	// Shops sign whole seconds: the one that has begun counts.
	return !at.IsZero() && now.Truncate(time.Second).Sub(at).Abs() <= signatureAge
}

func (x *hooks) webhook(w http.ResponseWriter, r *http.Request) {
	tenant, shop := r.PathValue("tenant"), r.PathValue("shop")
	h := x.doors.access().shops[tenant+"/"+shop]
	unheard(r) // what it brought is recorded, whether it waits for the answer or not
	raw, err := x.bodies.take(w, r)
	if err != nil {
		x.doors.refuseHook(r, h, errorInWords(err))
		x.problems.answer(w, r, err)
		return
	}
	if !x.check(h, r, raw) {
		enter(r, stranger)
		if x.isPing(raw) {
			x.ping(r.Context(), h, tenant, shop, raw)
			w.WriteHeader(http.StatusOK)
			return
		}
		x.doors.refuseHook(r, h, "")
		if x.isSigned(r) && x.doors.guesses.missed(r) {
			x.doors.guesses.tooMany(w)
			return
		}
		Problem(w, http.StatusUnauthorized, "unauthorized", "unknown shop, or a signature that is not this shop's")
		return
	}
	trust(r)
	topic := ""
	if h.format.Topic != nil {
		topic = h.format.Topic(r.Header)
	}
	rc, err := x.intake.Accept(r.Context(), &waxwing.Event{Tenant: waxwing.TenantID(tenant), Shop: waxwing.ShopID(shop), Source: "webhook", Topic: topic, Raw: raw})
	if err != nil {
		x.problems.answer(w, r, err)
		return
	}
	receipt(w, rc)
}

// receipt answers 202 for a new confirmation and 200 for a known one.
func receipt(w http.ResponseWriter, rc waxwing.Receipt) {
	status := http.StatusOK
	if rc.New {
		status = http.StatusAccepted
	}
	b := make([]byte, 0, 64)
	b = append(b, `{"id":"`...)
	b = append(b, rc.ID.String()...)
	b = append(b, `","state":"`...)
	b = append(b, rc.State...)
	b = append(b, "\"}\n"...)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b)
}

// isSigned reports whether a webhook has a signature of any kind: without one it is a
// mistake and no guess.
func (x *hooks) isSigned(r *http.Request) bool {
	for _, f := range x.doors.access().formats {
		if f.SignedIn != "" && r.Header.Get(f.SignedIn) != "" {
			return true
		}
	}
	return false
}

// isPing asks every format, whatever the path says: an unknown tenant's answer
// must look the same.
func (x *hooks) isPing(raw []byte) bool {
	for _, f := range x.doors.access().formats {
		if f.Ping != nil && f.Ping(raw) {
			return true
		}
	}
	return false
}

// ping records a shop's test delivery, one a day: nobody signed it, so nobody may
// fill the ledger with it. What is none in the shop's own format is answered all the
// same and leaves nothing: it would be quarantined, and anybody could ring that alarm.
func (x *hooks) ping(ctx context.Context, h *hook, tenant, shop string, raw []byte) {
	today := x.now().UTC().Format(time.DateOnly)
	if h == nil || h.format.Ping == nil || !h.format.Ping(raw) {
		return
	}
	if day := h.pinged.Load(); day != nil && *day == today {
		return
	}
	select {
	case x.pings <- struct{}{}:
	default:
		return
	}
	ctx = context.WithoutCancel(ctx) // its answer does not wait for this
	go func() {
		_, err := x.intake.Accept(ctx, &waxwing.Event{Tenant: waxwing.TenantID(tenant), Shop: waxwing.ShopID(shop), Source: waxwing.SourcePing, Raw: raw})
		if err == nil {
			h.pinged.Store(&today)
		}
		if err != nil && !errors.Is(err, waxwing.ErrStopping) {
			x.log.Warn("ping not recorded", "tenant", tenant, "shop", shop, "err", err)
		}
		time.AfterFunc(time.Second, func() { <-x.pings })
	}()
}
