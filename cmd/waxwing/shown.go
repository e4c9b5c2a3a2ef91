package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/web/story"
)

// table prints confirmations, a line each.
func table(out io.Writer, found []waxwing.ConfirmationView) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "ID\tCREATED\tSHOP\tSTATE\tORDER\tTO\tLOCALE\tTRIES\tREASON")
	for i := range found {
		v := &found[i]
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", v.ID, v.Created.Local().Format(time.DateTime), v.Shop, v.State,
			dash(remote.Printable(v.Number)), dash(remote.Printable(toWhom(v))), dash(remote.Printable(v.Locale)), v.Tried, remote.Printable(v.Reason))
	}
	return w.Flush()
}

// toWhom is to whom a confirmation goes, or why nobody knows any more.
func toWhom(v *waxwing.ConfirmationView) string {
	if v.Erased {
		return erasedOn(v)
	}
	return v.To
}

func erasedOn(v *waxwing.ConfirmationView) string {
	if v.ErasedAt.IsZero() {
		return "erased"
	}
	return "erased on " + v.ErasedAt.Local().Format(time.DateOnly)
}

func dash(s string) string { return cmp.Or(s, "-") }

// show prints one confirmation: what it is, its messages, its trail in words.
func show(s streams, v *waxwing.ConfirmationView) error {
	w := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	line := func(name string, values ...string) {
		if text := strings.Join(strings.Fields(remote.Printable(strings.Join(values, " "))), " "); text != "" {
			_, _ = fmt.Fprintf(w, "%s\t%s\n", name, text)
		}
	}
	line("Confirmation", v.ID.String())
	line("Order", v.Number)
	if o := v.Order; o != nil && !v.Erased {
		line("Customer", o.Customer.FullName(), bracketed(o.Customer.Email))
	} else if !v.Erased {
		line("Customer", bracketed(v.To))
	}
	line("Shop", string(v.Shop), "("+v.Format+")")
	line("State", string(v.State), v.Reason)
	line("Created", v.Created.Local().Format(time.DateTime))
	if v.Erased {
		line("Person", erasedOn(v)+": order, messages and replies are gone for good")
	}
	for i := range v.Messages {
		m := &v.Messages[i]
		_, _ = fmt.Fprintln(w)
		line(fmt.Sprintf("Message %d", m.N), strings.Join(slices.DeleteFunc([]string{string(m.Channel), m.Locale, string(m.State)}, func(s string) bool { return s == "" }), ", "), m.Reason)
		if v.Erased {
			line("To", erasedOn(v))
		}
		line("To", m.To)
		line("Message-ID", m.MessageID)
		for _, a := range m.Attempts {
			line(fmt.Sprintf("Attempt %d", a.N), a.Provider+": "+string(a.Verdict)+" at "+string(a.Phase)+answer(&a))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprint(s.out, "\nTrail\n")
	for _, e := range story.Tell(v) {
		_, _ = fmt.Fprintf(s.out, "  %s  %s\n", e.At.Local().Format("2006-01-02 15:04:05.000"), remote.Printable(strings.TrimSuffix(e.Title, "."))+".")
		if e.Text != "" {
			_, _ = fmt.Fprintf(s.out, "%27s%s\n", "", remote.Printable(e.Text))
		}
		_, _ = fmt.Fprintf(s.out, "%27s#%d  %s\n", "", e.Seq, turned(e.Cause))
	}
	return nil
}

func bracketed(s string) string {
	if s == "" {
		return ""
	}
	return "<" + s + ">"
}

// turned is a story's cause, "commit_point  claimed → dot", as one searches for it.
func turned(cause string) string {
	c, states, ok := strings.Cut(cause, "  ")
	if !ok {
		return cause
	}
	return strings.ReplaceAll(states, "→", ">") + "  " + c
}

// answer is what the provider said to an attempt, its code once.
func answer(a *waxwing.AttemptView) string {
	said := strings.TrimSpace(a.Reply)
	if a.Code == 0 {
		if said == "" {
			return ""
		}
		return ", " + said
	}
	code := strconv.Itoa(a.Code)
	if said = strings.TrimSpace(strings.TrimPrefix(said, code)); said == "" {
		return ", " + strings.TrimSpace(code+" "+a.Enhanced)
	}
	return ", " + code + " " + said
}
