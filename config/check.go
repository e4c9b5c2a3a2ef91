package config

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// checker holds the rules between values, which the tags cannot say.
type checker struct {
	*paths
	c *Config
	// bearers are the API's keys by their value, to find one that opens two doors.
	bearers map[string]string
	// alike are the values that all pipelines have in common, by key.
	alike map[string]any
}

// check adds a fault for each rule that the configuration breaks, and fills in
// what depends on several values.
func check(d *decoder, c *Config) {
	x := &checker{paths: d.paths, c: c, bearers: map[string]string{}}
	if c.Data == "" {
		x.fail("data", "data is empty", "Name a folder for the ledger, such as ./data")
	}
	x.http()
	for _, name := range sorted(c.Providers) {
		if name == Sandbox {
			x.failKey("providers."+name, "a provider cannot be called sandbox, which the trail says of what tenants in sandbox would have sent", "Give it another name, such as mail")
		}
		x.block("providers."+name, c.Providers[name].Settings)
	}
	x.networks("own_providers.allow", c.OwnProviders.Allow)
	x.pipelines()
	for _, name := range sorted(c.Tenants) {
		x.tenant("tenants."+name, name)
	}
	(&tenantFolder{checker: x, main: d}).read()
	x.unusedPipelines()
	for _, name := range sorted(c.Enrich) {
		x.block("enrich."+name, c.Enrich[name].Settings)
	}
	x.ledgers()
	for _, name := range sorted(c.Sources) {
		if slices.Contains(builtIn, name) {
			x.failKey("sources."+name, fmt.Sprintf("a source cannot be called %q, which the trail says of what comes without one", name), "Give it another name, such as "+name+"-orders")
		}
		x.block("sources."+name, c.Sources[name].Settings)
	}
	for _, name := range sorted(c.Brokers) {
		x.block("brokers."+name, c.Brokers[name].Settings)
	}
	x.feedback()
	x.retention()
	if m := c.Keys.Master; m != "" && !masterKey(m.Reveal()) {
		x.fail("keys.master", "keys.master is not 32 bytes in hex or base64", "Make one with: openssl rand -hex 32")
	}
}

func (x *checker) http() {
	h := x.c.HTTP
	if problem := BadHostPort(h.Listen, true); problem != "" {
		x.fail("http.listen", fmt.Sprintf("http.listen %s %s", x.quote("http.listen"), problem), "Write host:port, such as 127.0.0.1:8080, or :8080 for every interface")
	}
	x.bearerKeys("http.admin_keys", h.AdminKeys)
}

// bearerKeys finds a key that was given twice, and names that are none or two's.
func (x *checker) bearerKeys(path string, keys []BearerKey) {
	named := map[string]bool{}
	for i, k := range keys {
		at := fmt.Sprintf("%s[%d]", path, i)
		x.bearer(at, k.Key)
		switch {
		case k.Name == "":
		case !validName(k.Name):
			x.fail(at+".name", fmt.Sprintf("%s %.80q is no name", at+".name", k.Name), "Use a-z, 0-9, - and _, up to 64, with a letter or digit first")
		case named[k.Name]:
			x.fail(at+".name", fmt.Sprintf("the name %q stands here twice", k.Name), "Give each key a name of its own: it tells in the trail who did something")
		}
		named[k.Name] = true
	}
}

func (x *checker) bearer(path string, k Secret) {
	if k == "" {
		return // reported where it was read
	}
	x.hard(path, k, "key")
	if other, twice := x.bearers[k.Reveal()]; twice {
		x.fail(path, "this key is the same as "+other, "Make a key of its own, since a key says whose the request is: openssl rand -hex 24")
		return
	}
	x.bearers[k.Reveal()] = path
}

// block checks a component's settings by their own rules.
func (x *checker) block(path string, b Block) {
	if b != nil { // else its type was reported
		b.Check(&Report{x: x, path: path})
	}
}

var (
	notParams = regexp.MustCompile(`(?s)'[^']*'|"[^"]*"|--[^\n]*|/\*.*?\*/|::`)
	param     = regexp.MustCompile(`:([A-Za-z_][A-Za-z0-9_]*)`)
)

