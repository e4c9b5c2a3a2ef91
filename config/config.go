// Package config holds the YAML configuration: its types, the strict loader
// that names file, line, column and remedy of each mistake, the JSON Schema and
// the reference page, both generated from these types.
package config

import (
	"time"

	"github.com/waxwinghq/waxwing"
)

// Config is one whole configuration file.
type Config struct {
	// Data is the folder of the embedded ledger. One daemon at a time holds it.
	Data string `yaml:"data,omitempty" default:"./data"`
	HTTP HTTP   `yaml:"http,omitempty"`
	// Keys says where the master key comes from that wraps all others.
	Keys Keys `yaml:"keys,omitempty"`
	// Providers carry messages; the pipeline names them.
	Providers map[string]Provider `yaml:"providers"`
	Tenants   map[string]Tenant   `yaml:"tenants"`
	// Pipeline lists the stages in their order; queues stand between them.
	Pipeline []Stage `yaml:"pipeline,omitempty"`
	Enrich   Enrich  `yaml:"enrich,omitempty"`
	// Limits hold for all tenants.
	Limits    Limits    `yaml:"limits,omitempty"`
	Retention Retention `yaml:"retention,omitempty"`
	Log       Log       `yaml:"log,omitempty"`

	file   string
	source []byte
}

// HTTP is the listener of webhooks, API and pages.
type HTTP struct {
	Listen string `yaml:"listen,omitempty" default:"127.0.0.1:8080"`
	// AdminKeys open /metrics and every tenant's API. Without one, /metrics is
	// open and the API takes tenants' keys only.
	AdminKeys []Secret `yaml:"admin_keys,omitempty"`
	// MaxBody is the largest request body in bytes.
	MaxBody int64 `yaml:"max_body,omitempty" default:"1048576"`
}

// Keys says where the master key is.
type Keys struct {
	// Master is 32 bytes in hex or base64. Without it one is made in the data
	// folder at the first start: back it up apart from the ledger.
	Master Secret `yaml:"master,omitempty"`
}

// Provider is one way to hand messages over.
type Provider struct {
	Type string `yaml:"type" enum:"smtp,twilio"`

	// SMTP.
	Addr string `yaml:"addr,omitempty"`
	TLS  string `yaml:"tls,omitempty" enum:"none,starttls,implicit" default:"starttls"`
	Auth *Auth  `yaml:"auth,omitempty"`
	// Connections is how many are kept at most: also the most attempts that one
	// crash can leave uncertain.
	Connections int `yaml:"connections,omitempty" default:"32"`
	// Hello is the name given in EHLO, the host's own by default.
	Hello string `yaml:"hello,omitempty"`
	// CAFile holds further certificates to trust, PEM.
	CAFile string `yaml:"ca_file,omitempty"`

	// Twilio.
	BaseURL string `yaml:"base_url,omitempty" default:"https://api.twilio.com"`
	Account string `yaml:"account,omitempty"`
	Token   Secret `yaml:"token,omitempty"`
	From    string `yaml:"from,omitempty"`

	// DotTimeout is how long the answer to the whole message is waited for
	// (RFC 5321 4.5.3.2.6); shorter ones make duplicates.
	DotTimeout Duration `yaml:"dot_timeout,omitempty" default:"10m"`
}

// Auth is a name and password.
type Auth struct {
	User     string `yaml:"user"`
	Password Secret `yaml:"password"`
}

// Tenant is one merchant.
type Tenant struct {
	Name string `yaml:"name"`
	// From is the address that mails come from.
	From    string `yaml:"from"`
	ReplyTo string `yaml:"reply_to,omitempty"`
	// SupportURL and TrackingURL stand in the mail; {order} becomes the order's
	// number.
	SupportURL  string `yaml:"support_url,omitempty"`
	TrackingURL string `yaml:"tracking_url,omitempty"`
	// Locales are those the tenant offers; the first is the default.
	Locales []string `yaml:"locales,omitempty" default:"[en]"`
	// Keys are the bearer keys of the tenant's API.
	Keys  []Secret        `yaml:"keys,omitempty"`
	Shops map[string]Shop `yaml:"shops,omitempty"`
	// Offline lists the payment methods that count as paid before the money is
	// there.
	Offline []string `yaml:"offline,omitempty" enum:"cash_on_delivery,bank_transfer,cheque,invoice"`
	// HoldTTL is how long an order may wait at the gate before it is cancelled.
	HoldTTL Duration `yaml:"hold_ttl,omitempty" default:"336h"`
	// MaxAge is the age beyond which an event is held until someone asks for
	// its mail. 0 means no limit.
	MaxAge *Duration `yaml:"max_age,omitempty" default:"24h"`
	// TTL is how long after its release a confirmation may still be sent.
	TTL Duration `yaml:"ttl,omitempty" default:"24h"`
	// Templates is a folder of the tenant's own template set.
	Templates string `yaml:"templates,omitempty"`
	Brand     Brand  `yaml:"brand,omitempty"`
	DKIM      *DKIM  `yaml:"dkim,omitempty"`
}

