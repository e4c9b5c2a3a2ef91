package smtp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// Component is the provider's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "smtp", Carries: waxwing.Email, Settings: func() config.Block { return &Settings{} },
		Can: waxwing.Capabilities{Batch: 1},
		Example: `type: smtp
addr: smtp.example.com:587
auth: {user: waxwing, password: "${SMTP_PASSWORD}"}`}
}

// Settings are the keys of a mail server, which carries e-mail.
type Settings struct {
	// Addr is the mail server's host:port.
	Addr string `yaml:"addr" want:"the mail server's host:port, such as smtp.example.com:587"`
	// TLS is none only for a relay in the same host or network; starttls is
	// insisted on (port 587); implicit encrypts from the first byte (port 465).
	TLS string `yaml:"tls,omitempty" enum:"none,starttls,implicit" default:"starttls"`
	// Auth logs in to the server; it needs TLS unless the server is this host.
	Auth *Auth `yaml:"auth,omitempty"`
	config.Pool
	// Hello is the name given in EHLO, the host's own by default.
	Hello string `yaml:"hello,omitempty"`
	// CAFile is a PEM file of further certificates to trust, relative to the
	// configuration file.
	CAFile string `yaml:"ca_file,omitempty"`
	// DotTimeout is how long the answer to the whole message is waited for
	// (RFC 5321 4.5.3.2.6); shorter ones make duplicates.
	DotTimeout config.Duration `yaml:"dot_timeout,omitempty" default:"10m" min:"1s" max:"1h" last:"true"`
	// Timeouts bound the other steps. Where another provider is healthy, each
	// message leaves after a second all the same.
	Timeouts StepTimeouts `yaml:"timeouts,omitempty" last:"true"`
}

// Auth is a name and password.
type Auth struct {
	// User is the name to log in with.
	User string `yaml:"user"`
	// Password is the provider's, not a person's.
	Password config.Secret `yaml:"password"`
}

// StepTimeouts is how long each step of handing a mail over may take. The defaults are
// RFC 5321's (4.5.3.2), but for the connection, of which it says nothing.
type StepTimeouts struct {
	// Connect is for the TCP connection.
	Connect config.Duration `yaml:"connect,omitempty" default:"30s" min:"1s" max:"10m"`
	// Banner is for the server's greeting.
	Banner config.Duration `yaml:"banner,omitempty" default:"5m" min:"1s" max:"1h"`
	// Ehlo is for the answers to EHLO and STARTTLS.
	Ehlo config.Duration `yaml:"ehlo,omitempty" default:"5m" min:"1s" max:"1h"`
	// Auth is for each step of the log-in.
	Auth config.Duration `yaml:"auth,omitempty" default:"2m" min:"1s" max:"1h"`
	// Mail is for the answer to MAIL.
	Mail config.Duration `yaml:"mail,omitempty" default:"5m" min:"1s" max:"1h"`
	// Rcpt is for the answer to RCPT; a server that calls back takes its time.
	Rcpt config.Duration `yaml:"rcpt,omitempty" default:"5m" min:"1s" max:"1h"`
	// Data is for the answer to DATA.
	Data config.Duration `yaml:"data,omitempty" default:"2m" min:"1s" max:"1h"`
	// Body is for each 64 KiB of the message.
	Body config.Duration `yaml:"body,omitempty" default:"3m" min:"1s" max:"1h"`
}

// Check reports what keeps the server from being reached safely.
func (s *Settings) Check(r *config.Report) {
	if problem := config.BadHostPort(s.Addr, false); problem != "" {
		r.Fail("addr", fmt.Sprintf("%s %s %s", r.Path("addr"), r.Quote("addr"), problem), "Write the mail server's host:port, such as smtp.example.com:587")
	}
	host, _, _ := net.SplitHostPort(s.Addr)
	if s.Auth != nil && s.Plain() && host != "" && !config.IsLoopback(host) {
		r.Fail("tls", r.Path("")+": the password would cross the network in the clear", "Set tls: starttls or tls: implicit, or take auth out")
	}
	if s.Auth != nil && s.Auth.User == "" {
		r.Fail("auth.user", r.Path("auth.user")+" is empty", "Write the name to log in with")
	}
	if s.Hello != "" && !config.IsHost(strings.Trim(s.Hello, "[]")) {
		r.Fail("hello", fmt.Sprintf("%s %s is no host name", r.Path("hello"), r.Quote("hello")), "Write this host's full name, such as mta1.example.com")
	}
	if s.CAFile != "" {
		s.CAFile = r.Beside("ca_file", s.CAFile)
		s.certificates(r)
	}
}