// query checks the parameters of a lookup's statement.
func (x *checker) query(path, text string, known []string) {
	for _, m := range param.FindAllStringSubmatch(notParams.ReplaceAllString(text, " "), -1) {
		if !slices.Contains(known, m[1]) {
			x.fail(path, fmt.Sprintf("%s has no parameter %q", path, ":"+m[1]), meant(m[1], known, "There are :"+strings.Join(known, ", :")))
			return
		}
	}
}

// retention must outlast the work: what is erased can no longer be sent.
func (x *checker) feedback() {
	f := x.c.Feedback
	if f == nil {
		return
	}
	if f.Listen == "" && f.Maildir == "" && !x.given("feedback.suppress") && !x.given("feedback.soft") { // these count for what providers call back with, too
		x.failKey("feedback", "feedback has neither listen nor maildir", "Say where mails that come back are taken: listen: 127.0.0.1:2525, or maildir: a folder")
	}
	if problem := BadHostPort(f.Listen, true); f.Listen != "" && problem != "" {
		x.fail("feedback.listen", fmt.Sprintf("feedback.listen %s %s", x.quote("feedback.listen"), problem), "Write host:port, such as 127.0.0.1:2525")
	}
	if f.Hello != "" && !IsHost(f.Hello) {
		x.fail("feedback.hello", fmt.Sprintf("feedback.hello %s is no host name", x.quote("feedback.hello")), "Write this host's full name, such as bounces.example.com")
	}
	if f.Maildir != "" {
		f.Maildir = x.beside("feedback.maildir", f.Maildir)
	}
}

func (x *checker) retention() {
	r := x.c.Retention
	for _, name := range sorted(x.c.Tenants) {
		t := x.c.Tenants[name]
		if need := t.HoldTTL + t.TTL; r.Content > 0 && r.Content < need && !x.isBad("tenants."+name) {
			x.fail("retention.content", fmt.Sprintf("retention.content is shorter than tenant %s may need an order: %s", name, need),
				fmt.Sprintf("Set it to %s or more, or shorten the tenant's hold_ttl and ttl", need))
			break
		}
	}
	if r.Trail < r.Content {
		x.fail("retention.trail", "retention.trail is shorter than retention.content", "The trail must outlast what it tells of: raise it")
	}
}

func masterKey(s string) bool {
	if b, err := hex.DecodeString(s); err == nil && len(b) == 32 {
		return true
	}
	for _, e := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if b, err := e.DecodeString(s); err == nil && len(b) == 32 {
			return true
		}
	}
	return false
}

// badMailbox says what keeps s from being a bare address.
func badMailbox(s string) string {
	a, err := mail.ParseAddress(s)
	switch {
	case err != nil || len(s) > 254:
		return "is no e-mail address"
	case a.Name != "" || a.Address != s:
		return "has more than the address"
	case !IsHost(s[strings.LastIndexByte(s, '@')+1:]) && isASCII(s):
		return "is no e-mail address"
	}
	return ""
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// privateKey says what is wrong with a DKIM key; the words hold nothing of it.
func privateKey(s string) string {
	b, _ := pem.Decode([]byte(s))
	if b == nil {
		return "is not PEM"
	}
	var key any
	var err error
	switch b.Type {
	case "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
	default:
		return "holds no private key"
	}
	if err != nil {
		return "is damaged"
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if k.N.BitLen() < 2048 {
			return "is an RSA key of less than 2048 bits"
		}
	case ed25519.PrivateKey:
	default:
		return "is neither RSA nor Ed25519"
	}
	return ""
}

// BadHostPort says what is wrong with an address, "" if nothing is; a listener's may do
// without a host and have port 0.
func BadHostPort(s string, listen bool) string {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "is not host:port"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil:
		return "has no port from 1 to 65535"
	case n == 0 && !listen:
		return "has no port from 1 to 65535"
	case host == "" && !listen:
		return "has no host"
	case host != "" && !IsHost(host):
		return "has no valid host"
	}
	return ""
}