// Brand is how a tenant's mails look.
type Brand struct {
	Logo    string `yaml:"logo,omitempty"`
	Color   string `yaml:"color,omitempty"`
	Footer  string `yaml:"footer,omitempty"`
	Address string `yaml:"address,omitempty"`
}

// DKIM signs a tenant's mails (RFC 6376).
type DKIM struct {
	Domain   string `yaml:"domain"`
	Selector string `yaml:"selector"`
	// Key is a private key in PEM: RSA or Ed25519 (RFC 8463).
	Key Secret `yaml:"key"`
}

// Shop is one store of a tenant.
type Shop struct {
	// Format says how its events look; the shop's name where none is given.
	Format string `yaml:"format,omitempty"`
	// Secret signs its webhooks; during a rotation Secrets holds both.
	Secret  Secret   `yaml:"secret,omitempty"`
	Secrets []Secret `yaml:"secrets,omitempty"`
	// Locale is the tenant's rule for orders that do not say theirs.
	Locale string `yaml:"locale,omitempty"`
}

// Stage is one entry of the pipeline: exactly one of its fields is set.
type Stage struct {
	Normalise *Normalise
	Enrich    *EnrichStage
	Render    *Render
	Queue     *Queue
	Send      *Send
	Fallback  *Fallback
}

// Normalise turns the shop's event into an order; the gate stands behind it.
type Normalise struct{}

// EnrichStage asks the lookups for more about the order.
type EnrichStage struct {
	// From names the lookups of the top-level enrich section, in order; all by default.
	From []string `yaml:"from,omitempty"`
	// Deadline is for all lookups of one order together; what has not answered
	// by then is left out and noted in the trail.
	Deadline Duration `yaml:"deadline,omitempty" default:"300ms"`
}

// Render makes the exact bytes of the message.
type Render struct{}

// Queue is a durable hop between stages.
type Queue struct {
	Name string `yaml:"name"`
	On   string `yaml:"on,omitempty" enum:"gochannel" default:"gochannel"`
}

// Send offers the message to providers.
type Send struct {
	Channel   string     `yaml:"channel,omitempty" enum:"email" default:"email"`
	Providers []string   `yaml:"providers"`
	Retry     []Duration `yaml:"retry,omitempty" default:"[1m, 5m, 15m, 30m, 1h, 2h, 4h]"`
	Uncertain Doubt      `yaml:"uncertain,omitempty"`
}

// Doubt says what becomes of an attempt whose answer was lost.
type Doubt struct {
	Policy string   `yaml:"policy,omitempty" enum:"resend,assume_sent,hold" default:"resend"`
	After  Duration `yaml:"after,omitempty" default:"1m"`
}

// Fallback goes another way when e-mail does not.
type Fallback struct {
	Channels  []string `yaml:"channels,omitempty" enum:"sms" default:"[sms]"`
	Providers []string `yaml:"providers"`
	After     []string `yaml:"after,omitempty" enum:"rejected,unreachable" default:"[rejected, unreachable]"`
	// Unreachable is how long every e-mail provider must have failed.
	Unreachable Duration `yaml:"unreachable,omitempty" default:"5m"`
}

// Enrich holds the lookups by name.
type Enrich map[string]Lookup

// Lookup is one source of further data about an order.
type Lookup struct {
	Type string `yaml:"type" enum:"sql"`
	// DSN names the database: a SQLite file or postgres://...
	DSN Secret `yaml:"dsn"`
	// The queries; each may be left out. Parameters are :tenant, :shop,
	// :order, :email, :customer, :sku (docs/configuration.md has the columns).
	Customer string `yaml:"customer,omitempty"`
	Product  string `yaml:"product,omitempty"`
	Stock    string `yaml:"stock,omitempty"`
	Delivery string `yaml:"delivery,omitempty"`
}

// Limits bound what one daemon does at once.
type Limits struct {
	// Render is how many orders are rendered at once; 0 means one a core.
	Render int `yaml:"render,omitempty"`
	// Send is how many messages are claimed at once.
	Send int `yaml:"send,omitempty" default:"256"`
	// Drain is how long SIGTERM waits for verdicts.
	Drain Duration `yaml:"drain,omitempty" default:"25s"`
}

// Retention says how long things are kept.
type Retention struct {
	Content Duration `yaml:"content,omitempty" default:"2160h"`
	Trail   Duration `yaml:"trail,omitempty" default:"61320h"`
}

// Log is what the daemon writes to standard error.
type Log struct {
	Level  string `yaml:"level,omitempty" enum:"debug,info,warn,error" default:"info"`
	Format string `yaml:"format,omitempty" enum:"text,json" default:"text"`
}

// Secret is a value that hides itself; in the file it may be written as
// "${VAR}" or "file:/path".
type Secret = waxwing.Secret

// Duration is a time span that the file writes as "90s", "24h" or "90d".
type Duration time.Duration

// D returns the span.
func (d Duration) D() time.Duration { return time.Duration(d) }
