package poll

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/source"
)

// WooCommerce is the entry of WooCommerce's list in a registry.
func WooCommerce() config.Component {
	return config.Component{Name: "woocommerce", Settings: func() config.Block { return &WooSettings{} },
		Example: "type: woocommerce\nurl: https://shop.example\nkey: \"${WOO_KEY}\"\nsecret: \"${WOO_SECRET}\"\ntenant: acme\nshop: woocommerce",
		Notes:   "A second source beside the webhooks, which WooCommerce switches off after five failures: what was changed since the last round is asked for (REST API v3 of WooCommerce 5.8 or newer, a key that may read). The very first round begins now."}
}

// WooSettings are the keys of a shop on WooCommerce.
type WooSettings struct {
	Common `yaml:",inline"`
	// Key is the consumer key, ck_...
	Key config.Secret `yaml:"key"`
	// Secret is the consumer secret, cs_...
	Secret config.Secret `yaml:"secret"`
}

// Check is config.Block's.
func (s *WooSettings) Check(r *config.Report) { s.check(r) }

// Open makes the source.
func (s *WooSettings) Open(_ string, log *slog.Logger) (*Poller, error) {
	return newPoller(s.Common, s.platform(), log), nil
}

// List is source.Lister's.
func (s *WooSettings) List(ctx context.Context, _ string, since time.Time, each func(source.Event) error) error {
	return newPoller(s.Common, s.platform(), nil).all(ctx, since, each)
}

// wooPage is how many orders a page has.
const wooPage = 100

// wooTime is how WooCommerce writes a time of which a parameter says that it is UTC.
const wooTime = "2006-01-02T15:04:05"

func (s *WooSettings) platform() platform {
	at := func(after time.Time, page int) *url.URL {
		u, _ := url.Parse(strings.TrimRight(s.URL, "/") + "/wp-json/wc/v3/orders") // it was checked
		u.RawQuery = url.Values{"modified_after": {after.UTC().Format(wooTime)}, "dates_are_gmt": {"true"}, "orderby": {"id"}, "order": {"asc"},
			"per_page": {strconv.Itoa(wooPage)}, "page": {strconv.Itoa(page)}, "status": {"any"}}.Encode()
		return u
	}
	return platform{topic: "order.updated",
		first: func(since time.Time) *url.URL { return at(since, 1) },
		// By their ids, which never change: by the time of their last change, one that is changed while its list is read
		// would go to the end, all behind it would come one place nearer, and one would be passed over.
		read: func(u *url.URL, _ http.Header, body []byte) (p page, err error) {
			if err := json.Unmarshal(body, &p.orders); err != nil || len(p.orders) < wooPage {
				return p, err
			}
			after, _ := time.Parse(wooTime, u.Query().Get("modified_after")) // it is ours
			n, _ := strconv.Atoi(u.Query().Get("page"))                      // likewise
			p.next = at(after, n+1)
			return p, nil
		},
		sign: func(r *http.Request) { r.SetBasicAuth(s.Key.Reveal(), s.Secret.Reveal()) },
		id:   numberOf}
}
