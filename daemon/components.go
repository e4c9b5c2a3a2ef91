package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"
	_ "time/tzdata" // zones of mappings, where the machine has none

	// Postgres for enrich's lookups; SQLite's driver comes with the ledger.
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/fcm"
	"github.com/waxwinghq/waxwing/channel/httptext"
	"github.com/waxwinghq/waxwing/channel/mailgun"
	"github.com/waxwinghq/waxwing/channel/mx"
	"github.com/waxwinghq/waxwing/channel/postmark"
	"github.com/waxwinghq/waxwing/channel/sendgrid"
	"github.com/waxwinghq/waxwing/channel/ses"
	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/channel/twilio"
	"github.com/waxwinghq/waxwing/channel/vonage"
	"github.com/waxwinghq/waxwing/channel/webpush"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/delivery"
	"github.com/waxwinghq/waxwing/enrich"
	"github.com/waxwinghq/waxwing/feedback/callback"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/pipeline/queue/amqp"
	"github.com/waxwinghq/waxwing/pipeline/queue/kafka"
	"github.com/waxwinghq/waxwing/pipeline/queue/nats"
	"github.com/waxwinghq/waxwing/pipeline/queue/redis"
	"github.com/waxwinghq/waxwing/pipeline/queue/sql"
	"github.com/waxwinghq/waxwing/pipeline/queue/sqs"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/shop/bigcommerce"
	"github.com/waxwinghq/waxwing/shop/foreign"
	"github.com/waxwinghq/waxwing/shop/generic"
	"github.com/waxwinghq/waxwing/shop/magento"
	"github.com/waxwinghq/waxwing/shop/mapping"
	"github.com/waxwinghq/waxwing/shop/medusa"
	"github.com/waxwinghq/waxwing/shop/prestashop"
	"github.com/waxwinghq/waxwing/shop/shopify"
	"github.com/waxwinghq/waxwing/shop/shopware"
	"github.com/waxwinghq/waxwing/shop/square"
	"github.com/waxwinghq/waxwing/shop/squarespace"
	"github.com/waxwinghq/waxwing/shop/stripe"
	"github.com/waxwinghq/waxwing/shop/vendure"
	"github.com/waxwinghq/waxwing/shop/woocommerce"
	amqpsource "github.com/waxwinghq/waxwing/source/amqp"
	kafkasource "github.com/waxwinghq/waxwing/source/kafka"
	sourcemysql "github.com/waxwinghq/waxwing/source/mysql"
	natssource "github.com/waxwinghq/waxwing/source/nats"
	"github.com/waxwinghq/waxwing/source/outbox"
	"github.com/waxwinghq/waxwing/source/poll"
	"github.com/waxwinghq/waxwing/source/postgres"
	redissource "github.com/waxwinghq/waxwing/source/redis"
	sqssource "github.com/waxwinghq/waxwing/source/sqs"
)

// The lists of components: a new one is one file or package and one line in its list, here
// for shops, providers and sources, in enrich for lookups.

// shopFormats are the kinds of shops that this program reads, in the order in which they are
// named.
var shopFormats = []waxwing.Format{
	shopify.Format,
	woocommerce.Format,
	stripe.Format,
	magento.Format,
	shopware.Format,
	bigcommerce.Format,
	square.Format,
	squarespace.Format,
	prestashop.Format,
	vendure.Format,
	medusa.Format,
	generic.Format,
}

// Formats are the kinds of shops that this program reads, by name.
func Formats() map[string]waxwing.Format {
	out := map[string]waxwing.Format{}
	for _, f := range shopFormats {
		out[f.Name] = f
	}
	return out
}

// mappingOf understands the rules of a shop.
func mappingOf(c *config.Mapping) (*mapping.Mapping, []config.MappingFault) {
	zone, err := time.LoadLocation(c.Zone)
	if err != nil || c.Zone == "Local" {
		return nil, []config.MappingFault{{Key: "zone", Text: "there is no such time zone", Remedy: "Write it as in Europe/Berlin, or UTC"}}
	}
	m, bad := mapping.New(mapping.Rules{When: c.When, Read: c.Read, Words: c.Words, Amounts: c.Amounts, Zone: zone})
	out := make([]config.MappingFault, len(bad))
	for i, f := range bad {
		out[i] = config.MappingFault(f)
	}
	return m, out
}

