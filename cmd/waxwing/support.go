package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/web"
)

// The commands of support staff, over a running daemon's API: whoever holds a
// tenant's key may use them from anywhere, and her key's name stands in the trail.

// whatArg names a confirmation as a customer would, or by its id.
type whatArg struct {
	What string `arg:"" help:"An order number, or a confirmation's id."`
}

// whyFlag goes into the trail.
type whyFlag struct {
	Reason string `help:"Why, for the trail; no addresses and numbers, since it stands there for good." placeholder:"TEXT"`
}

type jsonFlag struct {
	JSON bool `help:"Print JSON."`
}

type findCmd struct {
	What  string `arg:"" optional:"" help:"An order number, an e-mail address, a phone number or a confirmation's id; nothing: the newest."`
	State string `help:"Only this state or outcome."`
	Limit int    `help:"How many at most, up to 500." default:"50"`
	Full  bool   `help:"Show recipients whole, not masked."`
	jsonFlag
	apiFlags
}

// Run lists what fits.
func (c findCmd) Run(s streams) error {
	if err := web.CheckState(waxwing.State(c.State)); err != nil {
		return fmt.Errorf("--state: %w", err)
	}
	found, err := c.search(c.What, c.State, c.Limit, c.Full)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeIndented(s, found)
	}
	if len(found) == 0 {
		if c.What == "" {
			_, err = fmt.Fprintln(s.out, nothing(c.State))
			return err
		}
		if c.State != "" {
			return fmt.Errorf("nothing of tenant %s fits %q and is %s", c.Tenant, c.What, c.State)
		}
		return fmt.Errorf("nothing of tenant %s fits %q: want an order number, an e-mail address, a phone number or an id", c.Tenant, c.What)
	}
	return table(s.out, found)
}

func nothing(state string) string {
	if state == "" {
		return "There is nothing yet."
	}
	return "Nothing is " + state + "."
}

// search asks for what in each way that it may be meant, newest first.
func (a apiFlags) search(what, state string, limit int, full bool) ([]waxwing.ConfirmationView, error) {
	what = strings.TrimSpace(what)
	if id, err := waxwing.ParseID(what); err == nil {
		var v waxwing.ConfirmationView
		err := a.Call(http.MethodGet, "/confirmations/"+id.String(), "", nil, &v)
		if err == nil && (state == "" || string(v.State) == state) {
			if v.To == "" && v.Order != nil {
				v.To = v.Order.Customer.Email
			}
			if !full {
				brief(&v)
			}
			return []waxwing.ConfirmationView{v}, nil
		}
		var none remote.NotFoundError
		if err != nil && !errors.As(err, &none) {
			return nil, err
		}
	}
	ways := []string{""}
	if what != "" {
		ways = []string{"order"}
		if digits := strings.Trim(what, "+0123456789 ()-./"); strings.Contains(what, "@") {
			ways = []string{"email"}
		} else if digits == "" && len(what) >= 7 {
			ways = append(ways, "email") // it may be a phone number
		}
	}
	var found []waxwing.ConfirmationView
	seen := map[waxwing.ID]bool{}
	for _, way := range ways {
		q := url.Values{"limit": {fmt.Sprint(limit)}}
		if way != "" {
			q.Set(way, what)
		}
		if state != "" {
			q.Set("state", state)
		}
		if full {
			q.Set("full", "true")
		}
		var page struct {
			Confirmations []waxwing.ConfirmationView `json:"confirmations"`
		}
		if err := a.Call(http.MethodGet, "/confirmations?"+q.Encode(), "", nil, &page); err != nil {
			return nil, err
		}
		for _, v := range page.Confirmations {
			if !seen[v.ID] {
				seen[v.ID] = true
				found = append(found, v)
			}
		}
	}
	return found, nil
}

// brief leaves of one confirmation what a list shows: providers' answers quote
// recipients, too.
func brief(v *waxwing.ConfirmationView) {
	v.To, v.Order, v.Trail = waxwing.Masked(v.To), nil, nil
	for i := range v.Messages {
		m := &v.Messages[i]
		m.To, m.MessageID, m.Attempts = "", "", nil
	}
}

