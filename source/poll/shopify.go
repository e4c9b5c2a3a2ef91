package poll

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/source"
)

// Shopify is the entry of Shopify's list in a registry.
func Shopify() config.Component {
	return config.Component{Name: "shopify", Settings: func() config.Block { return &ShopifySettings{} },
		Example: "type: shopify\nurl: https://acme.myshopify.com\ntoken: \"${SHOPIFY_TOKEN}\"\ntenant: acme\nshop: shopify",
		Notes:   "A second source beside the webhooks, which Shopify does not promise to deliver: what was changed since the last round is asked for (Admin API, `read_orders`; orders older than 60 days want `read_all_orders`). The very first round begins now."}
}

// ShopifySettings are the keys of a shop on Shopify.
type ShopifySettings struct {
	Common `yaml:",inline"`
	// Token is the access token of a custom app that may read orders.
	Token config.Secret `yaml:"token"`
	// Version is that of the Admin API.
	Version string `yaml:"version,omitempty" default:"2025-10"`
}

// Check is config.Block's.
func (s *ShopifySettings) Check(r *config.Report) {
	s.check(r)
	if !r.Bad("version") && !regexp.MustCompile(`^(20\d\d-(01|04|07|10)|unstable)$`).MatchString(s.Version) {
		r.Fail("version", r.Path("version")+" is no version of the Admin API", "Write the quarter, such as 2025-10")
	}
}

// Open makes the source.
func (s *ShopifySettings) Open(_ string, log *slog.Logger) (*Poller, error) {
	return newPoller(s.Common, s.platform(), log), nil
}

// List is source.Lister's.
func (s *ShopifySettings) List(ctx context.Context, _ string, since time.Time, each func(source.Event) error) error {
	return newPoller(s.Common, s.platform(), nil).all(ctx, since, each)
}

func (s *ShopifySettings) platform() platform {
	return platform{topic: "orders/updated",
		first: func(since time.Time) *url.URL {
			u, _ := url.Parse(strings.TrimRight(s.URL, "/") + "/admin/api/" + s.Version + "/orders.json") // it was checked
			u.RawQuery = url.Values{"status": {"any"}, "order": {"updated_at asc"}, "limit": {"100"}, "updated_at_min": {since.UTC().Format(time.RFC3339)}}.Encode()
			return u
		},
		read: func(u *url.URL, h http.Header, body []byte) (p page, err error) {
			var x struct{ Orders []json.RawMessage }
			if err := json.Unmarshal(body, &x); err != nil {
				return p, err
			}
			p.orders = x.Orders
			p.next, err = nextLink(u, h)
			return p, err
		},
		sign: func(r *http.Request) { r.Header.Set("X-Shopify-Access-Token", s.Token.Reveal()) },
		id:   numberOf}
}

// numberOf is an order's id; what cannot be read is accepted anew, and quarantined.
func numberOf(order []byte) string {
	var x struct {
		ID json.Number `json:"id"`
	}
	_ = json.Unmarshal(order, &x)
	return x.ID.String()
}

var linkPattern = regexp.MustCompile(`<([^>]*)>\s*;[^,]*rel="?next"?`)

// nextLink is the next page as the header Link names it (RFC 8288).
func nextLink(from *url.URL, h http.Header) (*url.URL, error) {
	m := linkPattern.FindStringSubmatch(strings.Join(h.Values("Link"), ", "))
	if m == nil {
		return nil, nil
	}
	return from.Parse(m[1])
}
