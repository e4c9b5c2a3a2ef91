// Package config holds the YAML configuration: its types, the strict loader
// that names file, line, column and remedy of each mistake, the JSON Schema and
// the reference page, both generated from these types.
package config

import (
	"net/netip"

	"github.com/waxwinghq/waxwing"
)

// Config is one whole configuration file.
//
// The loader, the schema and the reference page read the fields' tags. yaml is
// the key, without omitempty it must be given, unless the key of that tag is; default is written as in the
// file; enum lists the choices of a text or of each entry of a list; min and
// max bound numbers and durations; of names the kind of component whose registered
// names are the choices, of which a default of [*] is all; want says what a missing key
// is to be given; last lists a key behind those of other components; keys says what a mapping's keys are, if no names of ours: locales, or another's columns and values; asis keeps "file:" in
// a secret from being read as a path; params are what a query may ask with.
type Config struct {
	// Include names further files with sections of this one. A section stands in one
	// file only, but for those of entries by name, and each name in one.
	Include []string `yaml:"include,omitempty"`
	// Data is the folder of the embedded ledger, relative to the working
	// directory. One daemon at a time holds it.
	Data string `yaml:"data,omitempty" default:"./data"`
	// Witness is a second file that remembers how far the ledger had come, beside
	// the one in the data folder. Put it where no restored backup brings an older
	// one back with the ledger: on another disk.
	Witness string `yaml:"witness,omitempty"`
	// Ledger names another store than the embedded one. The data folder still holds
	// what is this daemon's own.
	Ledger *Store `yaml:"ledger,omitempty"`
	// Ledgers are further ones by name, for more tenants than one database can take; a tenant
	// names one by its ledger. Where there are any, the data folder holds no orders: a tenant
	// that names none is in the ledger of the section ledger.
	Ledgers map[string]Store `yaml:"ledgers,omitempty"`
	// HTTP is the listener of webhooks, API and pages.
	HTTP HTTP `yaml:"http,omitempty"`
	// Keys says where the master key comes from that wraps all others.
	Keys Keys `yaml:"keys,omitempty"`
	// Providers carry messages; the pipeline names them.
	Providers map[string]Provider `yaml:"providers"`
	// OwnProviders bound those that tenants have of their own.
	OwnProviders OwnProviders `yaml:"own_providers,omitempty"`
	// Tenants are the merchants by name.
	Tenants map[string]Tenant `yaml:"tenants" unless:"tenants_dir"`
	// TenantsDir is a folder with a file for each further tenant, NAME.yaml: in it
	// stands what would stand below tenants.NAME.
	TenantsDir string `yaml:"tenants_dir,omitempty"`
	// Pipeline lists the stages in their order; queues stand between them.
	// Left out, it is normalise, enrich, render, a queue, send by every
	// provider of e-mails in the order of their names, and a fallback by every one of texts.
	Pipeline []Stage `yaml:"pipeline,omitempty"`
	// Pipelines are further ones by name, each a list of stages as pipeline is; a tenant
	// chooses by its pipeline. The one named default may stand here, too.
	Pipelines map[string][]Stage `yaml:"pipelines,omitempty"`
	// Sources bring events from elsewhere than webhooks and the API, by name.
	Sources map[string]Source `yaml:"sources,omitempty"`
	// Brokers carry queues between daemons, by name; a queue stands on one by its on.
	Brokers map[string]Broker `yaml:"brokers,omitempty"`
	// Enrich holds the lookups by name.
	Enrich Enrich `yaml:"enrich,omitempty"`
	// Plugins bound the tenants' own code and say how new versions come to serve.
	Plugins Plugins `yaml:"plugins,omitempty"`
	// Limits hold for all tenants.
	Limits Limits `yaml:"limits,omitempty"`
	// Retention says how long things are kept.
	Retention Retention `yaml:"retention,omitempty"`
	// Feedback is how mails that come back are taken: bounces and complaints at the tenants'
	// return_path. Left out, nobody listens for them.
	Feedback *Feedback `yaml:"feedback,omitempty"`
	// Log is what the daemon writes to standard error.
	Log Log `yaml:"log,omitempty"`

	loaded *loaded
}