func (s *Settings) certificates(r *config.Report) {
	b, err := os.ReadFile(s.CAFile)
	at := r.Path("ca_file") + " " + r.Quote("ca_file")
	switch {
	case err != nil:
		r.Fail("ca_file", at+" cannot be read", "Mend the path, which begins at the configuration file, or let the daemon's user read it")
	case !x509.NewCertPool().AppendCertsFromPEM(b):
		r.Fail("ca_file", at+" holds no certificate", `Name a PEM file with "BEGIN CERTIFICATE"`)
	}
}

// Plain reports whether connections go without TLS.
func (s *Settings) Plain() bool { return TLSMode(s.TLS) == NoTLS }

// Open makes the provider of this name, which connects when there is something to send.
// It fails where the ca_file cannot be used.
func (s *Settings) Open(name string, log *slog.Logger) (*Sender, error) {
	t := s.Timeouts
	c := Config{Name: name, Addr: s.Addr, TLS: TLSMode(s.TLS), Hello: s.Hello, Connections: s.Connections, Log: log, Dial: s.Dial(0), // Timeouts.Connect bounds it

		Timeouts: Timeouts{Connect: t.Connect.D(), Banner: t.Banner.D(), Hello: t.Ehlo.D(), Auth: t.Auth.D(),
			Mail: t.Mail.D(), Rcpt: t.Rcpt.D(), Data: t.Data.D(), Block: t.Body.D(), Dot: s.DotTimeout.D()}}
	if s.Auth != nil {
		c.User, c.Password = s.Auth.User, s.Auth.Password
	}
	if s.CAFile != "" {
		pem, err := os.ReadFile(s.CAFile)
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New("ca_file: no certificate in it (want PEM)")
		}
		c.TLSConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return New(c), nil
}

// Explain says in words what came of a Probe, and what to do where it failed. What it
// says may quote the server; "" means that there is nothing to say beyond the phase.
func (s *Settings) Explain(a waxwing.Attempt) (said, remedy string) {
	if a.Verdict == waxwing.Accepted {
		said = s.Addr + " answers, tls: " + s.TLS
		if s.Auth != nil {
			said += ", and takes the log-in"
		}
		return said, ""
	}
	said = fmt.Sprintf("%s fails at %s", s.Addr, a.Phase)
	if errors.Is(a.Err, ErrNoAuth) {
		return said, "Take auth out if this server knows the machine by its address; else name its port for submission (587, 465), or set tls, without which many offer no log-in"
	}
	return said, s.remedy(a.Phase)
}

func (s *Settings) remedy(p waxwing.Phase) string {
	host, port, _ := net.SplitHostPort(s.Addr)
	switch p {
	case waxwing.PhaseConnect:
		return "Mend addr, or let this machine out to " + host + ", port " + port
	case waxwing.PhaseBanner, waxwing.PhaseEHLO:
		if TLSMode(s.TLS) != ImplicitTLS && port == "465" {
			return "Port 465 speaks TLS from the first byte: set tls: implicit"
		}
		return "Is it a mail server, and does it take mails from this machine?"
	case waxwing.PhaseSTARTTLS:
		return "Set tls: implicit if this port speaks TLS from the first byte (465); tls: none is for a relay on the same host or network only"
	case waxwing.PhaseHandshake:
		if TLSMode(s.TLS) == ImplicitTLS && port != "465" {
			return "Set tls: starttls if this port begins without TLS (587, 25); or its certificate is not for " + host + ": name a ca_file"
		}
		return "Its certificate must be good for " + host + "; name a ca_file if it is signed by an authority of your own"
	case waxwing.PhaseAuth:
		return "Mend auth.user and auth.password: they are the mail provider's own, often an API key"
	}
	return "See what the server's own log says"
}
