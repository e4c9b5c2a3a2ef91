package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing/config/reach"
)

// tenantRules are those of one tenant.
type tenantRules struct {
	*paths
	check *checker // of the whole configuration
	path  string   // where the tenant stands
	t     *Tenant
}

// tenant checks one, and takes what follows from its values.
func (x *checker) tenant(path, name string) {
	t := x.c.Tenants[name]
	(&tenantRules{paths: x.paths, check: x, path: path, t: &t}).all()
	x.c.Tenants[name] = t
}

// quiet checks the hours in which nobody is woken.
func (x *tenantRules) quiet(path string, q *Quiet) {
	if q == nil {
		return
	}
	for key, v := range map[string]string{".from": q.From, ".to": q.To} {
		if _, ok := clock(v); !ok && !x.isBad(path+key) {
			x.fail(path+key, fmt.Sprintf("%s%s %s is no time of day", path, key, x.quote(path+key)), `Write hours and minutes in quotes, such as "22:00"`)
		}
	}
	if q.From == q.To {
		x.fail(path+".to", path+" begins and ends at the same time", "Write two times, or take it out")
	}
	if _, err := time.LoadLocation(q.TimeZone); err != nil || q.TimeZone == "" || q.TimeZone == "Local" {
		if !x.isBad(path + ".time_zone") {
			x.fail(path+".time_zone", fmt.Sprintf("%s.time_zone %s is no time zone", path, x.quote(path+".time_zone")), "Write it as the IANA names it, such as Europe/Berlin")
		}
	}
}

func (x *tenantRules) all() {
	t, path := x.t, x.path
	if strings.TrimSpace(t.Name) == "" {
		x.fail(path+".name", path+".name is empty", "Write the shop's name: it signs every mail")
	}
	x.mailbox(path+".from", t.From, true)
	x.mailbox(path+".reply_to", t.ReplyTo, x.given(path+".reply_to"))
	x.returnPath(path+".return_path", t.ReturnPath)
	x.link(path+".support_url", t.SupportURL, true)
	x.link(path+".tracking_url", strings.ReplaceAll(t.TrackingURL, "{order}", "1"), false)
	x.link(path+".returns_url", strings.ReplaceAll(t.ReturnsURL, "{order}", "1"), false)
	x.link(path+".invoice_url", strings.ReplaceAll(t.InvoiceURL, "{order}", "1"), false)
	x.link(path+".brand.logo", t.Brand.Logo, false)
	if !isColor(t.Brand.Color) {
		x.fail(path+".brand.color", fmt.Sprintf("%s.brand.color %s is no colour", path, x.quote(path+".brand.color")), `Write "#rrggbb" in quotes, such as "#1a5fb4"`)
	}
	x.quiet(path+".quiet", t.Quiet)
	x.locales()
	x.deliveries(path+".deliveries", t.Deliveries)
	x.legal(path+".legal", t.Legal)
	x.instructions(path+".payment_instructions", &t.PaymentInstructions)
	x.check.bearerKeys(path+".keys", t.Keys)
	x.signers(path+".plugin_keys", t.PluginKeys)
	for i, m := range t.Offline {
		if at := fmt.Sprintf("%s.offline[%d]", path, i); slices.Contains(t.Offline[:i], m) {
			x.fail(at, fmt.Sprintf("%s.offline names %s twice", path, x.quote(at)), "Take one of them out")
		}
	}
	for _, s := range sorted(t.Shops) {
		t.Shops[s] = x.shop(s)
		x.legal(path+".shops."+s+".legal", t.Shops[s].Legal)
	}
	if t.Templates != "" {
		t.Templates = x.beside(path+".templates", t.Templates)
		if st, err := os.Stat(t.Templates); err != nil || !st.IsDir() {
			x.fail(path+".templates", fmt.Sprintf("%s.templates %s is no folder", path, x.quote(path+".templates")), "Mend the path, which begins at the configuration file, or leave it out for the built-in templates")
		}
	}
	if t.DKIM != nil {
		x.dkim(path+".dkim", t.DKIM)
	}
	for _, p := range sorted(t.Plugins) {
		t.Plugins[p] = x.plugin(path+".plugins."+p, t.Plugins[p])
	}
	x.check.choosesPipeline(path+".pipeline", t.Pipeline)
	x.check.choosesLedger(path+".ledger", t.Ledger)
	x.ownProviders()
}