// Feedback takes mails that come back, by a listener, from a folder, or both; and it says what keeps
// an address from being mailed again, whether a mail or a provider's callback tells it.
type Feedback struct {
	// Listen is the host:port where a mail server hands them over; without a host every
	// interface is listened on. TLS and the world's spam belong to the server in front.
	Listen string `yaml:"listen,omitempty"`
	// Protocol is what is spoken there.
	Protocol string `yaml:"protocol,omitempty" enum:"smtp,lmtp" default:"smtp"`
	// Hello is the name in the greeting, the host's own by default.
	Hello string `yaml:"hello,omitempty"`
	// MaxSize is the largest mail in bytes. Larger ones are refused.
	MaxSize int64 `yaml:"max_size,omitempty" default:"4194304" min:"65536" max:"67108864"`
	// MaxConnections is how many servers are let in at once; further ones wait.
	MaxConnections int `yaml:"max_connections,omitempty" default:"50" min:"1" max:"1000"`
	// Maildir is a mailbox's folder with new and cur below, relative to the configuration
	// file: what a server puts in new is read and moved to cur.
	Maildir string `yaml:"maildir,omitempty"`
	// Every is how often the folder is looked at.
	Every Duration `yaml:"every,omitempty" default:"15s" min:"1s" max:"1h"`
	// Suppress are what keeps an address from being mailed again, by its tenant: hard and complaint at
	// once, soft when it has happened often enough.
	Suppress []string `yaml:"suppress,omitempty" enum:"hard,soft,complaint" default:"[hard, soft, complaint]"`
	// Soft says how often is often enough.
	Soft Soft `yaml:"soft,omitempty"`
}

// Soft bounds how many mails to an address may come back for a while, as for a full mailbox.
type Soft struct {
	// Count is how many suppress it.
	Count int `yaml:"count,omitempty" default:"5" min:"1" max:"100"`
	// Within is the time in which they come back.
	Within Duration `yaml:"within,omitempty" default:"7d" min:"1h" max:"30d"`
}

// HTTP is the listener of webhooks, API and pages.
type HTTP struct {
	// Listen is host:port; without a host every interface is listened on. TLS
	// belongs to the proxy in front.
	Listen string `yaml:"listen,omitempty" default:"127.0.0.1:8080"`
	// AdminKeys open /metrics and every tenant's API. Without one, /metrics is
	// open and the API takes tenants' keys only. Each is text, or {name, key}.
	AdminKeys []BearerKey `yaml:"admin_keys,omitempty"`
	// MaxBody is the largest request body in bytes: by default 8 MiB, which
	// holds the largest order that a shop's platform allows (Shopify: 499 lines).
	MaxBody int64 `yaml:"max_body,omitempty" default:"8388608" min:"1024" max:"67108864"`
	// MaxConnections is how many clients are let in at once: by default as many as the
	// process's file descriptors allow beside ledger and providers, up to 1000. Beyond,
	// those that only wait are shut for new ones.
	MaxConnections int `yaml:"max_connections,omitempty" min:"8" max:"100000"`
}

// BearerKey opens the API. A plain text in its place is the key without a name.
type BearerKey struct {
	// Name is whose key it is, for the trail: a person's short name, or a program's.
	Name string `yaml:"name,omitempty"`
	// Key is the bearer token, of 16 characters or more: openssl rand -hex 24.
	Key Secret `yaml:"key"`
}

// Keys says where the master key is.
type Keys struct {
	// Master is 32 bytes in hex or base64. Without it one is made in the data
	// folder at the first start: back it up apart from the ledger.
	Master Secret `yaml:"master,omitempty"`
}

// Provider is one way to hand messages over.
type Provider struct {
	// Type says what carries the messages, and which keys stand beside it.
	Type string `yaml:"type" of:"provider"`
	// Settings are the keys of its type.
	Settings Block `settings:"provider"`
}

