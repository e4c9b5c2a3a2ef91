package orders

import (
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/shop/mapping"
)

// Shop are the commands about one shop.
type Shop struct {
	Try Try `cmd:"" help:"Show what a shop's format, or its mapping, reads of an event, field by field, and what would become of it."`
}

// Try reads one event.
type Try struct {
	shopFlags
	Event string `arg:"" help:"The event as the shop sends it, JSON; - reads standard input."`
	Topic string `help:"The webhook's topic, where the event does not show it." placeholder:"orders/paid"`
	All   bool   `help:"Also list all that the event has and the mapping does not read; else the first twenty."`
}

// Help gives examples.
func (Try) Help() string {
	return "Nothing is sent and no daemon is asked. The status is 1 where the event would be quarantined.\n\n" +
		examples("waxwing shop try order.json -c waxwing.yaml --shop market", "curl -s https://shop.example/orders/7 | waxwing shop try - --tenant acme --shop market",
			"waxwing preview order.json --tenant acme --shop market --format text   # the mail of it")
}

// Run prints what is read.
func (c Try) Run(s Streams) error {
	x, err := c.choose()
	if err != nil {
		return err
	}
	raw, err := readFile(c.Event, s.In)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.Out, "%s/%s, format %s\n\n", x.tenant, x.shop, cmp.Or(x.settings.Format, x.name))
	if m := daemon.MappingOf(x.settings); m != nil {
		if err := c.fields(s.Out, m, raw); err != nil {
			return err
		}
	}
	key, err := x.format.Key(c.Topic, raw)
	switch {
	case err != nil:
		return fmt.Errorf("it would be quarantined: %s", bare(err))
	case key.Ignore != "":
		_, err = fmt.Fprintf(s.Out, "It would be ignored: %s.\n", key.Ignore)
		return err
	}
	o, err := x.format.Normalise(c.Topic, raw)
	if err != nil {
		return fmt.Errorf("order %s would be quarantined: %s", remote.Printable(key.OrderID), bare(err))
	}
	show(s.Out, o)
	return c.verdict(s.Out, x, key, o)
}

// fields lists what a mapping reads, and what it leaves.
func (c Try) fields(out io.Writer, m *mapping.Mapping, raw []byte) error {
	d, err := payload.ReadBytes(raw)
	if err != nil {
		return fmt.Errorf("it would be quarantined: %s", bare(err))
	}
	defer d.Release()
	var found []mapping.Found
	_, failed := m.Make("try", raw, func(f mapping.Found) { found = append(found, f) })
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "FIELD\tVALUE\tFROM")
	read := map[string]bool{}
	for _, f := range found {
		value := short(f.Value)
		if f.Value == "" {
			value = "-"
		}
		for _, p := range f.At {
			read[p] = true
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", f.Field, value, cmp.Or(strings.Join(f.At, " + "), "nothing at "+f.Rule))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if failed != nil {
		_, _ = fmt.Fprintf(out, "\nThe mapping fails at %s.\n", bare(failed))
	}
	left := unread(d.Root(), "", read, nil)
	if len(left) > 0 {
		_, _ = fmt.Fprintln(out, "\nNot read, and perhaps worth it:")
	}
	for i, l := range left {
		if i == mostUnread && !c.All {
			_, _ = fmt.Fprintf(out, "  ... and %d more (--all)\n", len(left)-i)
			break
		}
		_, _ = fmt.Fprintf(out, "  %s\n", l)
	}
	_, err = fmt.Fprintln(out)
	return err
}

const mostUnread = 20

// unread are the values of an event that nothing was read from, each with its pointer; of a list's entries
// those of the first alone.
func unread(v payload.Value, at string, read map[string]bool, out []string) []string {
	switch v.Kind() {
	case payload.Object:
		for k, x := range v.Members() {
			out = unread(x, at+"/"+strings.ReplaceAll(strings.ReplaceAll(k, "~", "~0"), "/", "~1"), read, out)
		}
	case payload.Array:
		for i, x := range v.Items() {
			if i == 0 {
				out = unread(x, at+"/"+strconv.Itoa(i), read, out)
			}
		}
	case payload.Absent, payload.Null:
	default:
		if s := v.Text(); !read[at] && (s != "" || v.Kind() != payload.String) {
			if v.Kind() == payload.True || v.Kind() == payload.False {
				s = strconv.FormatBool(v.Kind() == payload.True)
			}
			out = append(out, remote.Printable(at)+"  "+short(s))
		}
	}
	return out
}

