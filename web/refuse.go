package web

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing/web/metrics"
)

// refusals tell the operator of what is turned away at the door, which nobody
// else on our side would notice: a wrong secret is the commonest fault of a new
// shop. Of one kind there is a line a minute, with the count of those left out.
type refusals struct {
	log   *slog.Logger
	meter *metrics.Meter
	now   func() time.Time

	mu   sync.Mutex
	told map[refusal]*tally
}

// refusal is a kind: its names are the configuration's or empty, so that there
// are few.
type refusal struct{ what, tenant, shop, reason string }

type tally struct {
	at      time.Time
	leftOut int
}

// quietFor is how long one kind is not told of again.
const quietFor = time.Minute

// speak says whether it is time to tell of a kind again, and how many of it were
// left out since the last time.
func (x *refusals) speak(k refusal) (leftOut int, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.told == nil {
		x.told = map[refusal]*tally{}
	}
	t := x.told[k]
	if t == nil {
		t = &tally{}
		x.told[k] = t
	}
	now := x.now()
	if !t.at.IsZero() && now.Sub(t.at) < quietFor {
		t.leftOut++
		return 0, false
	}
	leftOut, t.leftOut, t.at = t.leftOut, 0, now
	return leftOut, true
}

// hints say what to do about a refused webhook.
var hints = map[string]string{
	noSuchShop:   "the path names a tenant or shop that the configuration does not have",
	noSignature:  "set the secret in the shop's webhook settings",
	oldSignature: "what was recorded is sent again, or this machine's clock is wrong by minutes: set it by NTP",
	badSignature: "the shop signs with another secret than the configuration has, or a proxy changes the body",
	noSecret:     "give the shop a secret in the configuration",
	noWebhooks:   "a shop of this format posts its orders to the API",
}

const (
	noSuchShop   = "no such shop"
	noSignature  = "no signature header"
	badSignature = "bad signature"
	oldSignature = "signed too long ago or ahead of time"
	noSecret     = "no secret"
	noWebhooks   = "takes no webhooks"
	tooManyKeys  = "too many wrong keys"
)

// hook tells of a refused webhook. asked is the shop's name in the path where it
// is no shop of ours; it comes from anybody.
func (x *refusals) hook(tenant, shop, asked, reason string) {
	if x.meter != nil {
		x.meter.WebhookRefused(tenant, shop, reason)
	}
	left, ok := x.speak(refusal{"webhook", tenant, shop, reason})
	if !ok {
		return
	}
	if shop == "" {
		shop = fmt.Sprintf("%.40s", asked) // the log's own quotes keep it on its line
	}
	args := []any{"tenant", tenant, "shop", shop, "reason", reason}
	if h := hints[reason]; h != "" {
		args = append(args, "hint", h)
	}
	if left > 0 {
		args = append(args, "left_out", left)
	}
	x.log.Warn("webhook refused", args...)
}

// key tells of a request whose key opens nothing. Nothing of the key is logged.
func (x *refusals) key(tenant, asked, reason, route string) {
	if x.meter != nil {
		x.meter.KeyRefused(tenant, reason)
	}
	left, ok := x.speak(refusal{"key", tenant, "", reason})
	if !ok {
		return
	}
	if tenant == "" && asked != "" {
		tenant = fmt.Sprintf("%.40s", asked)
	}
	args := []any{"tenant", tenant, "reason", reason, "route", route}
	if left > 0 {
		args = append(args, "left_out", left)
	}
	x.log.Warn("API key refused", args...)
}

// crowded tells that connections were shut to let others in.
func (x *refusals) crowded(n int) {
	if x.meter != nil {
		x.meter.ConnectionsShut(n)
	}
	left, ok := x.speak(refusal{what: "connections"})
	if !ok {
		return
	}
	x.log.Warn("all connections are taken: those that only wait are shut for new ones", "shut", n, "left_out", left,
		"hint", "somebody holds connections open; if they are customers, raise http.max_connections")
}

func whyNoKey(r *http.Request) string {
	if r.Header.Get("Authorization") == "" {
		return "no key"
	}
	return "wrong key"
}

// errorInWords is why a body was not read.
func errorInWords(err error) string {
	var f fault
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return "body too large"
	case errors.As(err, &f):
		return f.title
	}
	return "bad body"
}

// bytesInWords writes a limit as people do: 8 MiB.
func bytesInWords(n int64) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