// OwnProviders bound the providers that tenants have of their own.
type OwnProviders struct {
	// Allow are networks, such as 10.1.0.0/16, in which a tenant's own provider may be. Else it is only
	// connected to at public addresses, whatever its name leads to. Those of providers are not bound by it.
	Allow []string `yaml:"allow,omitempty"`
}

// Tenant is one merchant.
type Tenant struct {
	// Name signs the mails and is shown beside their address.
	Name string `yaml:"name"`
	// From is the bare address that mails come from.
	From string `yaml:"from"`
	// ReplyTo is where answers go, if not to From.
	ReplyTo string `yaml:"reply_to,omitempty"`
	// ReturnPath is the address that mails come back to, where feedback takes them: each
	// mail's own has a token behind a + in it. Without it they come back to From, and nobody
	// learns of it. Its domain needs an MX, or an SPF record that allows the providers.
	ReturnPath string `yaml:"return_path,omitempty"`
	// SupportURL is the help link in the mail, https or mailto, where the order
	// brings none of its own.
	SupportURL string `yaml:"support_url,omitempty"`
	// TrackingURL likewise is the tracking link; {order} becomes the order's number.
	TrackingURL string `yaml:"tracking_url,omitempty"`
	// ReturnsURL likewise is where the customer sends something back from.
	ReturnsURL string `yaml:"returns_url,omitempty"`
	// InvoiceURL likewise is where she finds her invoice.
	InvoiceURL string `yaml:"invoice_url,omitempty"`
	// Locales are those the tenant offers; the first is the default. Who offers en
	// also offers its variants: a Briton reads en-GB.
	Locales []string `yaml:"locales,omitempty" default:"[en]"`
	// Keys are the bearer keys of the tenant's API; without one it is closed. Each
	// is text, or {name, key}: the name then says in the trail who did something.
	Keys []BearerKey `yaml:"keys,omitempty"`
	// Shops are the tenant's stores by name, the one in the webhook's path.
	Shops map[string]Shop `yaml:"shops,omitempty"`
	// Offline lists the payment methods that count as paid before the money is
	// there. [] means none.
	Offline []string `yaml:"offline,omitempty" enum:"cash_on_delivery,bank_transfer,cheque,invoice" default:"[cash_on_delivery]"`
	// Deposits lets an order pass whose deposit is paid and the rest is not yet
	// (partially_paid). Without it such an order waits until it is paid in full.
	Deposits bool `yaml:"deposits,omitempty"`
	// HoldTTL is how long an order may wait at the gate before it is cancelled.
	HoldTTL Duration `yaml:"hold_ttl,omitempty" default:"14d" min:"1s" max:"1y"`
	// MaxAge is the age beyond which an event is held until someone asks for
	// its mail. 0 means no limit.
	MaxAge Duration `yaml:"max_age,omitempty" default:"24h" min:"0s" max:"1y"`
	// TTL is how long after its release a confirmation may still be sent.
	TTL Duration `yaml:"ttl,omitempty" default:"24h" min:"1s" max:"30d"`
	// Templates is a folder of the tenant's own template set, relative to the
	// configuration file.
	Templates string `yaml:"templates,omitempty"`
	// Brand is how the tenant's mails look.
	Brand Brand `yaml:"brand,omitempty"`
	// Legal is what the law wants a mail to say of the seller. A shop may have
	// its own.
	Legal *Legal `yaml:"legal,omitempty"`
	// PaymentInstructions say how to pay by a method whose money is not there
	// yet, where the order does not say so.
	PaymentInstructions PaymentInstructions `yaml:"payment_instructions,omitempty"`
	// Deliveries are what a mail offers instead where it says that the parcel
	// may come late; five at most.
	Deliveries []Delivery `yaml:"deliveries,omitempty"`
	// DKIM signs the tenant's mails.
	DKIM *DKIM `yaml:"dkim,omitempty"`
	// Plugins are the tenant's own code by name: files that serve at once, and
	// settings of those that are uploaded.
	Plugins map[string]Plugin `yaml:"plugins,omitempty"`
	// PluginKeys are the ed25519 public keys, by name, that sign the tenant's plugins.
	PluginKeys map[string]string `yaml:"plugin_keys,omitempty"`
	// Pipeline is the one that the tenant's orders take: default, or one of pipelines.
	Pipeline string `yaml:"pipeline,omitempty" default:"default"`
	// Mode is live, or sandbox: then nothing of the tenant's is sent. Mails, texts and push messages, also
	// those sent again or instead of others, are caught, and shown to whoever has one of its keys.
	Mode string `yaml:"mode,omitempty" enum:"live,sandbox" default:"live"`
	// Ledger is the one of ledgers that holds the tenant's orders. It cannot change while the
	// daemon runs; orders that are in another one are not known in this.
	Ledger string `yaml:"ledger,omitempty"`
	// Providers are the tenant's own. In the order of their names they stand before those
	// that the pipeline names.
	Providers map[string]Provider `yaml:"providers,omitempty"`
	// OwnProvidersOnly keeps the tenant's messages from going by others than its own
	// providers, on each channel that it has one for: they wait while those are down.
	OwnProvidersOnly bool `yaml:"own_providers_only,omitempty"`
	// Quiet are hours in which no text or push message goes out in a mail's place: it waits for their end.
	Quiet *Quiet `yaml:"quiet,omitempty"`
}

