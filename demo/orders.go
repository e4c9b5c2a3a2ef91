package demo

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

//go:embed goods.json
var goodsJSON []byte

//go:embed people.json
var peopleJSON []byte

// good is something that is sold.
type good struct {
	SKU     string            `json:"sku"`
	Picture string            `json:"picture"`
	EUR     int64             `json:"eur"` // price in cents
	Stock   string            `json:"stock"`
	Variant string            `json:"variant"`
	Gift    bool              `json:"gift"`
	Tags    string            `json:"tags"`
	Name    map[string]string `json:"name"`
}

// crowd is a group of customers of one place and language.
type crowd struct {
	Locale   string   `json:"locale"`
	Currency string   `json:"currency"`
	Tenants  []string `json:"tenants"`
	Country  string   `json:"country"`
	Region   string   `json:"region"`
	City     string   `json:"city"`
	Post     string   `json:"post"`
	Phone    string   `json:"phone"` // its beginning; four digits follow
	Street   string   `json:"street"`
	Names    []string `json:"names"` // given|family|mail
}

type stockroom struct {
	goods  map[string][]good
	people []crowd
}

// assortment reads what is embedded. The files are part of the program, so
// that an error in them is a fault of ours, and a test finds it.
var assortment = sync.OnceValue(func() (s stockroom) {
	if err := json.Unmarshal(goodsJSON, &s.goods); err != nil {
		panic("goods.json: " + err.Error())
	}
	if err := json.Unmarshal(peopleJSON, &s.people); err != nil {
		panic("people.json: " + err.Error())
	}
	return s
})

var domains = map[string]string{"acme": "acme.example", "kumo": "kumo-tea.example", "lune": "maison-lune.example"}

// storefront is a shop of a tenant's, as demo/waxwing.yaml has it.
type storefront struct{ name, format, signature string }

const shopifySigns, wooSigns = "X-Shopify-Hmac-Sha256", "X-WC-Webhook-Signature"

var storefronts = map[string][]storefront{
	"acme": {{"shopify", "shopify", shopifySigns}, {"woocommerce", "woocommerce", wooSigns}},
	"kumo": {{"shopify", "shopify", shopifySigns}, {"studio", "woocommerce", wooSigns}},
	"lune": {{"woocommerce", "woocommerce", wooSigns}, {"gulf", "shopify", shopifySigns}},
}

// market is how a country pays and ships. Rates are tenths of a percent,
// factor what a euro is worth in hundredths, round the step of prices in minor
// units.
type market struct {
	tax          string
	rate         int64
	onTop        bool // the tax comes on top of the price
	ship, pay    string
	factor, step int64
	shipping     int64 // in euro cents
	days         int
}

var markets = map[string]market{
	"US": {"Sales tax", 0, true, "UPS Ground", "Visa", 110, 50, 690, 3},
	"GB": {"VAT", 200, false, "Royal Mail Tracked", "Mastercard", 85, 50, 490, 2},
	"DE": {"MwSt.", 190, false, "DHL Paket", "PayPal", 100, 10, 490, 2},
	"FR": {"TVA", 200, false, "Colissimo", "Carte bancaire", 100, 10, 590, 2},
	"ES": {"IVA", 210, false, "Correos Express", "Bizum", 100, 10, 590, 3},
	"IT": {"IVA", 220, false, "Corriere espresso", "PayPal", 100, 10, 690, 3},
	"BR": {"ICMS", 0, false, "Sedex", "Pix", 600, 100, 790, 6},
	"NL": {"btw", 210, false, "PostNL", "iDEAL", 100, 10, 495, 2},
	"PL": {"VAT", 230, false, "InPost Paczkomat", "BLIK", 430, 100, 390, 2},
	"SE": {"Moms", 250, false, "PostNord", "Klarna", 1140, 500, 490, 2},
	"JP": {"消費税", 100, false, "ヤマト運輸 宅急便", "クレジットカード", 16200, 10, 500, 2},
	"CN": {"增值税", 130, false, "顺丰速运", "支付宝", 780, 100, 300, 3},
	"SA": {"ضريبة القيمة المضافة", 150, false, "أرامكس", "مدى", 410, 100, 700, 4},
	"KW": {"VAT", 0, false, "أرامكس", "KNET", 34, 250, 900, 5},
}