// ownProviders checks a tenant's own as the platform's are. From then on they reach what a
// tenant may name, and nothing else.
func (x *tenantRules) ownProviders() {
	t, path := x.t, x.path
	for _, p := range sorted(t.Providers) {
		x.check.block(path+".providers."+p, t.Providers[p].Settings)
		if b, ok := t.Providers[p].Settings.(pooled); ok {
			b.pool().guard = &reach.Guard{Allow: networks(x.check.c.OwnProviders.Allow)}
		}
	}
	if t.OwnProvidersOnly && len(t.Providers) == 0 && !x.given(path+".providers") {
		x.fail(path+".own_providers_only", path+".own_providers_only stands without providers", "Define them under "+path+".providers, or take it out")
	}
	if n := len(t.Providers); n > mostOwnProviders {
		x.failKey(path+".providers", fmt.Sprintf("%s.providers has %d entries", path, n), fmt.Sprintf("Keep %d at most", mostOwnProviders))
	}
}

// mostOwnProviders is how many providers of its own a tenant has at most.
const mostOwnProviders = 8

// maxReturn is how long the part before the @ may be, so that a token has room in it
// (feedback/returnpath has the same).
const maxReturn = 22

func (x *tenantRules) returnPath(path, s string) {
	x.mailbox(path, s, false)
	local, _, _ := strings.Cut(s, "@")
	if len(local) > maxReturn || strings.ContainsAny(local, "+\"") {
		x.fail(path, fmt.Sprintf("%s %s leaves no room for a message's token", path, x.quote(path)), fmt.Sprintf("Take one of up to %d characters before the @, without a +, such as bounces@mail.example.com", maxReturn))
	}
}

func (x *tenantRules) mailbox(path, s string, must bool) {
	if s == "" && !must {
		return
	}
	remedy := "Write a bare address such as orders@example.com"
	switch problem := badMailbox(s); {
	case problem == "":
	case strings.Contains(problem, "more"):
		x.fail(path, fmt.Sprintf("%s %s %s", path, x.quote(path), problem), remedy+"; the name beside it is the tenant's name")
	default:
		x.fail(path, fmt.Sprintf("%s %s %s", path, x.quote(path), problem), remedy)
	}
}