// widest is how many characters of a value a table shows.
const widest = 60

// short is a value on one line of a table.
func short(s string) string {
	s = remote.Printable(s)
	if utf8.RuneCountInString(s) > widest {
		s = string([]rune(s)[:widest-1]) + "…"
	}
	return s
}

// show prints an order as its mail's reader would count it.
func show(out io.Writer, o *waxwing.Order) {
	p := func(s string) string { return remote.Printable(s) }
	_, _ = fmt.Fprintf(out, "Order %s (id %s) of %s for %s <%s>", p(o.Number), p(o.ID), o.PlacedAt.Format(time.RFC3339), p(o.Customer.FullName()), p(o.Customer.Email))
	if o.Locale != "" {
		_, _ = fmt.Fprintf(out, ", %s", o.Locale)
	}
	_, _ = fmt.Fprintf(out, "; payment %s\n", cmp.Or(string(o.Payment.Status), "unknown"))
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	row := func(label string, amount string) { _, _ = fmt.Fprintf(w, "%s\t%s\t\n", p(label), amount) }
	for i := range o.Items {
		it, total := &o.Items[i], ""
		if it.Total != nil {
			total = it.Total.Decimal()
		}
		row(fmt.Sprintf("%d x %s", it.Quantity, it.Name), total)
	}
	row("subtotal", o.Subtotal.Decimal())
	for _, list := range []struct {
		word, sign string
		rows       []waxwing.Adjustment
	}{{"discount", "-", o.Discounts}, {"shipping", "", orWhole(o.Ship, o.ShippingTotal)}, {"fee", "", o.Fees}, {"tax", "", orWhole(o.Taxes, o.TaxTotal)}} {
		for _, a := range list.rows {
			word := list.word
			if list.word == "tax" && o.TaxesIncluded {
				word = "tax within"
			}
			if a.Title != "" {
				word += " " + a.Title
			}
			row(word, list.sign+a.Amount.Decimal())
		}
	}
	if !o.Tip.IsZero() {
		row("tip", o.Tip.Decimal())
	}
	for _, r := range o.Remainder {
		row(string(r.Kind)+" "+r.Title, r.Amount.Decimal())
	}
	row("TOTAL", o.Total.String())
	for _, g := range o.GiftCards { // a way to pay the total, not a part of it
		row(strings.TrimSpace("by gift card "+g.Title), g.Amount.Decimal())
	}
	_ = w.Flush() // as the lines before
	for _, n := range o.Notices {
		_, _ = fmt.Fprintf(out, "Note: %v\n", n)
	}
}

// orWhole are a list's rows, or one of its sum where the shop gives the sum alone.
func orWhole(rows []waxwing.Adjustment, sum waxwing.Money) []waxwing.Adjustment {
	if len(rows) == 0 && !sum.IsZero() {
		return []waxwing.Adjustment{{Amount: sum}}
	}
	return rows
}

// verdict says what would become of the order.
func (c Try) verdict(out io.Writer, x chosen, key waxwing.EventKey, o *waxwing.Order) error {
	t := x.cfg.Tenants[x.tenant]
	say := func(format string, args ...any) error {
		_, err := fmt.Fprintf(out, "\n"+format+"\n", args...)
		return err
	}
	if max := t.MaxAge.D(); max > 0 && !key.OccurredAt.IsZero() && time.Since(key.OccurredAt) > max {
		return say("It would be held: it is older than max_age, %s.", t.MaxAge)
	}
	if d := pipeline.AtGate(o, &t); d.To != "" {
		return say("It would be %s: %s.", d.To, d.Reason)
	}
	if o.Customer.Email == "" {
		return say("It would have no mail: there is no e-mail address.")
	}
	return say("It would be confirmed. See the mail: waxwing preview %s -c %s --tenant %s --shop %s --format text", c.Event, c.Config, x.tenant, x.shop)
}
