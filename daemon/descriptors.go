package daemon

import (
	"cmp"
	"crypto/x509"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/web"
)

// What is set apart, of measured numbers rounded up.
const (
	// ownFiles: standard streams, poller, listener, lock, log, what a parent left open.
	ownFiles = 14
	// ledgerFiles: two a connection of the ledger, the shared index, keys and anchors while
	// they are written, a backup.
	ledgerFiles = 18
	// childFiles: the pipes to the children that compile and check plugins.
	childFiles = 16
	// lookupFiles: a pool of eight connections, of SQLite two files each.
	lookupFiles = 16
	// askFiles: asking DNS for a provider's name.
	askFiles = 2
	// leastClients is how few of the listener's connections are worth having.
	leastClients = 8
)

// descriptors are how this process's files and sockets are shared out, so that clients
// never take what the ledger and the providers need.
type descriptors struct {
	limit     int
	clients   int            // connections of the listener
	providers map[string]int // connections by name
	lowered   []string       // what is less than was asked for, in words
}

// shareDescriptors gives everybody what was asked for, or, where the limit is lower,
// clients a half and providers the rest in proportion. limit 0: nobody says how many
// there are. twice: the providers are in this process, and take as many again. It fails
// where not even the least is there.
func shareDescriptors(c *config.Config, limit int, twice bool) (*descriptors, error) {
	d := &descriptors{limit: limit, clients: cmp.Or(c.HTTP.MaxConnections, web.DefaultConnections), providers: map[string]int{}}
	asked, each := 0, 1
	if twice {
		each = 2
	}
	for name, p := range c.Providers {
		d.providers[name] = max(p.MaxConnections(), 1)
		asked += d.providers[name]
	}
	if limit == 0 {
		return d, nil
	}
	fixed := ownFiles + ledgerFiles + childFiles + lookupFiles*len(c.Enrich) + askFiles*len(c.Providers) + min(ownConnections(c), limit/4)
	least := fixed + leastClients + each*len(c.Providers)
	left := limit - fixed
	if limit < least {
		return nil, fmt.Errorf("this process may open %d files and sockets, and needs %d at least: raise the limit (ulimit -n, or LimitNOFILE= of its unit) to 1024 or more", limit, least)
	}
	clients := max(min(d.clients, left/2), leastClients)
	if room := left - clients; each*asked > room {
		asked = d.lower(room / each)
	}
	if clients = min(d.clients, left-each*asked); clients < d.clients && c.HTTP.MaxConnections > 0 {
		d.lowered = append(d.lowered, fmt.Sprintf("http.max_connections %d to %d", d.clients, clients))
	}
	d.clients = max(clients, leastClients)
	return d, nil
}

// Lowered says what a daemon of this configuration would lower here, in words, since
// this process may open too few files and sockets, and how many those are.
func Lowered(c *config.Config) (limit int, lowered []string, err error) {
	d, err := shareDescriptors(c, DescriptorLimit(), false)
	if err != nil {
		return 0, nil, err
	}
	return d.limit, d.lowered, nil
}

// lower gives the providers room connections together, in proportion, and each one at
// least; it says how many they have.
func (d *descriptors) lower(room int) (sum int) {
	asked := maps.Clone(d.providers)
	all := 0
	for _, n := range asked {
		all += n
	}
	names := sortedNames(asked)
	for _, name := range names {
		d.providers[name] = max(asked[name]*room/all, 1)
		sum += d.providers[name]
	}
	for ; sum > room; sum-- { // the small ones were given more than their part
		most := slices.MaxFunc(names, func(a, b string) int { return cmp.Compare(d.providers[a], d.providers[b]) })
		d.providers[most]--
	}
	for _, name := range names {
		if have := d.providers[name]; have < asked[name] {
			d.lowered = append(d.lowered, fmt.Sprintf("providers.%s.connections %d to %d", name, asked[name], have))
		}
	}
	return sum
}

// fit gives a copy of the configuration that keeps to the descriptors there are.
func (d *descriptors) fit(c *config.Config) *config.Config {
	own := *c
	own.Providers = maps.Clone(c.Providers)
	for name, n := range d.providers {
		own.Providers[name] = own.Providers[name].WithConnections(n)
	}
	return &own
}

func (d *descriptors) tell(log *slog.Logger) {
	if len(d.lowered) > 0 {
		log.Warn("too few file descriptors for what the configuration asks", "limit", d.limit, "lowered", strings.Join(d.lowered, ", "),
			"hint", "raise LimitNOFILE (ulimit -n) to 1024 or more")
	}
	log.Debug("descriptors", "limit", d.limit, "clients", d.clients)
}

// plain is a provider's settings that may go without certificates.
type plain interface {
	// Plain reports whether connections go without TLS.
	Plain() bool
}

// readRoots reads the system's certificates now: they are read once, and a process that
// is short of descriptors at that moment would trust nobody for the rest of its life.
func readRoots(c *config.Config) {
	for _, p := range c.Providers {
		if s, ok := p.Settings.(plain); !ok || !s.Plain() {
			_, _ = x509.SystemCertPool() // where there are none, handshakes say so
			return
		}
	}
}