// link checks an address that stands in the mail.
func (x *tenantRules) link(path, s string, mailto bool) {
	if s == "" && !x.given(path) {
		return
	}
	if strings.ContainsAny(s, "{}") {
		x.fail(path, fmt.Sprintf("%s %s has a placeholder that is not known", path, x.quote(path)), "The only one is {order}, in tracking_url, returns_url, invoice_url and the url of deliveries")
		return
	}
	if a, ok := strings.CutPrefix(s, "mailto:"); ok && mailto && badMailbox(a) == "" {
		return
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(s) > 2000 || strings.ContainsAny(s, " \"'<>\\^`|") {
		want := "Write an absolute https address"
		if mailto {
			want += ", or mailto: with an address"
		}
		x.fail(path, fmt.Sprintf("%s %s is no https address", path, x.quote(path)), want)
	}
}

// isColor allows "": the brand's colour has a default of its own.
func isColor(s string) bool {
	return s == "" || len(s) == 7 && s[0] == '#' && strings.Trim(s[1:], "0123456789abcdefABCDEF") == ""
}

func (x *tenantRules) locales() {
	t, path := x.t, x.path
	if len(t.Locales) == 0 {
		x.fail(path+".locales", path+".locales is empty", "Name one at least; the first is the default")
	}
	for i, l := range t.Locales {
		at := fmt.Sprintf("%s.locales[%d]", path, i)
		switch {
		case slices.Contains(t.Locales[:i], l):
			x.fail(at, fmt.Sprintf("%s.locales names %s twice", path, x.quote(at)), "Take one of them out")
		case !slices.Contains(x.words.Locales, l):
			x.fail(at, fmt.Sprintf("the locale %s is not built in", x.quote(at)), meant(l, x.words.Locales, "There are "+strings.Join(x.words.Locales, ", ")))
		}
	}
}

// What a mail can show of alternative deliveries.
const (
	maxDeliveries   = 5
	maxDeliveryName = 80 // characters
)

func (x *tenantRules) deliveries(path string, all []Delivery) {
	if n := len(all); n > maxDeliveries {
		x.fail(fmt.Sprintf("%s[%d]", path, maxDeliveries), fmt.Sprintf("%s has %d entries", path, n), fmt.Sprintf("Keep %d at most: more is no choice that anybody makes in a mail", maxDeliveries))
	}
	for i, d := range all {
		at := fmt.Sprintf("%s[%d]", path, i)
		x.deliveryName(at+".name", d.Name)
		for _, l := range sorted(d.Names) {
			name := at + ".names." + l
			x.localeKey(name, l)
			x.deliveryName(name, d.Names[l])
		}
		x.link(at+".url", strings.ReplaceAll(d.URL, "{order}", "1"), false)
	}
}

func (x *tenantRules) deliveryName(path, s string) {
	if !x.given(path) {
		return // reported where it was read
	}
	switch {
	case strings.TrimSpace(s) == "":
		x.fail(path, path+" is empty", `Write what the customer reads, such as "Pick up in our shop"`)
	case utf8.RuneCountInString(s) > maxDeliveryName || strings.ContainsFunc(s, unicode.IsControl):
		x.fail(path, fmt.Sprintf("%s is not one line of up to %d characters", path, maxDeliveryName), "Shorten it: it stands as a link in the mail")
	}
}

func (x *tenantRules) shop(name string) Shop {
	path, s, locales := x.path+".shops."+name, x.t.Shops[name], x.t.Locales
	formats := x.words.names(kindFormat)
	switch {
	case s.Format == "" && slices.Contains(formats, name):
		s.Format = name
	case s.Format == "":
		remedy := "Add format: " + choices(formats)
		if n := nearest(name, formats); n != "" {
			remedy = fmt.Sprintf("Did you mean %q? Else add format: %s", n, choices(formats))
		}
		x.failKey(path, fmt.Sprintf("the shop %q does not say its format", name), remedy)
	}
	// A mapping's events often come from a database or a broker alone: its webhooks are then refused.
	if s.Format != formatMapping && !x.words.unsigned(s.Format) && s.Secret == "" && len(s.Secrets) == 0 && !x.isBad(path+".secret") && !x.isBad(path+".secrets") {
		x.failKey(path, path+" has no secret, so that its webhooks would be refused", `Add secret: "${VAR}" with the secret that the shop signs with`)
	}
	x.check.hard(path+".secret", s.Secret, "secret")
	for i, v := range s.Secrets {
		x.check.hard(fmt.Sprintf("%s.secrets[%d]", path, i), v, "secret")
	}
	if s.Format == "plugin" && s.Plugin == "" && !x.isBad(path+".plugin") {
		x.failKey(path, path+" does not say which plugin reads its events", "Add plugin: with the name of one that fills the hook normalise")
	}
	x.mapping(path, s)
	x.shopAPI(path, s)
	for _, p := range []struct{ key, value string }{{"order_id", s.OrderID}, {"updated_at", s.UpdatedAt}} {
		if p.value != "" && !strings.HasPrefix(p.value, "/") {
			x.fail(path+"."+p.key, fmt.Sprintf("%s.%s %s is no JSON pointer", path, p.key, x.quote(path+"."+p.key)), "Begin it with /, such as /order/id")
		}
	}
	x.link(path+".url", s.URL, false)
	if s.Locale != "" && !slices.Contains(locales, s.Locale) && !x.isBad(x.path+".locales") {
		x.fail(path+".locale", fmt.Sprintf("%s.locale %s is not among the tenant's locales", path, x.quote(path+".locale")), meant(s.Locale, locales, "Choose "+choices(locales)+", or add it there"))
	}
	return s
}

// mapping checks the rules of a shop that has some, or must.
func (x *tenantRules) mapping(path string, s Shop) {
	switch {
	case s.Mapping == nil && s.Format == formatMapping && !x.isBad(path+".mapping"):
		x.failKey(path, path+" has no mapping", "Add mapping: with read: below it, which says where the events have an order's fields; docs/sources.md shows one")
	case s.Mapping != nil && s.Format != formatMapping && !x.isBad(path+".format"):
		x.fail(path+".mapping", path+".mapping is read by nobody: the shop's format is "+s.Format, "Write format: mapping, or take it out")
	case s.Mapping != nil && x.words.Mapping != nil && !x.isBad(path+".mapping") && !x.isBad(path+".mapping.read"):
		for _, f := range x.words.Mapping(s.Mapping) {
			at := path + ".mapping." + f.Key
			if x.given(at) {
				x.fail(at, at+": "+f.Text, f.Remedy)
			} else {
				x.failKey(path+".mapping", path+".mapping: "+f.Text, f.Remedy)
			}
		}
	}
}

// shopAPI checks where a shop is asked for its orders.
func (x *tenantRules) shopAPI(path string, s Shop) {
	if s.API == nil {
		return
	}
	path += ".api"
	if i := slices.Index(x.words.formats(), s.Format); !x.isBad(path) && (i < 0 || x.words.Formats[i].API == nil) {
		x.fail(path, path+" is asked by nobody: events of the format "+s.Format+" show their orders", "Take it out")
	}
	u, err := url.Parse(s.API.URL)
	if !x.isBad(path+".url") && (err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Scheme != "https" && !(u.Scheme == "http" && IsLoopback(u.Hostname()))) {
		x.fail(path+".url", path+".url is no https address", "Write https://shop.example, without user, password and query")
	}
	if t := s.API.Token.Reveal(); strings.TrimSpace(t) != t || strings.ContainsFunc(t, unicode.IsControl) {
		x.fail(path+".token", path+".token begins or ends in a space, or holds a control character", "Take it out: no token has one")
	}
	x.check.networks(path+".allow", s.API.Allow)
}

// networks checks a list of those that the operator allows.
func (x *checker) networks(path string, all []string) {
	for i, n := range all {
		at := fmt.Sprintf("%s[%d]", path, i)
		if _, err := netip.ParsePrefix(n); err != nil && !x.isBad(at) {
			x.fail(at, fmt.Sprintf("%s %s is no network", at, x.quote(at)), "Write it as 10.1.0.0/16")
		}
	}
}

// mostDKIM is how many keys sign beside the first: two of each algorithm, during a rotation.
const mostDKIM = 3

func (x *tenantRules) dkim(path string, k *DKIM) {
	if !isDNSName(k.Domain) {
		x.fail(path+".domain", fmt.Sprintf("%s.domain %s is no host name", path, x.quote(path+".domain")), "Write it in ASCII, such as example.com")
	}
	if len(k.Also) > mostDKIM {
		x.failKey(path+".also", fmt.Sprintf("%s.also has %d entries", path, len(k.Also)), fmt.Sprintf("Keep %d at most: each costs every mail a signature", mostDKIM))
	}
	seen := map[string]bool{}
	for i, key := range k.Keys() {
		at := path
		if i > 0 {
			at = fmt.Sprintf("%s.also[%d]", path, i-1)
		}
		if x.isBad(at) {
			continue
		}
		if !x.isBad(at + ".selector") {
			switch name := strings.ToLower(key.Selector); {
			case !isDNSName(key.Selector):
				x.fail(at+".selector", fmt.Sprintf("%s.selector %s is no host name", at, x.quote(at+".selector")), "Write it in ASCII, such as waxwing1")
			case seen[name]:
				x.fail(at+".selector", fmt.Sprintf("%s.selector %s is that of another key", at, x.quote(at+".selector")), "Give each key a selector of its own: one record can hold one key")
			default:
				seen[name] = true
			}
		}
		if problem := privateKey(key.Key.Reveal()); problem != "" && !x.isBad(at+".key") {
			x.fail(at+".key", at+".key "+problem, `Write "file:dkim.pem", made with: openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out dkim.pem`)
		}
	}
}

// isDNSName reports whether s is a name in DNS as a signature may give it (RFC 6376, 3.1):
// neither an address nor one with a dot at its end.
func isDNSName(s string) bool {
	return IsHost(s) && !strings.Contains(s, ":") && !strings.HasSuffix(s, ".")
}

// plugin checks that its files are there; what they hold is checked where they
// are loaded.
func (x *tenantRules) plugin(path string, p Plugin) Plugin {
	if p.File == "" {
		return p
	}
	if p.Manifest == "" {
		p.Manifest = filepath.Join(filepath.Dir(p.File), "plugin.json")
	}
	p.File, p.Manifest = x.beside(path+".file", p.File), x.beside(path+".file", p.Manifest)
	for _, f := range []struct{ key, path, remedy string }{
		{"file", p.File, "Mend the path, which begins at the configuration file; \"waxwing plugin build\" makes the file"},
		{"manifest", p.Manifest, "Put plugin.json beside the file, or name it under manifest:"},
	} {
		if st, err := os.Stat(f.path); err != nil || !st.Mode().IsRegular() {
			at := path + "." + f.key
			if !x.given(at) {
				at = path + ".file"
			}
			x.fail(at, fmt.Sprintf("%s %.80q is no file", path+"."+f.key, f.path), f.remedy)
		}
	}
	return p
}