// Quiet are the hours of a day in which customers are not to be woken.
type Quiet struct {
	// From is when they begin, as "22:00".
	From string `yaml:"from"`
	// To is when they end, as "07:00"; the next day, where that is before from.
	To string `yaml:"to"`
	// TimeZone is where the customers live, as the IANA names it.
	TimeZone string `yaml:"time_zone" want:"where the customers live, such as Europe/Berlin"`
}

// Sandbox is the mode of a tenant of whose messages none is sent, and the name under which they are caught.
const Sandbox = "sandbox"

// InSandbox says that nothing of the tenant's is sent.
func (t *Tenant) InSandbox() bool { return t.Mode == Sandbox }

// Plugin is one plugin of a tenant.
type Plugin struct {
	// File is the module (.wasm) or script (.js), relative to the configuration
	// file. Without it the plugin is one that is uploaded.
	File string `yaml:"file,omitempty"`
	// Manifest is its plugin.json, the one beside the file by default.
	Manifest string `yaml:"manifest,omitempty"`
	// Signature is the file's signature, as "waxwing plugin sign" prints it.
	Signature string `yaml:"signature,omitempty"`
	// Config lays these settings over those of the manifest.
	Config map[string]string `yaml:"config,omitempty"`
}

// Brand is how a tenant's mails look.
type Brand struct {
	// Logo is the https address of a picture.
	Logo string `yaml:"logo,omitempty"`
	// Color is "#rrggbb", in quotes since # begins a comment.
	Color string `yaml:"color,omitempty"`
	// Footer is a line of small print.
	Footer string `yaml:"footer,omitempty"`
	// Address is the merchant's postal address, of one or more lines.
	Address string `yaml:"address,omitempty"`
}

// Legal is what the law of many countries wants a shop's mail to say. It stands
// in the footer, in the mail's language; what is left out is not shown.
type Legal struct {
	// Seller is the company with its registered office, of one or more lines.
	Seller string `yaml:"seller,omitempty"`
	// Register is the court and number of a trade register.
	Register string `yaml:"register,omitempty"`
	// VAT is the tax number: "DE123456789".
	VAT string `yaml:"vat,omitempty"`
	// TermsURL is the https address of the terms and conditions.
	TermsURL string `yaml:"terms_url,omitempty"`
	// WithdrawalURL is that of the instruction on the right of withdrawal.
	WithdrawalURL string `yaml:"withdrawal_url,omitempty"`
	// PrivacyURL is that of the privacy policy.
	PrivacyURL string `yaml:"privacy_url,omitempty"`
	// Text is whatever else must be said, of one or more lines.
	Text string `yaml:"text,omitempty"`
	// Locales hold what differs in a language.
	Locales map[string]LegalText `yaml:"locales,omitempty" keys:"locale"`
}

