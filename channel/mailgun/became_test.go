package mailgun_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mailgun/mailgun-go/v4/events"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/mailgun"
)

// question is about a mail whose answer was lost so long before the tests' clock.
func question(ago time.Duration) *waxwing.Question {
	return &waxwing.Question{Message: 65, Tenant: "acme", To: "ada+x@x.example", Reference: "ref-1", IdempotencyKey: "key-1",
		Began: channeltest.Now.Add(-ago - time.Second), Ended: channeltest.Now.Add(-ago)}
}

// one is an event as mailgun-go knows them, of this mail.
func one(name, ref, key string) string {
	e := events.Accepted{Recipient: "ada+x@x.example", UserVariables: map[string]string{"waxwing_ref": ref, "waxwing": key}}
	e.Name, e.ID = name, "e-"+name
	b, _ := json.Marshal(e)
	return string(b)
}

func TestBecame(t *testing.T) {
	const next = `"paging":{"next":"BASE/v3/mg.shop.example/events/next"}`
	page := func(items ...string) string { return `{"items":[` + strings.Join(items, ",") + `],` + next + `}` }
	for name, c := range map[string]struct {
		pages []string // "500" and so on are statuses
		ago   time.Duration
		ref   string
		words string
		err   string
	}{
		"accepted":                   {pages: []string{page(one("accepted", "ref-1", ""))}, ref: "e-accepted", words: "event accepted"},
		"by the older variable":      {pages: []string{page(one("delivered", "", "key-1"))}, ref: "e-delivered", words: "event delivered"},
		"it has bounced":             {pages: []string{page(strings.Replace(one("failed", "ref-1", ""), "{", `{"severity":"permanent",`, 1))}, ref: "e-failed", words: "event failed (permanent)"},
		"of a kind that is new":      {pages: []string{page(one("ada@example.com", "ref-1", ""))}, ref: "e-ada@example.com", words: "event"},
		"on the second page":         {pages: []string{page(one("accepted", "ref-2", "key-2")), page(one("accepted", "ref-1", "key-1"))}, ref: "e-accepted", words: "event accepted"},
		"another mail to her":        {pages: []string{page(one("accepted", "ref-2", "key-2")), page()}},
		"refused there":              {pages: []string{page(one("rejected", "ref-1", "key-1")), page()}},
		"without variables":          {pages: []string{page(`{"event":"accepted","id":"x","user-variables":[]}`), page()}},
		"nothing":                    {pages: []string{page()}},
		"nothing yet":                {pages: []string{page()}, ago: 30 * time.Second, err: "too early to tell"},
		"the key may not":            {pages: []string{"401"}, err: "mailgun: events: answered 401: the key may not ask"},
		"down":                       {pages: []string{"500"}, err: "mailgun: events: answered 500"},
		"no list":                    {pages: []string{`{"message":"ada+x@x.example"}`}, err: "mailgun: events: answered 200"},
		"not JSON":                   {pages: []string{`<html>`}, err: "mailgun: events: answered 200"},
		"the next page is elsewhere": {pages: []string{strings.Replace(page(one("accepted", "", "")), "BASE", "https://evil.example", 1)}, err: "mailgun: events: the next page is elsewhere"},
		"pages without end":          {pages: []string{page(one("accepted", "", ""))}, err: "mailgun: events: more than 10 pages"},
	} {
		t.Run(name, func(t *testing.T) {
			asked := 0
			var srv *httptest.Server
			srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				q := r.URL.Query()
				if _, pass, _ := r.BasicAuth(); r.Method != http.MethodGet || pass != "secret" {
					t.Errorf("%s, by %q", r.Method, pass)
				}
				if asked == 0 && (r.URL.Path != "/v3/mg.shop.example/events" || q.Get("recipient") != "ada+x@x.example" || q.Get("ascending") != "yes" || q.Get("limit") != "300" ||
					q.Get("begin") >= q.Get("end") || len(q.Get("begin")) != 10) {
					t.Errorf("asked for %s", r.URL)
				}
				if asked > 0 && r.URL.Path != "/v3/mg.shop.example/events/next" {
					t.Errorf("then for %s", r.URL)
				}
				body := c.pages[min(asked, len(c.pages)-1)]
				asked++
				var status int
				if _, err := fmt.Sscanf(body, "%d", &status); err == nil {
					w.WriteHeader(status)
					return
				}
				_, _ = w.Write([]byte(strings.ReplaceAll(body, "BASE", srv.URL)))
			}))
			defer srv.Close()
			if c.ago == 0 {
				c.ago = time.Minute
			}
			got, err := ask(t.Context(), t, srv.URL, question(c.ago))
			said := ""
			if err != nil {
				said = err.Error()
			}
			if said != c.err || (got == nil) != (c.words == "") || got != nil && (got.Ref != c.ref || got.Words != c.words) {
				t.Errorf("%+v, %q", got, said)
			}
		})
	}
}

func ask(ctx context.Context, t *testing.T, url string, q *waxwing.Question) (*waxwing.Evidence, error) {
	t.Helper()
	p, err := open(url, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	return p.(*mailgun.Provider).Became(ctx, q)
}

// Whoever asks does not wait for ever, and no error has the address.
func TestBecameEnds(t *testing.T) {
	gone := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done(); close(gone) }))
	defer srv.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	got, err := ask(ctx, t, srv.URL, question(time.Minute))
	if got != nil || !errors.Is(err, context.DeadlineExceeded) || strings.Contains(err.Error(), "x.example") {
		t.Errorf("%+v, %v", got, err)
	}
	<-gone
}
