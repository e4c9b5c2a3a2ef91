// Package suppress are the commands about addresses that are not to be mailed: listed, added, lifted,
// imported from another provider's list, and exported as the hashes that the ledger has of them.
package suppress

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/orders"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
)

// Suppress are the commands.
type Suppress struct {
	Add    Add    `cmd:"" default:"withargs" help:"Never mail an address again."`
	List   List   `cmd:"" help:"List the addresses that are not mailed, the newest first, by hash; or ask for one."`
	Lift   Lift   `cmd:"" help:"Mail an address again from now on."`
	Import Import `cmd:"" help:"Suppress the addresses of a file: one a line, a CSV with a column email, or what export wrote."`
	Export Export `cmd:"" help:"Write all as JSON lines: the hashes, since the addresses are not kept."`
}

// Help gives examples.
func (Suppress) Help() string {
	return "Over a running daemon's API; the address, the tenant and the key come from the flags or from WAXWING_URL, WAXWING_TENANT and WAXWING_KEY.\n\n" +
		"Examples:\n  waxwing suppress jana@example.com\n  waxwing suppress list --address jana@example.com\n" +
		"  waxwing suppress lift jana@example.com --reason \"she has a new mailbox\"\n  waxwing suppress import bounces.csv --class hard\n  waxwing suppress export > acme.jsonl"
}

// why goes into the trail.
type why struct {
	Reason string `help:"Why, for the trail; no addresses and numbers, since it stands there for good." placeholder:"TEXT"`
}

// Add suppresses an address.
type Add struct {
	Address string `arg:"" help:"The e-mail address or phone number."`
	JSON    bool   `name:"json" help:"Print JSON."`
	why
	remote.Flags
}

// Run suppresses it.
func (c Add) Run(s orders.Streams) error {
	return request{c.Flags, "/people/suppress", map[string]string{"address": c.Address, "reason": c.Reason}}.post(s.Out, c.JSON, func(map[string]any) string {
		return "This address gets no mail of the tenant's any more; what was waiting for it is stopped."
	})
}

// Lift has an address be mailed again.
type Lift struct {
	Address string `arg:"" optional:"" help:"The e-mail address or phone number."`
	ID      string `name:"id" help:"Instead of the address: how its id begins, as list shows it." placeholder:"HEX"`
	JSON    bool   `name:"json" help:"Print JSON."`
	why
	remote.Flags
}

// Run lifts it.
func (c Lift) Run(s orders.Streams) error {
	return request{c.Flags, "/people/lift", map[string]string{"address": c.Address, "id": c.ID, "reason": c.Reason}}.post(s.Out, c.JSON, func(said map[string]any) string {
		if said["lifted"] == true {
			return "This address is mailed again from now on. What was not sent meanwhile is not sent by that: see waxwing resend."
		}
		return "It was not suppressed."
	})
}

// request is one to the API.
type request struct {
	to   remote.Flags
	path string
	body map[string]string
}

// post sends it, and prints the answer or what it means.
func (r request) post(out io.Writer, asJSON bool, means func(map[string]any) string) error {
	b, err := json.Marshal(r.body)
	if err != nil {
		return err
	}
	var said map[string]any
	if err := r.to.Call(http.MethodPost, r.path, "application/json", b, &said); err != nil {
		return err
	}
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(said)
	}
	_, err = fmt.Fprintln(out, means(said))
	return err
}

// page is one of the list.
type page struct {
	Key          string                `json:"key"`
	Suppressions []waxwing.Suppression `json:"suppressions"`
	Next         string                `json:"next"`
}

// pageSize is how many one request gives.
const pageSize = 500

// each calls f with the pages of the list, until the last, or until it says that it has enough.
func each(from remote.Flags, q url.Values, f func(*page) (more bool, err error)) error {
	for {
		var p page
		if err := from.Call(http.MethodGet, "/people/suppressions?"+q.Encode(), "", nil, &p); err != nil {
			return err
		}
		if more, err := f(&p); err != nil || !more || p.Next == "" {
			return err
		}
		q.Set("before", p.Next)
	}
}

// List lists suppressions.
type List struct {
	Address string `help:"Only this address: is it suppressed?" placeholder:"ADDRESS"`
	Limit   int    `help:"How many at most; 0: all." default:"50"`
	JSON    bool   `name:"json" help:"Print JSON lines."`
	remote.Flags
}

// shortID is how many digits of an id are shown: enough to lift by.
const shortID = 12

// Run prints them as they come.
func (c List) Run(s orders.Streams) error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit: %d is below 0", c.Limit)
	}
	q := url.Values{}
	if c.Address != "" {
		q.Set("address", c.Address)
	}
	w, n := tabwriter.NewWriter(s.Out, 0, 4, 2, ' ', 0), 0
	err := each(c.Flags, limited(q, c.Limit), func(p *page) (bool, error) {
		for i := range p.Suppressions {
			x := &p.Suppressions[i]
			if c.JSON {
				if err := json.NewEncoder(s.Out).Encode(x); err != nil {
					return false, err
				}
			} else {
				if n == 0 {
					_, _ = fmt.Fprintln(w, "ID\tCLASS\tAT\tBY\tREASON")
				}
				_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", x.ID.String()[:shortID], x.Class, x.At.Local().Format(time.DateTime), remote.Printable(string(x.By)), remote.Printable(x.Reason))
			}
			if n++; n == c.Limit {
				return false, nil
			}
		}
		return true, w.Flush() // a long list is printed as it comes
	})
	if err == nil {
		err = w.Flush()
	}
	if err == nil && n == 0 && !c.JSON {
		_, err = fmt.Fprintln(s.Out, map[bool]string{true: "Nothing is suppressed.", false: "This address is not suppressed."}[c.Address == ""])
	}
	return err
}

// limited asks for no more a page than is printed.
func limited(q url.Values, limit int) url.Values {
	n := pageSize
	if limit > 0 {
		n = min(n, limit)
	}
	q.Set("limit", strconv.Itoa(n))
	return q
}

// exported is one line of an export.
type exported struct {
	// Key tells ledgers apart: see web's list.
	Key string `json:"key"`
	waxwing.Suppression
}

// Export writes all suppressions.
type Export struct {
	remote.Flags
}

// Run writes them as they come.
func (c Export) Run(s orders.Streams) error {
	e := json.NewEncoder(s.Out)
	return each(c.Flags, limited(url.Values{}, 0), func(p *page) (bool, error) {
		for _, x := range p.Suppressions {
			if err := e.Encode(exported{p.Key, x}); err != nil {
				return false, err
			}
		}
		return true, nil
	})
}