// LegalText is what differs of a legal block in one language.
type LegalText struct {
	// Seller is the company with its registered office, of one or more lines.
	Seller string `yaml:"seller,omitempty"`
	// Register is the court and number of a trade register.
	Register string `yaml:"register,omitempty"`
	// VAT is the tax number.
	VAT string `yaml:"vat,omitempty"`
	// TermsURL is the https address of the terms and conditions.
	TermsURL string `yaml:"terms_url,omitempty"`
	// WithdrawalURL is that of the instruction on the right of withdrawal.
	WithdrawalURL string `yaml:"withdrawal_url,omitempty"`
	// PrivacyURL is that of the privacy policy.
	PrivacyURL string `yaml:"privacy_url,omitempty"`
	// Text is whatever else must be said, of one or more lines.
	Text string `yaml:"text,omitempty"`
}

// PaymentInstructions are texts by method.
type PaymentInstructions struct {
	// BankTransfer names the account, for one.
	BankTransfer *Instruction `yaml:"bank_transfer,omitempty"`
	// Cheque says to whom it is made out and where it is sent.
	Cheque *Instruction `yaml:"cheque,omitempty"`
	// Invoice says until when it is paid, and where to.
	Invoice *Instruction `yaml:"invoice,omitempty"`
	// CashOnDelivery says what to have at hand.
	CashOnDelivery *Instruction `yaml:"cash_on_delivery,omitempty"`
}

// Instruction says how to pay.
type Instruction struct {
	// Text has one or more lines, which the mail keeps. {order} becomes the
	// order's number, {total} what is to be paid.
	Text string `yaml:"text"`
	// Locales are translations; Text stands where one is missing.
	Locales map[string]string `yaml:"locales,omitempty" keys:"locale"`
}

// Delivery is another way to get an order, offered beside a notice of delay.
type Delivery struct {
	// Name is what the customer reads: "Pick up in our shop".
	Name string `yaml:"name"`
	// Names are translations by locale; Name stands where one is missing.
	Names map[string]string `yaml:"names,omitempty" keys:"locale"`
	// URL is the https address where she chooses it; {order} becomes the order's
	// number. Without one it is a line of text.
	URL string `yaml:"url,omitempty"`
}

// DKIM signs a tenant's mails (RFC 6376).
type DKIM struct {
	// Domain is the signing domain, as a rule that of From.
	Domain string `yaml:"domain"`
	// Selector names the key in DNS: SELECTOR._domainkey.DOMAIN.
	Selector string `yaml:"selector"`
	// Key is a private key in PEM, RSA of 2048 bits or more or Ed25519
	// (RFC 8463); mostly written as "file:dkim.pem".
	Key Secret `yaml:"key"`
	// Also are further keys of the domain, three at most. Each mail has a signature by
	// each key: Ed25519 beside RSA, or the old one and the new one during a rotation.
	Also []DKIMKey `yaml:"also,omitempty"`
}

// DKIMKey is one more key that signs.
type DKIMKey struct {
	// Selector is a selector of its own.
	Selector string `yaml:"selector"`
	// Key is a private key like that above.
	Key Secret `yaml:"key"`
}

// Keys are all keys that sign, the first one first.
func (d *DKIM) Keys() []DKIMKey {
	return append([]DKIMKey{{Selector: d.Selector, Key: d.Key}}, d.Also...)
}

