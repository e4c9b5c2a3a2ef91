package postgres

import (
	"slices"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
)

// TestWordsOfConditions: what the documentation writes is what YAML gives, without quotes.
func TestWordsOfConditions(t *testing.T) {
	src := `providers: {mail: {type: post}}
tenants: {acme: {name: Acme, from: o@acme.example}}
sources:
  shop-db:
    type: postgres
    dsn: "postgres://u@db.example/shop"
    tenant: acme
    shops: {column: store_id, of: {"1": web, "Köln Süd": outlet, "3": ""}}
    watch:
      - table: public.order
        when: {orderPlacedAt: set, status: -> authorized|pending_authorization, kind: = web}
      - table: public.orders
        when: {status: pending -> paid, note: null -> 'it''s'}
`
	c := configtest.Load(t, config.Registry{Sources: []config.Component{Component()}, Locales: []string{"en"},
		Providers: []config.Component{{Name: "post", Carries: waxwing.Email, Settings: func() config.Block { return &post{} }}}}, src)
	s := c.Sources["shop-db"].Settings.(*Settings)
	w, err := s.watches()
	if err != nil || len(w) != 2 || !slices.Equal(w[0].when.Old(), []string{"orderPlacedAt", "status"}) || !slices.Equal(w[0].keys, []string{"id"}) || !w[0].whole {
		t.Errorf("%+v, %v", w, err)
	}
	if slot, publication := s.names("shop-db"); slot != "waxwing_shop_db" || publication != slot {
		t.Error(slot, publication)
	}
	for value, want := range map[string]string{"1": "web", "Köln Süd": "outlet", "3": ""} {
		if got, err := s.shopOf(value); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", value, got, err)
		}
	}
	if _, err := s.shopOf("4"); err == nil {
		t.Error("4 is a shop")
	}
}

// post is a provider without keys, since a configuration needs one.
type post struct{}

// Check finds nothing.
func (*post) Check(*config.Report) {}