// one finds the one confirmation that is meant.
func (a apiFlags) one(s streams, what string) (waxwing.ID, error) {
	if strings.TrimSpace(what) == "" { // a shell's empty variable: the only order there is may not be meant
		return 0, errors.New("no order is named: want an order number or a confirmation's id")
	}
	found, err := a.search(what, "", 50, false)
	if err != nil {
		return 0, err
	}
	if kept := slices.DeleteFunc(slices.Clone(found), func(v waxwing.ConfirmationView) bool { return v.State == waxwing.Ignored }); len(kept) > 0 {
		found = kept // what else its shop sent of the order is not what she means
	}
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("nothing of tenant %s fits %q: waxwing find looks by order number, e-mail address, phone number and id", a.Tenant, what)
	case 1:
		return found[0].ID, nil
	}
	if err := table(s.err, found); err != nil {
		return 0, err
	}
	return 0, fmt.Errorf("%q fits %d confirmations: name the one that you mean by its id", what, len(found))
}

type showCmd struct {
	whatArg
	Message bool `help:"Print the exact bytes of its newest e-mail instead."`
	jsonFlag
	apiFlags
}

// Run shows one confirmation, with its trail in words.
func (c showCmd) Run(s streams) error {
	id, err := c.one(s, c.What)
	if err != nil {
		return err
	}
	var b []byte
	if c.Message {
		if err := c.Call(http.MethodGet, "/confirmations/"+id.String()+"/message", "", nil, &b); err != nil {
			return err
		}
		_, err = s.out.Write(b)
		return err
	}
	if err := c.Call(http.MethodGet, "/confirmations/"+id.String(), "", nil, &b); err != nil {
		return err
	}
	if c.JSON {
		return writeIndented(s, json.RawMessage(b))
	}
	var v waxwing.ConfirmationView
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	return show(s, &v)
}

// post sends a small JSON body and prints the answer, as JSON where that is asked
// for.
func (a apiFlags) post(s streams, path string, body any, raw bool, say func(map[string]any) string) error {
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	var answer map[string]any
	if err := a.Call(http.MethodPost, path, "application/json", b, &answer); err != nil {
		return err
	}
	if raw {
		return writeIndented(s, answer)
	}
	_, err = fmt.Fprintln(s.out, say(answer))
	return err
}

type resendCmd struct {
	whatArg
	To     *string `help:"Send it to this corrected address." placeholder:"ADDRESS"`
	Render bool    `help:"Render it anew, with today's templates and data, rather than send what was sent."`
	whyFlag
	jsonFlag
	apiFlags
}

// Run sends a confirmation once more.
func (c resendCmd) Run(s streams) error {
	body := map[string]any{"render": c.Render, "reason": c.Reason}
	if c.To != nil { // a shell's empty variable must not stand for the old address
		if body["to"] = strings.TrimSpace(*c.To); body["to"] == "" {
			return errors.New("--to is empty: give the corrected address, or leave --to out to send to the same one")
		}
	}
	id, err := c.one(s, c.What)
	if err != nil {
		return err
	}
	return c.post(s, "/confirmations/"+id.String()+"/resend", body, c.JSON, func(a map[string]any) string {
		if a["state"] == string(waxwing.Suppressed) {
			return fmt.Sprintf("%s is not sent: the address is on the list of those not to be mailed.", id)
		}
		how := "the same mail as before"
		if a["rendered"] == true {
			how = "rendered anew"
		}
		return fmt.Sprintf("%s is sent again: %s. \"waxwing show %s\" tells what becomes of it.", id, how, id)
	})
}

type releaseCmd struct {
	whatArg
	whyFlag
	jsonFlag
	apiFlags
}

// Run lets a held or quarantined confirmation go.
func (c releaseCmd) Run(s streams) error {
	return c.rule(s, c.What, decision{"retry", "released", c.Reason}, c.JSON)
}

type cancelCmd struct {
	whatArg
	whyFlag
	jsonFlag
	apiFlags
}

// Run cancels what has not passed its commit point.
func (c cancelCmd) Run(s streams) error {
	return c.rule(s, c.What, decision{"cancel", "cancelled", c.Reason}, c.JSON)
}

// decision is what a person decides on a confirmation: the act of the API, what the
// confirmation is then, and why.
type decision struct{ act, done, reason string }

// rule carries a decision out on the one confirmation that is meant.
func (a apiFlags) rule(s streams, what string, d decision, raw bool) error {
	id, err := a.one(s, what)
	if err != nil {
		return err
	}
	return a.post(s, "/confirmations/"+id.String()+"/"+d.act, map[string]any{"reason": d.reason}, raw, func(b map[string]any) string {
		return fmt.Sprintf("%s is %s; its state is %v.", id, d.done, b["state"])
	})
}

func count(n any, noun string) string {
	if n == float64(1) {
		return "1 " + noun
	}
	return fmt.Sprintf("%v %ss", n, noun)
}
