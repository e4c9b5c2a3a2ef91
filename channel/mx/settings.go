package mx

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/mx/lookup"
	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/config"
)

// Component is the provider's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "mx", Can: waxwing.Capabilities{Batch: 1}, Carries: waxwing.Email, Settings: func() config.Block { return &Settings{} },
		Example: `type: mx
hostname: mta1.example.com
tls: opportunistic
tls_required: [bank.example, "*.gov.example"]`,
		Notes: "It needs a machine that may connect to port 25 of the internet, an address with a good name, and a name that leads to that " +
			"address and back (PTR): [what else is to be published](deliverability.md). Where a domain has an MTA-STS policy in mode enforce, that is kept " +
			"to, whatever `tls` says. Addresses that are not of the public internet are not connected to, unless `allow` names their network."}
}

// Settings are the keys of direct delivery to the recipients' own servers.
type Settings struct {
	// Hostname is this machine's full name: it is said in EHLO, should lead to the address that mails come from, and back. An MX of
	// that name is this machine.
	Hostname string `yaml:"hostname" want:"this machine's full name, such as mta1.example.com"`
	// TLS is opportunistic: encrypted where the server can, with any certificate; or required: with a certificate that is good for
	// the server's name, or no mail.
	TLS string `yaml:"tls,omitempty" enum:"opportunistic,required" default:"opportunistic"`
	// TLSRequired are domains of recipients for which TLS is required: bank.example, or *.bank.example for all below it.
	TLSRequired []string `yaml:"tls_required,omitempty"`
	// Resolver is the DNS resolver's host:port, the system's by default.
	Resolver string `yaml:"resolver,omitempty"`
	// Allow are networks, such as 10.1.0.0/16, in which mail servers may be. Else it only delivers to public addresses, whatever a
	// recipient's DNS says.
	Allow []string `yaml:"allow,omitempty"`
	// CAFile is a PEM file of further certificates to trust, relative to the configuration file.
	CAFile string `yaml:"ca_file,omitempty"`
	config.Pool
	// PerHost is how many of the connections one server gets at most, and how many messages are under way to one domain.
	PerHost int `yaml:"per_host,omitempty" default:"8" min:"1" max:"100"`
	// Port is where mail servers are asked; only a stand-in has another.
	Port int `yaml:"port,omitempty" default:"25" min:"1" max:"65535"`
	// DotTimeout is how long the answer to the whole message is waited for (RFC 5321 4.5.3.2.6); shorter ones make duplicates.
	DotTimeout config.Duration `yaml:"dot_timeout,omitempty" default:"10m" min:"1s" max:"1h" last:"true"`
	// Timeouts bound the other steps; connect is for all of a server's addresses together.
	Timeouts StepTimeouts `yaml:"timeouts,omitempty" last:"true"`
}

// StepTimeouts is how long each step of handing a mail over may take. The defaults are RFC 5321's (4.5.3.2), but for the connection,
// of which it says nothing.
type StepTimeouts struct {
	// Connect is for the TCP connection.
	Connect config.Duration `yaml:"connect,omitempty" default:"30s" min:"1s" max:"10m"`
	// Banner is for the server's greeting.
	Banner config.Duration `yaml:"banner,omitempty" default:"5m" min:"1s" max:"1h"`
	// Ehlo is for the answers to EHLO and STARTTLS.
	Ehlo config.Duration `yaml:"ehlo,omitempty" default:"5m" min:"1s" max:"1h"`
	// Mail is for the answer to MAIL.
	Mail config.Duration `yaml:"mail,omitempty" default:"5m" min:"1s" max:"1h"`
	// Rcpt is for the answer to RCPT; a server that calls back takes its time.
	Rcpt config.Duration `yaml:"rcpt,omitempty" default:"5m" min:"1s" max:"1h"`
	// Data is for the answer to DATA.
	Data config.Duration `yaml:"data,omitempty" default:"2m" min:"1s" max:"1h"`
	// Body is for each 64 KiB of the message.
	Body config.Duration `yaml:"body,omitempty" default:"3m" min:"1s" max:"1h"`
}