// IsHost reports whether s is an IP address or has the form of a host's name in ASCII.
func IsHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if len(s) > 253 {
		return false
	}
	for l := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for _, r := range l {
			if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
				return false
			}
		}
	}
	return true
}

// IsLoopback reports whether a host is this machine.
func IsLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// Report takes the faults of one block. Keys are relative to it: "auth.user"; "" is the
// block itself.
type Report struct {
	x    *checker
	path string
}

// Path is a key as messages name it: "providers.mail.auth.user".
func (r *Report) Path(key string) string {
	switch {
	case key == "":
		return r.path
	case key[0] == '[':
		return r.path + key
	}
	return join(r.path, key)
}

// Fail reports a key's value: what is wrong and what to do, both without a full stop and
// without secrets.
func (r *Report) Fail(key, problem, remedy string) { r.x.fail(r.Path(key), problem, remedy) }

// FailKey likewise reports the key itself.
func (r *Report) FailKey(key, problem, remedy string) { r.x.failKey(r.Path(key), problem, remedy) }

// HasMaster reports whether keys.master is set, or was to be: what is wrong with it is
// reported there.
func (r *Report) HasMaster() bool { return r.x.c.Keys.Master != "" || r.x.isBad("keys.master") }

// Given reports whether the file has the key.
func (r *Report) Given(key string) bool { return r.x.given(r.Path(key)) }

// Bad reports whether the key, or what holds it, has been reported already.
func (r *Report) Bad(key string) bool { return r.x.isBad(r.Path(key)) }

// Quote is a key's value as the file has it, for a message. It is "" for a secret's.
func (r *Report) Quote(key string) string { return r.x.quote(r.Path(key)) }

// Beside makes a path that begins at the file which names it one for the daemon.
func (r *Report) Beside(key, path string) string { return r.x.beside(r.Path(key), path) }

// Queries checks the parameters (":order") of each text whose tag params says which there are.
func (r *Report) Queries(b Block) {
	v := reflect.ValueOf(b).Elem()
	for _, f := range shape(v.Type()) {
		if f.params != nil {
			r.x.query(r.Path(f.name), f.in(v).String(), f.params)
		}
	}
}

// ledgers checks those of both sections, and that no two are one.
func (x *checker) ledgers() {
	if x.c.Ledger != nil {
		x.block("ledger", x.c.Ledger.Settings)
	}
	names := sorted(x.c.Ledgers)
	for i, name := range names {
		at := "ledgers." + name
		x.block(at, x.c.Ledgers[name].Settings)
		if x.c.Ledger != nil && same(x.c.Ledger.Settings, x.c.Ledgers[name].Settings) {
			x.failKey(at, at+" is the same database as ledger", "Take one of them out, or name another database")
		}
		for _, other := range names[:i] {
			if same(x.c.Ledgers[other].Settings, x.c.Ledgers[name].Settings) {
				x.failKey(at, at+" is the same database as ledgers."+other, "Take one of them out, or name another database")
			}
		}
	}
}

// same says whether two stores have the same settings.
func same(a, b Block) bool { return a != nil && b != nil && reflect.DeepEqual(a, b) }

// choosesLedger checks a tenant's choice.
func (x *checker) choosesLedger(path, name string) {
	known := sorted(x.c.Ledgers)
	switch {
	case slices.Contains(known, name) || x.isBad(path) || x.isBad("ledgers"):
	case name != "":
		remedy := "Define it under ledgers:, or take it out"
		if len(known) > 0 {
			remedy += "; there are " + strings.Join(known, ", ")
		}
		x.fail(path, fmt.Sprintf("there is no ledger %s", x.quote(path)), meant(name, known, remedy))
	case len(known) > 0 && x.c.Ledger == nil && !x.isBad("ledger"):
		x.failKey(path, path+" is missing: where there are ledgers, a tenant's orders are in one of them", "Add ledger: "+strings.Join(known, " or ")+
			", or a section ledger for those tenants that name none")
	}
}

// builtIn are the names under which events are known that no source of the configuration brings.
var builtIn = []string{"api", "fetch", "import", "ping", "webhook"}