func mappingFaults(c *config.Mapping) []config.MappingFault {
	_, bad := mappingOf(c)
	return bad
}

// MappingOf gives the rules of a shop of format mapping; nil: it is none. The configuration was checked.
func MappingOf(s config.Shop) *mapping.Mapping {
	if s.Format != "mapping" || s.Mapping == nil {
		return nil
	}
	m, _ := mappingOf(s.Mapping)
	return m
}

// FormatsOf are the formats of this program, by name, and those of the configuration's shops that have a mapping.
func FormatsOf(c *config.Config) map[string]waxwing.Format {
	out := Formats()
	for tenant, t := range c.Tenants {
		for name, s := range t.Shops {
			m := MappingOf(s)
			if m == nil {
				continue
			}
			f := foreign.Signed(s.Signature)
			read := m.Format(waxwing.ShopID(name))
			f.Name, f.Key, f.Normalise = config.FormatOf(tenant, name, s.Format), read.Key, read.Normalise
			out[f.Name] = f
		}
	}
	return out
}

// providerTypes are the types of providers.
var providerTypes = []providerType{
	provider(smtp.Component(), (*smtp.Settings).Open),
	provider(mx.Component(), (*mx.Settings).Open),
	provider(twilio.Component(), (*twilio.Settings).Open),
	provider(mailgun.Component(), (*mailgun.Settings).Open),
	provider(ses.Component(), (*ses.Settings).Open),
	provider(postmark.Component(), (*postmark.Settings).Open),
	provider(sendgrid.Component(), (*sendgrid.Settings).Open),
	provider(vonage.Component(), (*vonage.Settings).Open),
	provider(httptext.Component(), (*httptext.Settings).Open),
	provider(webpush.Component(), (*webpush.Settings).Open),
	provider(fcm.Component(), (*fcm.Settings).Open),
}

// callbackTypes are the types of providers that tell later what became of messages, and how each is known.
var callbackTypes = map[string]callbackType{
	"mailgun": callbackOf(func(s *mailgun.Settings, _ *callback.Certificates) callback.Provider {
		return callback.Mailgun(s.SigningKey)
	}),
	"ses": callbackOf(func(s *ses.Settings, c *callback.Certificates) callback.Provider { return callback.SES(s.TopicARN, c) }),
	"postmark": callbackOf(func(s *postmark.Settings, _ *callback.Certificates) callback.Provider {
		return callback.Postmark(s.WebhookUser, s.WebhookPassword)
	}),
	"sendgrid": callbackOf(func(s *sendgrid.Settings, _ *callback.Certificates) callback.Provider {
		return callback.SendGrid(s.EventKey())
	}),
	"twilio": callbackOf(func(s *twilio.Settings, _ *callback.Certificates) callback.Provider {
		return callback.Twilio(s.CallbackURL, s.Token)
	}),
	"vonage": callbackOf(func(s *vonage.Settings, _ *callback.Certificates) callback.Provider {
		return callback.Vonage(s.SignatureSecret)
	}),
}

// sourceTypes are the types of sources beside webhooks and the API, which the listener
// brings.
var sourceTypes = []sourceType{
	sourceOf(poll.Shopify(), (*poll.ShopifySettings).Open),
	sourceOf(poll.WooCommerce(), (*poll.WooSettings).Open),
	sourceOf(poll.PrestaShop(), (*poll.PrestaSettings).Open),
	sourceOf(postgres.Component(), (*postgres.Settings).Open),
	sourceOf(outbox.Component(), (*outbox.Settings).Open),
	sourceOf(amqpsource.Component(), (*amqpsource.Settings).Open),
	sourceOf(natssource.Component(), (*natssource.Settings).Open),
	sourceOf(kafkasource.Component(), (*kafkasource.Settings).Open),
	sourceOf(redissource.Component(), (*redissource.Settings).Open),
	sourceOf(sqssource.Component(), (*sqssource.Settings).Open),
	sourceOf(sourcemysql.Component(), (*sourcemysql.Settings).Open),
}