// Check reports what keeps mails from being delivered, and what a tenant may not say.
func (s *Settings) Check(r *config.Report) {
	if s.Hostname != "" && (!config.IsHost(s.Hostname) || !strings.Contains(s.Hostname, ".")) {
		r.Fail("hostname", fmt.Sprintf("%s %s is no full host name", r.Path("hostname"), r.Quote("hostname")), "Write this machine's full name, such as mta1.example.com")
	}
	if s.Resolver != "" {
		if problem := config.BadHostPort(s.Resolver, false); problem != "" {
			r.Fail("resolver", fmt.Sprintf("%s %s %s", r.Path("resolver"), r.Quote("resolver"), problem), "Write the resolver's host:port, such as 127.0.0.1:53, or take it out for the system's")
		}
	}
	for i, d := range s.TLSRequired {
		if at := fmt.Sprintf("tls_required[%d]", i); !config.IsHost(strings.TrimPrefix(d, "*.")) && !r.Bad(at) {
			r.Fail(at, fmt.Sprintf("%s %s is no domain", r.Path(at), r.Quote(at)), "Write bank.example, or *.bank.example for all below it")
		}
	}
	for i, n := range s.Allow {
		if at := fmt.Sprintf("allow[%d]", i); !network(n) && !r.Bad(at) {
			r.Fail(at, fmt.Sprintf("%s %s is no network", r.Path(at), r.Quote(at)), "Write it as 10.1.0.0/16")
		}
	}
	if strings.HasPrefix(r.Path(""), "tenants.") {
		for key, given := range map[string]bool{"resolver": s.Resolver != "", "allow": len(s.Allow) > 0, "port": s.Port != 25 && s.Port != 0} {
			if given {
				r.Fail(key, r.Path(key)+" is not for a tenant's own provider", "Take it out, or deliver by one of the platform's providers")
			}
		}
	}
	if s.CAFile != "" {
		s.CAFile = r.Beside("ca_file", s.CAFile)
		if _, err := roots(s.CAFile); err != nil {
			r.Fail("ca_file", r.Path("ca_file")+" "+r.Quote("ca_file")+" "+err.Error(), `Name a PEM file with "BEGIN CERTIFICATE" that the daemon's user may read; the path begins at the configuration file`)
		}
	}
}

func network(s string) bool {
	_, err := netip.ParsePrefix(s)
	return err == nil
}

// roots are the system's certificates and those of a file.
func roots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, errors.New("cannot be read")
	}
	all, err := x509.SystemCertPool()
	if err != nil {
		all = x509.NewCertPool()
	}
	if !all.AppendCertsFromPEM(pem) {
		return nil, errors.New("holds no certificate")
	}
	return all, nil
}

// Open makes the provider of this name, which connects when there is something to send. It fails where the ca_file cannot be used
// or the system names no resolver.
func (s *Settings) Open(name string, log *slog.Logger) (*Sender, error) {
	t := s.Timeouts
	c := Config{Name: name, Hostname: s.Hostname, TLS: TLS(s.TLS), TLSRequired: s.TLSRequired, Connections: s.Connections, PerHost: s.PerHost, Port: s.Port, Log: log,
		Timeouts: smtp.Timeouts{Connect: t.Connect.D(), Banner: t.Banner.D(), Hello: t.Ehlo.D(),
			Mail: t.Mail.D(), Rcpt: t.Rcpt.D(), Data: t.Data.D(), Block: t.Body.D(), Dot: s.DotTimeout.D()}}
	for i, d := range c.TLSRequired {
		c.TLSRequired[i] = strings.ToLower(d)
	}
	for _, n := range s.Allow {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return nil, fmt.Errorf("allow: %w", err)
		}
		c.Guard.Allow = append(c.Guard.Allow, p)
	}
	var err error
	if s.CAFile != "" {
		if c.Roots, err = roots(s.CAFile); err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
	}
	var dns lookup.Config
	if s.Resolver != "" {
		dns.Servers = []string{s.Resolver}
	}
	if c.Resolver, err = lookup.New(dns); err != nil {
		return nil, err
	}
	return New(c), nil
}

// Explain says in words what came of a Probe, and what to do where it failed.
func (s *Settings) Explain(a waxwing.Attempt) (said, remedy string) {
	switch {
	case a.Verdict == waxwing.Accepted:
		return "DNS answers, and " + s.Hostname + " has an address; no mail server was asked", ""
	case errors.Is(a.Err, lookup.ErrNoDomain):
		return s.Hostname + " has no address in DNS", "Publish an A or AAAA record of " + s.Hostname + " for the address that mails come from, and its PTR: many servers refuse other names"
	}
	return "DNS does not answer for " + s.Hostname, "Let this machine ask its resolver, or name one as resolver: 127.0.0.1:53"
}
