package poll

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/source"
)

// PrestaShop is the entry of PrestaShop's list in a registry.
func PrestaShop() config.Component {
	return config.Component{Name: "prestashop", Settings: func() config.Block { return &PrestaSettings{} },
		Example: "type: prestashop\nurl: https://shop.example\nkey: \"${PRESTASHOP_KEY}\"\nzone: Europe/Paris\ntenant: acme\nshop: prestashop",
		Notes:   "PrestaShop has no webhooks of its own: what was changed since the last round is asked for (webservice of 1.7 or newer, a key that may GET `orders`). The list names the orders; the shop's own `api` is then asked for each, so that it must be there. The very first round begins now."}
}

// PrestaSettings are the keys of a shop on PrestaShop.
type PrestaSettings struct {
	Common `yaml:",inline"`
	// Key is a key of the webservice.
	Key config.Secret `yaml:"key"`
	// Zone is the shop's time zone, in which it writes its times, as its localisation page has it: Europe/Paris.
	Zone string `yaml:"zone"`
}

// Check is config.Block's.
func (s *PrestaSettings) Check(r *config.Report) {
	s.check(r)
	if _, err := time.LoadLocation(s.Zone); !r.Bad("zone") && (err != nil || s.Zone == "" || s.Zone == "Local") {
		r.Fail("zone", r.Path("zone")+" is no time zone", "Write it as in Europe/Paris, or UTC")
	}
}

// Open makes the source.
func (s *PrestaSettings) Open(_ string, log *slog.Logger) (*Poller, error) {
	return newPoller(s.Common, s.platform(), log), nil
}

// List is source.Lister's.
func (s *PrestaSettings) List(ctx context.Context, _ string, since time.Time, each func(source.Event) error) error {
	return newPoller(s.Common, s.platform(), nil).all(ctx, since, each)
}

const (
	// prestaPage is how many orders a page has.
	prestaPage = 200
	// prestaTime is how PrestaShop writes a time, in the shop's zone.
	prestaTime = "2006-01-02 15:04:05"
	// prestaEver is later than any order.
	prestaEver = "2999-01-01 00:00:00"
)

// localSince is the earliest time on the shop's clock from a moment on: where it is put back within the next hour, that hour is
// read once more.
func localSince(since time.Time, zone *time.Location) string {
	at := since.In(zone)
	_, now := at.Zone()
	if _, soon := at.Add(time.Hour).Zone(); soon < now {
		at = at.Add(time.Duration(soon-now) * time.Second)
	}
	return at.Format(prestaTime)
}

func (s *PrestaSettings) platform() platform {
	at := func(from string, offset int) *url.URL {
		u, _ := url.Parse(strings.TrimRight(s.URL, "/") + "/api/orders") // it was checked
		u.RawQuery = url.Values{"output_format": {"JSON"}, "display": {"[id,date_upd,current_state]"}, "date": {"1"}, "sort": {"[id_ASC]"},
			"filter[date_upd]": {"[" + from + "," + prestaEver + "]"}, "limit": {fmt.Sprintf("%d,%d", offset, prestaPage)}}.Encode()
		return u
	}
	return platform{topic: "",
		first: func(since time.Time) *url.URL {
			zone, _ := time.LoadLocation(s.Zone) // it was checked
			return at(localSince(since, zone), 0)
		},
		// By their ids: an order that is changed meanwhile comes into the list and moves others on, never out of it.
		read: func(u *url.URL, _ http.Header, body []byte) (p page, err error) {
			var x struct{ Orders []map[string]json.RawMessage }
			if body = bytes.TrimSpace(body); !bytes.Equal(body, []byte("[]")) { // which is how it writes none
				if err := json.Unmarshal(body, &x); err != nil {
					return p, err
				}
			}
			for _, o := range x.Orders {
				event, err := json.Marshal(map[string]json.RawMessage{"id_order": o["id"], "date_upd": o["date_upd"], "current_state": o["current_state"]})
				if err != nil {
					return p, err
				}
				p.orders = append(p.orders, event)
			}
			if len(x.Orders) == prestaPage {
				from, _, _ := strings.Cut(strings.TrimPrefix(u.Query().Get("filter[date_upd]"), "["), ",")
				offset, _, _ := strings.Cut(u.Query().Get("limit"), ",")
				n, _ := strconv.Atoi(offset) // it is ours
				p.next = at(from, n+prestaPage)
			}
			return p, nil
		},
		sign: func(r *http.Request) { r.SetBasicAuth(s.Key.Reveal(), "") },
		id: func(order []byte) string {
			var x struct {
				ID json.RawMessage `json:"id_order"`
			}
			_ = json.Unmarshal(order, &x) // what cannot be read is accepted anew
			return strings.Trim(string(x.ID), `"`)
		}}
}
