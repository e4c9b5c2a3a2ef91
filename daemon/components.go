package daemon

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"time"

	// Postgres for enrich's lookups; SQLite's driver comes with the ledger.
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/channel/twilio"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/delivery"
	"github.com/waxwinghq/waxwing/shop"
)

// The lists of components: a new format, provider or lookup is one new file or
// package and one line here.

// Formats are the kinds of shops that this program reads.
func Formats() map[string]waxwing.Format {
	return map[string]waxwing.Format{
		"shopify":     shop.Shopify,
		"woocommerce": shop.WooCommerce,
		"generic":     shop.Generic,
	}
}

// Provider is a delivery.Provider that can be closed.
type Provider interface {
	delivery.Provider
	// Close gives connections back. Attempts past their commit point are waited for until ctx ends.
	Close(ctx context.Context) error
}

// providerTypes make providers of the configuration's types.
var providerTypes = map[string]func(string, config.Provider, *slog.Logger) (Provider, error){
	"smtp":   newSMTP,
	"twilio": newTwilio,
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
	f, ok := providerTypes[p.Type]
	if !ok {
		return nil, fmt.Errorf("provider %s: there is no type %q", name, p.Type)
	}
	made, err := f(name, p, log)
	if err != nil {
		return nil, fmt.Errorf("provider %s: %w", name, err)
	}
	return made, nil
}

// CloseNow closes a provider that was offered nothing.
func CloseNow(p Provider) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = p.Close(ctx) // nothing was offered
}

func newSMTP(name string, p config.Provider, log *slog.Logger) (Provider, error) {
	c := smtp.Config{Name: name, Addr: p.Addr, TLS: smtp.TLSMode(p.TLS), Hello: p.Hello, Connections: p.Connections, Log: log,
		Timeouts: smtp.Timeouts{Connect: p.Timeouts.Connect.D(), Banner: p.Timeouts.Banner.D(), Hello: p.Timeouts.Ehlo.D(), Auth: p.Timeouts.Auth.D(),
			Mail: p.Timeouts.Mail.D(), Rcpt: p.Timeouts.Rcpt.D(), Data: p.Timeouts.Data.D(), Block: p.Timeouts.Body.D(), Dot: p.DotTimeout.D()}}
	if p.Auth != nil {
		c.User, c.Password = p.Auth.User, p.Auth.Password
	}
	if p.CAFile != "" {
		pem, err := os.ReadFile(p.CAFile)
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
	return smtp.New(c), nil
}

func newTwilio(name string, p config.Provider, _ *slog.Logger) (Provider, error) {
	return twilio.New(twilio.Config{Name: name, BaseURL: p.BaseURL, Account: p.Account, Token: p.Token, From: p.From,
		Connections: p.Connections})
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
