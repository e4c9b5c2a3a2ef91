package demo

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// opening is how many orders come in the first minute.
const opening = 40

// cast is the order of the first ones: those that show something come early,
// since nobody watches for long.
var cast = []struct {
	locale, tenant, shop string
	turn                 func(*sale)
}{
	{"en-US", "acme", "shopify", func(s *sale) { s.coupon, s.percent = "TRAIL10", 10 }},
	{"ja-JP", "kumo", "shopify", func(s *sale) { s.lines[0].quantity = 2 }},
	{"ar-SA", "lune", "gulf", nil},
	{"de-DE", "acme", "woocommerce", func(s *sale) { s.domain = slowDomain }},
	{"fr-FR", "lune", "woocommerce", func(s *sale) { s.domain = goneDomain }},
	{"nl-NL", "acme", "shopify", func(s *sale) { s.domain = flakyDomain }},
	{"sv-SE", "acme", "woocommerce", func(s *sale) { s.unpaid = true }},
	{"pl-PL", "acme", "shopify", func(s *sale) { s.twice = true }},
	{"it-IT", "lune", "woocommerce", func(s *sale) { s.broken = true }},
	{"zh-CN", "kumo", "studio", func(s *sale) { s.coupon, s.percent = "NEWLEAF", 15 }},
	{"pt-BR", "acme", "shopify", func(s *sale) { s.giftCard = 10 }},
	{"es-ES", "lune", "woocommerce", nil},
	{"ar-KW", "lune", "gulf", nil},
	{"en-GB", "acme", "shopify", func(s *sale) { s.domain, s.phoneless = goneDomain, true }},
	{"de-DE", "acme", "shopify", func(s *sale) { s.refund = true }},
	{"ja-JP", "kumo", "studio", func(s *sale) { s.guest = true }},
	{"en-US", "kumo", "shopify", func(s *sale) { s.unpaid = true }},
	{"fr-FR", "acme", "shopify", func(s *sale) { s.domain = flakyDomain }},
}

// plot writes the n-th sale.
func plot(n int, now time.Time, rng *rand.Rand) *sale {
	if n < len(cast) {
		c := cast[n]
		s := newSale(n, counter{c.tenant, c.shop, c.locale}, now, rng)
		if c.turn != nil {
			c.turn(s)
		}
		return s
	}
	a := assortment()
	m := a.people[n%len(a.people)]
	tenant := m.Tenants[rng.IntN(len(m.Tenants))]
	shops := storefronts[tenant]
	s := newSale(n, counter{tenant, shops[rng.IntN(len(shops))].name, m.Locale}, now, rng)
	switch rng.IntN(24) { // the usual troubles go on, thinly
	case 0:
		s.domain = slowDomain
	case 1:
		s.domain = goneDomain
	case 2:
		s.domain = flakyDomain
	case 3:
		s.unpaid = true
	case 4:
		s.twice = true
	case 5, 6, 7:
		s.coupon, s.percent = "THANKYOU", 10
	case 8:
		s.refund = true
	case 9:
		s.guest = true
	}
	return s
}

// pause is how long after the n-th order the next one comes.
func (c *Options) pause(n int) time.Duration {
	switch {
	case c.brisk:
		return 0
	case n < 12:
		return 250 * time.Millisecond
	case n < opening:
		return 2 * time.Second
	}
	return time.Minute / time.Duration(c.Rate)
}

// Sell posts the orders, and waits when they are sold out until ctx ends.
func (d *Demo) Sell(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(1, 2))
	later := map[int]*sale{} // unpaid orders, by the turn at which they are paid
	for n := range d.o.Orders {
		s := plot(n, time.Now(), rng)
		if err := d.post(ctx, s); err != nil {
			return err
		}
		if s.unpaid {
			later[n+10] = s
		}
		if s := later[n]; s != nil {
			s.unpaid, s.updated = false, time.Now()
			if err := d.post(ctx, s); err != nil {
				return err
			}
			delete(later, n)
		}
		select {
		case <-time.After(d.o.pause(n)):
		case <-ctx.Done():
			return nil
		}
	}
	<-ctx.Done()
	return nil
}

// post sends the sale's webhook as its shop does: signed, over HTTP.
func (d *Demo) post(ctx context.Context, s *sale) error {
	body, header, err := s.webhook()
	if err != nil {
		return err
	}
	mac := hmac.New(sha256.New, []byte(d.secret))
	mac.Write(body)
	header.Set(s.store.signature, base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	times := 1
	if s.twice {
		times = 2
	}
	for range times {
		if err := d.deliver(ctx, s, body, header); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
	}
	return nil
}

func (d *Demo) deliver(ctx context.Context, s *sale, body []byte, header http.Header) error {
	url := fmt.Sprintf("http://%s/hooks/%s/%s", d.daemon.Addr(), s.tenant, s.store.name)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	req.Header = header
	res, err := d.client.Do(req)
	if err != nil {
		return fmt.Errorf("demo: the webhook was not taken: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode/100 != 2 {
		b, _ := io.ReadAll(io.LimitReader(res.Body, 500))
		return fmt.Errorf("demo: the webhook was refused: %s %s", res.Status, b)
	}
	_, _ = io.Copy(io.Discard, res.Body) // so that the connection is used again
	return nil
}
