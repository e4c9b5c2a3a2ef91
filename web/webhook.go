package web

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// hook is one shop's webhook.
type hook struct {
	format  waxwing.Format
	secrets []waxwing.Secret
	pinged  atomic.Pointer[string] // the day of the newest test delivery that is recorded
}

func (s *Server) makeHooks() {
	s.shops = map[string]*hook{}
	for name, t := range s.p.Config.Tenants {
		for shop, c := range t.Shops {
			f, ok := s.p.Formats[config.FormatOf(name, shop, c.Format)]
			if !ok || f.Verify == nil {
				continue
			}
			h := &hook{format: f, secrets: append([]waxwing.Secret(nil), c.Secrets...)}
			if c.Secret != "" {
				h.secrets = append(h.secrets, c.Secret)
			}
			s.shops[name+"/"+shop] = h
		}
	}
}

// noShop stands in for an unknown tenant or shop, so that finding out which
// exist takes more than a look at the answers or at their time.
var noShop = []waxwing.Secret{"no such shop"}

func (s *Server) webhook(w http.ResponseWriter, r *http.Request) {
	tenant, shop := r.PathValue("tenant"), r.PathValue("shop")
	h := s.shops[tenant+"/"+shop]
	raw, err := s.readBody(w, r)
	if err != nil {
		s.refuseHook(r, h, errorInWords(err))
		s.answer(w, r, err)
		return
	}
	if h == nil {
		for _, f := range s.p.Formats {
			if f.Verify != nil {
				f.Verify(r.Header, raw, noShop)
				break
			}
		}
	}
	if h == nil || !h.format.Verify(r.Header, raw, h.secrets) {
		if s.isPing(raw) {
			s.ping(h, tenant, shop, raw)
			w.WriteHeader(http.StatusOK)
			return
		}
		s.refuseHook(r, h, "")
		problem(w, http.StatusUnauthorized, "unauthorized", "unknown shop, or a signature that is not this shop's")
		return
	}
	topic := ""
	if h.format.Topic != nil {
		topic = h.format.Topic(r.Header)
	}
	rc, err := s.p.Intake.Accept(waxwing.TenantID(tenant), waxwing.ShopID(shop), "webhook", topic, raw)
	if err != nil {
		s.answer(w, r, err)
		return
	}
	s.receipt(w, rc)
}

// receipt answers 202 for a new confirmation and 200 for a known one.
func (s *Server) receipt(w http.ResponseWriter, rc waxwing.Receipt) {
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

// isPing asks every format, whatever the path says: an unknown tenant's answer
// must look the same.
func (s *Server) isPing(raw []byte) bool {
	for _, f := range s.p.Formats {
		if f.Ping != nil && f.Ping(raw) {
			return true
		}
	}
	return false
}

// ping records a shop's test delivery, one a day: nobody signed it, so nobody may
// fill the ledger with it. What is none in the shop's own format is answered all the
// same and leaves nothing: it would be quarantined, and anybody could ring that alarm.
func (s *Server) ping(h *hook, tenant, shop string, raw []byte) {
	today := time.Now().UTC().Format(time.DateOnly)
	if h == nil || h.format.Ping == nil || !h.format.Ping(raw) {
		return
	}
	if day := h.pinged.Load(); day != nil && *day == today {
		return
	}
	select {
	case s.pings <- struct{}{}:
	default:
		return
	}
	go func() {
		_, err := s.p.Intake.Accept(waxwing.TenantID(tenant), waxwing.ShopID(shop), waxwing.SourcePing, "", raw)
		if err == nil {
			h.pinged.Store(&today)
		}
		if err != nil && !errors.Is(err, waxwing.ErrStopping) {
			s.p.Log.Warn("ping not recorded", "tenant", tenant, "shop", shop, "err", err)
		}
		time.AfterFunc(time.Second, func() { <-s.pings })
	}()
}
