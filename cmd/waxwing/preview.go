package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/compose"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/templates"
)

type previewCmd struct {
	configFlag
	Event    string `arg:"" help:"The event as the shop sends it, JSON; - reads standard input."`
	Tenant   string `help:"Whose brand and templates. Without a configuration file an invented one is used." default:"acme"`
	Shop     string `help:"The shop, or its format: ${formats}." default:"shopify"`
	Topic    string `help:"The webhook's topic, where the event does not show it." placeholder:"orders/paid"`
	Locale   string `help:"Render in this language, whatever the order says." placeholder:"de"`
	Personal bool   `help:"Add what plugins might say: a note, recommendations, a delay, invented."`
	Format   string `enum:"html,text,eml,json,sms,segments,push" default:"html" help:"What to print: html, text, eml, json (the order as read), sms, segments (how the sms is coded, and in how many it goes), push."`
}

// formatNames are the shops' formats, with commas between them.
func formatNames() string {
	var names []string
	for _, f := range daemon.Components().Formats {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

// Run renders one event to standard output.
func (c previewCmd) Run(s streams) error {
	raw, err := readEvent(c.Event, s.in)
	if err != nil {
		return err
	}
	cfg, err := c.config()
	if err != nil {
		return err
	}
	t, ok := cfg.Tenants[c.Tenant]
	if !ok {
		return fmt.Errorf("--tenant: %q is not in %s", c.Tenant, c.Config)
	}
	format := config.FormatOf(c.Tenant, c.Shop, t.Shops[c.Shop].Format)
	f, ok := daemon.FormatsOf(cfg)[format]
	if !ok {
		return fmt.Errorf("--shop: tenant %s has no shop %q, and there is no format of that name (%s)", c.Tenant, c.Shop, formatNames())
	}
	key, err := f.Key(c.Topic, raw)
	if err != nil {
		return fmt.Errorf("%s: would be quarantined: %w", c.Event, err)
	}
	if key.Ignore != "" {
		return fmt.Errorf("%s: would be ignored: %s", c.Event, key.Ignore)
	}
	x, err := compose.New(cfg, slog.New(slog.NewTextHandler(s.err, nil)))
	if err != nil {
		return err
	}
	w := &waxwing.Work{Tenant: waxwing.TenantID(c.Tenant), Shop: waxwing.ShopID(c.Shop), Format: format, Topic: c.Topic, Raw: raw, State: waxwing.Received, Token: "preview"}
	said, err := pipeline.Preview(cfg, daemon.FormatsOf(cfg), printer{c, x, s}, w)
	if said.To != "" {
		return fmt.Errorf("%s: would be %s: %s", c.Event, said.To, said.Reason)
	}
	return err
}

// printer composes an order onto standard output.
type printer struct {
	previewCmd
	*compose.Composer
	s streams
}

// Compose is pipeline.Composer's.
func (p printer) Compose(_ waxwing.Channel, _ *waxwing.Work, o *waxwing.Order, _ time.Time) (waxwing.Draft, error) {
	return waxwing.Draft{}, p.print(p.Composer, o, p.s)
}

// invented is a configuration of one tenant, for an order that is only looked at.
func (c previewCmd) invented() (*config.Config, error) {
	cfg, err := config.Parse("invented.yaml", []byte(`
providers: {mail: {type: smtp, addr: "localhost:25"}}
tenants:
  acme:
    name: Acme Outfitters
    from: orders@acme.example
    support_url: https://acme.example/help
    tracking_url: https://acme.example/track/{order}
    locales: [`+strings.Join(locales.Tags(), ", ")+`]
    deliveries: [{name: Pick up in our shop, url: "https://acme.example/pickup/{order}"}]
`), os.LookupEnv, daemon.Components())
	if err != nil {
		return nil, err
	}
	cfg.Tenants = map[string]config.Tenant{c.Tenant: cfg.Tenants["acme"]}
	return cfg, nil
}

// noMail says why an order cannot be mailed.
func noMail(err error) error {
	if errors.Is(err, waxwing.ErrNotFound) {
		return errors.New("no mail: the order has no e-mail address; --format html shows what it would say")
	}
	return fmt.Errorf("no mail: %w", err)
}

func readEvent(path string, in io.Reader) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(in, 8<<20))
	}
	return os.ReadFile(path)
}

// config loads the file, or where the default one does not exist an invented
// tenant, so that a template can be tried with nothing set up.
func (c previewCmd) config() (*config.Config, error) {
	if _, err := os.Stat(c.Config); errors.Is(err, fs.ErrNotExist) && c.Config == "waxwing.yaml" {
		return c.invented()
	}
	return c.load()
}

// print writes what is asked for of an order.
func (c previewCmd) print(x *compose.Composer, o *waxwing.Order, s streams) error {
	if c.Personal {
		o.Personal = compose.InventedPersonal(o)
	}
	v, err := x.Preview(waxwing.TenantID(c.Tenant), o, c.Locale)
	if err != nil {
		return fmt.Errorf("--locale: %w", err)
	}
	switch c.Format {
	case "json":
		e := json.NewEncoder(s.out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(o)
	case "sms":
		_, err = fmt.Fprintln(s.out, v.Text())
		return err
	case "segments":
		coded, n := templates.Segments(v.Text())
		_, err = fmt.Fprintf(s.out, "%s in %s\n", coded, count(float64(n), "segment"))
		return err
	case "push":
		note, err := v.Note()
		if err == nil {
			_, err = fmt.Fprintf(s.out, "%s\n", note)
		}
		return err
	case "eml":
		d, err := v.Draft(time.Now())
		if err != nil {
			return noMail(err)
		}
		_, err = s.out.Write(d.Data)
		return err
	}
	m, err := v.Mail()
	if err != nil {
		var fb *templates.FallbackError
		if !errors.As(err, &fb) {
			return err
		}
		_, _ = fmt.Fprintln(s.err, "waxwing:", err)
	}
	if c.Format == "text" {
		_, err = fmt.Fprintf(s.out, "Subject: %s\n\n%s", m.Subject, m.Text)
		return err
	}
	_, err = s.out.Write(m.HTML)
	return err
}