// Shop is one store of a tenant.
type Shop struct {
	// Format says how its events look; the shop's name where none is given.
	// "plugin" is a shop that one of the tenant's plugins normalises, and "mapping" one whose
	// events mapping reads.
	Format string `yaml:"format,omitempty" of:"format"`
	// Secret signs its webhooks: without one they would be refused.
	Secret Secret `yaml:"secret,omitempty"`
	// Secrets holds the old and the new one during a rotation.
	Secrets []Secret `yaml:"secrets,omitempty"`
	// URL is the address that the shop posts to (https), for a format whose signature
	// holds it (square) where a proxy changes host or path; as the request says where it is empty.
	URL string `yaml:"url,omitempty"`
	// Locale is for orders that do not say theirs: one of the tenant's.
	Locale string `yaml:"locale,omitempty"`
	// Legal is what this shop says in place of the tenant's, key by key.
	Legal *Legal `yaml:"legal,omitempty"`
	// Plugin is the plugin with the hook normalise that reads the events of a
	// shop of format plugin.
	Plugin string `yaml:"plugin,omitempty"`
	// OrderID is where such an event names its order (JSON pointer, RFC 6901).
	OrderID string `yaml:"order_id,omitempty" default:"/id"`
	// UpdatedAt is where it says when it was changed, in RFC 3339 or Unix
	// seconds; an event without it is as new as its arrival.
	UpdatedAt string `yaml:"updated_at,omitempty" default:"/updated_at"`
	// Signature is the header with the HMAC-SHA256 of such an event's body under
	// the shop's secret, in hex or base64.
	Signature string `yaml:"signature,omitempty" default:"X-Signature"`
	// Mapping says where the events of a shop of format mapping have what an order is; they are
	// signed as those of format plugin.
	Mapping *Mapping `yaml:"mapping,omitempty"`
	// API is asked for the whole order where the shop's webhooks only name it (bigcommerce, prestashop,
	// square, squarespace). Without it they are quarantined.
	API *ShopAPI `yaml:"api,omitempty"`
}

// ShopAPI is where a shop is asked for its orders.
type ShopAPI struct {
	// URL is the API's address: https://api.bigcommerce.com/stores/HASH, https://api.squarespace.com,
	// https://connect.squareup.com, or the PrestaShop's own.
	URL string `yaml:"url"`
	// Token opens it, and needs no more than the right to read orders: BigCommerce's X-Auth-Token, Squarespace's key,
	// Square's access token, PrestaShop's webservice key.
	Token Secret `yaml:"token"`
	// Allow are networks, such as 10.1.0.0/16, in which the shop may be. Else it is only asked at public
	// addresses, whatever its name leads to.
	Allow []string `yaml:"allow,omitempty"`
}

// Networks are those of allow. They were checked.
func (a *ShopAPI) Networks() []netip.Prefix { return networks(a.Allow) }