// brokerTypes are the types of brokers that a queue may stand on.
var brokerTypes = []brokerType{
	brokerOf(redis.Component(), (*redis.Settings).Open),
	brokerOf(amqp.Component(), (*amqp.Settings).Open),
	brokerOf(nats.Component(), (*nats.Settings).Open),
	brokerOf(kafka.Component(), (*kafka.Settings).Open),
	brokerOf(sql.Component(), (*sql.Settings).Open),
	brokerOf(sqs.Component(), (*sqs.Settings).Open),
}

// Components are all that a configuration of this program may name.
func Components() config.Registry {
	return config.Registry{
		Providers: components(providerTypes, func(t providerType) config.Component { return t.Component }),
		Sources:   components(sourceTypes, func(t sourceType) config.Component { return t.Component }),
		Stores:    components(storeTypes, func(t storeType) config.Component { return t.Component }),
		Brokers:   components(brokerTypes, func(t brokerType) config.Component { return t.Component }),
		Lookups:   enrich.Components(), Stages: pipeline.Components(), Formats: slices.Clone(shopFormats), Mapping: mappingFaults, Hooks: abi.OfOrders(), Locales: locales.Tags(),
	}
}

func components[T any](types []T, of func(T) config.Component) []config.Component {
	out := make([]config.Component, len(types))
	for i, t := range types {
		out[i] = of(t)
	}
	return out
}

// Provider is a delivery.Provider that can be closed.
type Provider interface {
	delivery.Provider
	// Close gives connections back. Attempts past their commit point are waited for until ctx ends.
	Close(ctx context.Context) error
}

// providerType is a component that makes providers of its settings.
type providerType struct {
	config.Component
	open func(b config.Block, name string, log *slog.Logger) (Provider, error)
	// asked says that what it makes can be asked what became of a message.
	asked bool
}

// provider lists a type whose settings S are opened as a P.
func provider[S config.Block, P Provider](c config.Component, open func(S, string, *slog.Logger) (P, error)) providerType {
	var none P
	_, asked := any(none).(delivery.Askable)
	return providerType{c, func(b config.Block, name string, log *slog.Logger) (Provider, error) {
		return open(b.(S), name, log)
	}, asked}
}

// OpenProviders makes every provider that the configuration names. The caller closes
// them, also where one fails.
func OpenProviders(c *config.Config, log *slog.Logger) (map[string]Provider, error) {
	out := map[string]Provider{}
	for name, p := range c.Providers {
		made, err := OpenProvider(name, p, log)
		if err != nil {
			return out, err
		}
		out[name] = made
	}
	return out, nil
}

// OpenProvider makes one provider, which connects when there is something to send.
func OpenProvider(name string, p config.Provider, log *slog.Logger) (Provider, error) {
	t := typeOf(p)
	if t.open == nil {
		return nil, fmt.Errorf("provider %s: there is no type %q", name, p.Type)
	}
	made, err := t.open(p.Settings, name, log)
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", name, err)
	}
	return made, nil
}

// typeOf is a provider's type, the zero one where there is none of its name.
func typeOf(p config.Provider) (t providerType) {
	if i := slices.IndexFunc(providerTypes, func(t providerType) bool { return t.Name == p.Type }); i >= 0 {
		t = providerTypes[i]
	}
	return t
}

// Carries is the channel of a provider's messages; "" where there is no such type.
func Carries(p config.Provider) waxwing.Channel { return typeOf(p).Carries }

// Asked reports whether any provider of a configuration can be asked what became of a message.
func Asked(c *config.Config) bool {
	all := slices.Collect(maps.Values(c.Providers))
	for _, t := range c.Tenants {
		all = slices.AppendSeq(all, maps.Values(t.Providers))
	}
	return slices.ContainsFunc(all, func(p config.Provider) bool { return typeOf(p).asked })
}

// FirstMailer is the provider that mails go by first; "" where there is none.
func FirstMailer(c *config.Config) string {
	if s := pipeline.SendOf(c.Pipeline); s != nil && len(s.Providers) > 0 {
		return s.Providers[0]
	}
	return ""
}

// CloseNow closes a provider that was offered nothing.
func CloseNow(p Provider) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.Close(ctx) // nothing was offered
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