// sale is one invented order before it is written as a shop's event.
type sale struct {
	id, number                                      int64
	tenant                                          string
	store                                           storefront
	crowd                                           *crowd
	market                                          market
	given, family, mail, domain, phone              string
	lines                                           []saleLine
	coupon                                          string
	percent                                         int64
	shipping                                        int64
	giftCard                                        int64 // euros paid by gift card
	placed, updated                                 time.Time
	unpaid, twice, broken, phoneless, guest, refund bool
}

type saleLine struct {
	good     *good
	title    string
	quantity int64
	unit     int64 // minor units
}

// counter is where somebody buys, and in which language.
type counter struct{ tenant, shop, locale string }

// newSale draws who buys what.
func newSale(n int, at counter, now time.Time, rng *rand.Rand) *sale {
	a := assortment()
	s := &sale{id: now.UnixMilli()*1000 + int64(n), number: 1042 + int64(n), tenant: at.tenant, placed: now.Add(-4 * time.Second), updated: now,
		domain: "post.example"}
	for _, f := range storefronts[at.tenant] {
		if f.name == at.shop {
			s.store = f
		}
	}
	for i := range a.people {
		if a.people[i].Locale == at.locale {
			s.crowd = &a.people[i]
		}
	}
	s.market = markets[s.crowd.Country]
	name := strings.Split(s.crowd.Names[n%len(s.crowd.Names)], "|")
	s.given, s.family, s.mail = name[0], name[1], name[2]
	s.phone = fmt.Sprintf("%s%04d", s.crowd.Phone, 1000+n)
	goods := a.goods[at.tenant]
	start := rng.IntN(len(goods))
	for i := range 1 + rng.IntN(3) {
		g := &goods[(start+i*2)%len(goods)]
		q := int64(1)
		if g.EUR < 4000 && !g.Gift {
			q += rng.Int64N(3)
		}
		s.lines = append(s.lines, saleLine{good: g, title: localName(g, at.locale), quantity: q, unit: s.price(g.EUR)})
	}
	s.shipping = s.price(s.market.shipping)
	return s
}

// localName is the name in the customer's language, else in the shop's.
func localName(g *good, locale string) string {
	for _, l := range []string{locale, map[string]string{"zh-CN": "zh-Hans"}[locale], locale[:2], "en"} {
		if n := g.Name[l]; n != "" {
			return n
		}
	}
	return g.SKU
}

// price turns euro cents into the customer's currency, rounded as shops do.
func (s *sale) price(cents int64) int64 {
	v := cents * s.market.factor / 100 // hundredths of the currency
	for d := waxwing.Decimals(s.crowd.Currency); d != 2; {
		if d < 2 {
			v, d = v/10, d+1
		} else {
			v, d = v*10, d-1
		}
	}
	return (v + s.market.step/2) / s.market.step * s.market.step
}

func (s *sale) money(minor int64) string {
	return waxwing.Money{Minor: minor, Currency: s.crowd.Currency}.Decimal()
}

// off is what the coupon takes off an amount.
func (s *sale) off(minor int64) int64 { return (minor*s.percent + 50) / 100 }

// split takes the tax out of a price, or puts it on.
func (s *sale) split(minor int64) (net, tax int64) {
	if s.market.onTop {
		return minor, (minor*s.market.rate + 500) / 1000
	}
	net = (minor*1000 + (1000+s.market.rate)/2) / (1000 + s.market.rate)
	return net, minor - net
}

func (s *sale) total() (total, discount, tax int64) {
	for _, l := range s.lines {
		gross := l.unit * l.quantity
		cut := s.off(gross)
		net, t := s.split(gross - cut)
		total, discount, tax = total+net+t, discount+cut, tax+t
	}
	net, t := s.split(s.shipping)
	return total + net + t, discount, tax + t
}