func networks(all []string) (out []netip.Prefix) {
	for _, s := range all {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// Mapping says where in a shop's events, which are JSON of any shape, an order's fields stand.
type Mapping struct {
	// When are conditions by JSON pointer (RFC 6901), or topic for the webhook's: the value that must stand
	// there, several with | between them, or set, or unset. An event that does not meet all of them is
	// recorded as ignored.
	When map[string]string `yaml:"when,omitempty" keys:"pointer"`
	// Read says for each field of the generic order, as the API takes it, where it stands: a JSON pointer,
	// several with " | " between them of which the first counts that is there, with " + " to put them
	// together, or =TEXT for what is always the same. Within a list a pointer begins at the list's
	// entry, and with $ before it at the event. /meta/[key=note]/value chooses of a list.
	Read map[string]string `yaml:"read" keys:"field"`
	// Words translate the shop's own words, by field: its word, and ours. Capitals do not count.
	Words map[string]map[string]string `yaml:"words,omitempty" keys:"field"`
	// Amounts says how amounts are written: major is 12.50, minor 1250 in the currency's own smallest unit, and
	// hundredths 1250 in any currency.
	Amounts string `yaml:"amounts,omitempty" enum:"major,minor,hundredths" default:"major"`
	// Zone is that of times which have none: Europe/Berlin.
	Zone string `yaml:"zone,omitempty" default:"UTC"`
}

// Stage is one entry of a pipeline: a stage's name, and its settings below it.
type Stage struct {
	// Name is the stage's.
	Name string
	// Settings are the keys of that stage.
	Settings Block `settings:"stage"`
}

// Store is a database that keeps the ledger.
type Store struct {
	// Type is the kind of database, which says what keys stand beside it.
	Type string `yaml:"type" of:"store"`
	// Settings are the keys of its type.
	Settings Block `settings:"store"`
}

// Source is where events come from.
type Source struct {
	// Type is the kind of source, which says what keys stand beside it.
	Type string `yaml:"type" of:"source"`
	// Reconcile is how often the orders that the source's shop has completed in the last day are held against the
	// ledger, where the source can be asked for them (postgres, shopify, woocommerce); 0 is never. Those that are missing are named in the
	// log and counted by waxwing_orders_without_confirmation.
	Reconcile Duration `yaml:"reconcile,omitempty" min:"0s" max:"7d" default:"0s"`
	// Settings are the keys of its type.
	Settings Block `settings:"source"`
}

// Broker is what carries queues between daemons.
type Broker struct {
	// Type is the kind of broker, which says what keys stand beside it.
	Type string `yaml:"type" of:"broker"`
	// Settings are the keys of its type.
	Settings Block `settings:"broker"`
}

// Enrich holds the lookups by name.
type Enrich map[string]Lookup

// Lookup is one source of further data about an order.
type Lookup struct {
	// Type is the kind of lookup, which says what keys stand beside it.
	Type string `yaml:"type" of:"lookup"`
	// Settings are the keys of its type.
	Settings Block `settings:"lookup"`
}

// Plugins bound the tenants' own code.
type Plugins struct {
	// Signatures says whether a plugin must be signed by one of its tenant's
	// plugin_keys.
	Signatures string `yaml:"signatures,omitempty" enum:"optional,required" default:"optional"`
	// Memory is for loaded plugins and what is kept of their versions, in MiB; of
	// tenants that hold more than their part, the least used go first.
	Memory int `yaml:"memory,omitempty" default:"192" min:"32" max:"65536"`
	// TenantMemory is the part of one tenant's plugins, in MiB; by default a quarter
	// of memory. A single plugin may be larger, where the others leave room.
	TenantMemory int `yaml:"tenant_memory,omitempty" min:"0" max:"65536"`
	// TenantTime is how much of a processor one tenant's plugins may take in a
	// minute, loading included, a sixth of it at once. Beyond it they are left out
	// until time has paid it back. 0 sets no bound.
	TenantTime Duration `yaml:"tenant_time,omitempty" default:"6s" min:"0s" max:"1h"`
	// Workers is how many plugins run at once; by default one less than there
	// are processors.
	Workers int `yaml:"workers,omitempty" min:"0" max:"256"`
	// Fuel is for one call, in instructions.
	Fuel int64 `yaml:"fuel,omitempty" default:"20000000" min:"10000" max:"1000000000"`
	// Wall is for one call, by the clock.
	Wall Duration `yaml:"wall,omitempty" default:"25ms" min:"1ms" max:"1s"`
	// Start is for loading one plugin: its instance, its own start and a snapshot.
	Start Duration `yaml:"start,omitempty" default:"250ms" min:"10ms" max:"10s"`
	// Order is for all of one order's calls, waiting included.
	Order Duration `yaml:"order,omitempty" default:"100ms" min:"1ms" max:"5s"`
	// Rollout is how a new version comes to serve.
	Rollout Rollout `yaml:"rollout,omitempty"`
	// Runs is how long recorded runs are kept.
	Runs Duration `yaml:"runs,omitempty" default:"7d" min:"1h" max:"1y"`
	// RunsDay is what a tenant's runs of one day may take on the disk, in MiB; the
	// oldest go first.
	RunsDay int `yaml:"runs_day,omitempty" default:"64" min:"1" max:"65536"`
	// RunsOrder is what the runs of one order keep, in KiB; what does not fit is
	// left out, and the run says so.
	RunsOrder int `yaml:"runs_order,omitempty" default:"64" min:"1" max:"4096"`
	// Names is how many plugins of a tenant may serve, be tried or wait.
	Names int `yaml:"names,omitempty" default:"20" min:"1" max:"1000"`
	// Versions is how many of one plugin are kept; those that serve are.
	Versions int `yaml:"versions,omitempty" default:"10" min:"3" max:"1000"`
	// Types is how many types of functions one module may have. What is kept of
	// them counts as memory until the next start.
	Types int `yaml:"types,omitempty" default:"256" min:"16" max:"8192"`
	// Modules is what a tenant's modules and scripts may take on the disk, in MiB;
	// the oldest that do not serve go first.
	Modules int `yaml:"modules,omitempty" default:"64" min:"1" max:"65536"`
	// Native is what the compiled code of one tenant's plugins may take on the disk,
	// in MiB.
	Native int `yaml:"native,omitempty" default:"256" min:"16" max:"65536"`
	// NativeAll is that of all tenants, in MiB, modules that are ready to be loaded
	// again included; the oldest goes first, and is made again when it is needed.
	NativeAll int `yaml:"native_all,omitempty" default:"2048" min:"64" max:"1048576"`
	// CheckBudget is the processor time that a tenant's uploads may take in an hour.
	CheckBudget Duration `yaml:"check_budget,omitempty" default:"60s" min:"10s" max:"1h"`
	// Checks is how many tenants' uploads are checked at once.
	Checks int `yaml:"checks,omitempty" default:"2" min:"2" max:"64"`
}

// Rollout is how a new version of a plugin comes to serve.
type Rollout struct {
	// Shadow is how many orders it runs on unused; 0 leaves the shadow out.
	Shadow int `yaml:"shadow,omitempty" default:"100" min:"0" max:"1000000"`
	// Steps are the shares of the orders, in per cent, that it then serves.
	Steps []int `yaml:"steps,omitempty" default:"[1, 10, 50, 100]" min:"1" max:"100"`
	// Runs of the new version end a step.
	Runs int `yaml:"runs,omitempty" default:"100" min:"1" max:"1000000"`
	// Orders of the tenant end a step where the runs are not reached.
	Orders int `yaml:"orders,omitempty" default:"300" min:"1" max:"1000000"`
}

// Limits bound what one daemon does at once.
type Limits struct {
	// Render is how many orders are worked on at once before they are sent: at the start, and
	// behind each queue between stages.
	Render int `yaml:"render,omitempty" default:"64" min:"1" max:"10000"`
	// Send is how many messages of each channel are claimed at once.
	Send int `yaml:"send,omitempty" default:"256" min:"1" max:"10000"`
	// Drain is how long SIGTERM waits for verdicts.
	Drain Duration `yaml:"drain,omitempty" default:"25s" min:"1s" max:"10m"`
}

// Retention says how long things are kept.
type Retention struct {
	// Content is for events, messages and replies: what holds personal data.
	Content Duration `yaml:"content,omitempty" default:"90d" min:"1d" max:"100y"`
	// Trail is for the record of what was done, which holds none.
	Trail Duration `yaml:"trail,omitempty" default:"7y" min:"1d" max:"100y"`
}

// Log is what the daemon writes to standard error.
type Log struct {
	// Level is the least that is written.
	Level string `yaml:"level,omitempty" enum:"debug,info,warn,error" default:"info"`
	// Format is text for people, json for machines.
	Format string `yaml:"format,omitempty" enum:"text,json" default:"text"`
}

// FormatOf is the name of a shop's format: the shop's own name where it gives
// none, and one for each shop that a plugin or a mapping reads, since its settings say where
// an order's id stands.
func FormatOf(tenant, shop, format string) string {
	switch format {
	case "":
		return shop
	case formatPlugin, formatMapping:
		return format + ":" + tenant + "/" + shop
	}
	return format
}

// Secret is a value that hides itself; in the file it may be written as
// "${VAR}" or "file:/path".
type Secret = waxwing.Secret
