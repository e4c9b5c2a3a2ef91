package channeltest

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/mime"
)

// Said is an answer that a provider documents, and what it comes to.
type Said struct {
	Name   string
	Status int
	Head   map[string]string // header fields
	Body   string
	// Wants are the verdict, the fault, whether the provider itself is unwell, and the wait.
	Verdict waxwing.Verdict
	Fault   waxwing.Fault
	Bad     bool
	Wait    time.Duration
}

// Answers holds a provider to what its API documents. The body of an answer may hold the
// customer's address: the attempt's error must not.
func Answers(t *testing.T, open func(url string) (Provider, error), message *waxwing.Outgoing, table []Said) {
	for _, c := range table {
		t.Run(c.Name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				for k, v := range c.Head {
					w.Header().Set(k, v)
				}
				w.WriteHeader(c.Status)
				_, _ = io.WriteString(w, c.Body)
			}))
			defer srv.Close()
			p, err := open(srv.URL)
			if err != nil {
				t.Fatal(err)
			}
			a := p.Offer(t.Context(), message, func() error { return nil })
			if a.Verdict != c.Verdict || a.Fault != c.Fault || a.Bad != c.Bad || a.RetryAfter != c.Wait {
				t.Errorf("%s, %s, bad %v, %v; want %s, %s, bad %v, %v (%v)", a.Verdict, a.Fault, a.Bad, a.RetryAfter, c.Verdict, c.Fault, c.Bad, c.Wait, a.Err)
			}
			if a.Err != nil && (strings.Contains(a.Err.Error(), message.To) || strings.Contains(a.Err.Error(), srv.URL)) {
				t.Errorf("the error holds the recipient or the address: %v", a.Err)
			}
			if err := p.Close(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// Mail is the n-th mail to try a provider with, as the pipeline makes them.
func Mail(n int) *waxwing.Outgoing {
	id := fmt.Sprintf("m%d@shop.example", n)
	to := fmt.Sprintf("c%d@customer.example", n)
	return &waxwing.Outgoing{Message: waxwing.ID(n), Channel: waxwing.Email, From: "bounces@shop.example", To: to, IdempotencyKey: fmt.Sprintf("key-%d", n),
		Data: mime.Build(nil, &mime.Mail{From: mime.Mailbox{Name: "Müller, Söhne", Addr: "orders@shop.example"}, To: mime.Mailbox{Name: "Ada", Addr: to},
			ReplyTo: mime.Mailbox{Addr: "help@shop.example"}, Subject: fmt.Sprintf("Ihre Bestellung für 12 € #%d", n), MessageID: id, Date: Now, Language: "de",
			FeedbackID: "order:acme:waxwing", Text: []byte("Danke für alles\n"), HTML: []byte("<p>Danke für <b>alles</b></p>\n")})}
}

// Text is the n-th text to try a provider with.
func Text(n int) *waxwing.Outgoing {
	return &waxwing.Outgoing{Message: waxwing.ID(n), Channel: waxwing.SMS, To: fmt.Sprintf("+49170%07d", n), From: "+15005550006",
		Data: []byte("Danke für Ihre Bestellung #1001"), IdempotencyKey: fmt.Sprintf("key-%d", n)}
}
