package main

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	mailgun "github.com/mailgun/mailgun-go/v4"
	"github.com/mailgun/mailgun-go/v4/events"

	"github.com/waxwinghq/waxwing/channel/sink"
)

// mailhouse is mailgun-go's own mock server, behind a front that makes of it what the real one is:
// it has an endpoint for whole mails, keeps each mail's variables, which the mock drops, and gives
// the mock's events by recipient, some of them late. And it fails, as it is told to.
type mailhouse struct {
	t      *testing.T
	mock   mailgun.MockServer
	srv    *httptest.Server
	plan   sink.Plan                     // of posts; nil: all is well
	late   func(to string) time.Duration // after how long an event can be found; nil: at once
	silent func(to string) bool          // whether the events API fails; nil: it never does
	took   func(to, messageID string)    // is told of each mail that the mock took
	client *http.Client
	mu     sync.Mutex
	mails  map[string]housed // by the mock's id
	asked  int
}

// housed is what the mock drops of a mail.
type housed struct {
	variables map[string]string
	known     time.Time
}

func newMailhouse(t *testing.T) *mailhouse {
	h := &mailhouse{t: t, mock: mailgun.NewMockServer(), mails: map[string]housed{}, client: &http.Client{Timeout: 10 * time.Second}}
	posts := &sink.HTTP{Plan: func(q sink.Question) sink.Answer {
		if h.plan == nil {
			return sink.Answer{}
		}
		return h.plan(q)
	}, Read: h.read, OnPost: h.take, Took: func(w http.ResponseWriter, p *sink.Post) {
		_ = json.NewEncoder(w).Encode(map[string]string{"id": "<" + p.Key + ">", "message": "Queued. Thank you."})
	}}
	mux := http.NewServeMux()
	mux.Handle("POST /v3/mg.acme.example/messages.mime", posts)
	mux.HandleFunc("GET /v3/mg.acme.example/events", h.events)
	h.srv = httptest.NewServer(mux)
	t.Cleanup(func() {
		h.srv.CloseClientConnections()
		h.srv.Close()
		h.client.CloseIdleConnections()
		h.mock.Stop()
	})
	return h
}

// keys are a provider's of this house.
func (h *mailhouse) keys() string { return housedAt(h.srv.URL) }

func housedAt(url string) string {
	return `type: mailgun, domain: mg.acme.example, key: secret, connections: 16, base_url: "` + url + `"`
}

// fieldsOf are a post's, with its mail in the field message.
func fieldsOf(p *sink.Post) map[string]string {
	f := map[string]string{}
	_, params, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
	r := multipart.NewReader(bytes.NewReader(p.Body), params["boundary"])
	for {
		part, err := r.NextPart()
		if err != nil {
			return f
		}
		b, _ := io.ReadAll(part) // what is missing, a test sees
		f[part.FormName()] = string(b)
	}
}

func (h *mailhouse) read(w http.ResponseWriter, p *sink.Post) bool {
	f := fieldsOf(p)
	m, err := mail.ReadMessage(strings.NewReader(f["message"]))
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return false
	}
	p.To, p.Key = f["to"], m.Header.Get("Message-Id")
	return true
}

// take has the mock take a mail, and notes what it drops.
func (h *mailhouse) take(p sink.Post) {
	at, err := url.Parse(h.mock.URL4())
	if err != nil {
		h.t.Error(err)
		return
	}
	at.Path = "/v3/mg.acme.example/messages"
	req, err := http.NewRequest(http.MethodPost, at.String(), bytes.NewReader(p.Body))
	if err != nil {
		h.t.Error(err)
		return
	}
	req.Header.Set("Content-Type", p.Header.Get("Content-Type"))
	res, err := h.client.Do(req)
	if err != nil {
		h.t.Error(err)
		return
	}
	defer func() { _ = res.Body.Close() }()
	var said struct{ ID string }
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil || res.StatusCode != http.StatusOK {
		h.t.Errorf("the mock answers %d: %v", res.StatusCode, err)
		return
	}
	f := fieldsOf(&p)
	x := housed{variables: map[string]string{"waxwing": f["v:waxwing"], "waxwing_ref": f["v:waxwing_ref"]}, known: time.Now()}
	if h.late != nil {
		x.known = x.known.Add(h.late(p.To))
	}
	h.mu.Lock()
	h.mails[strings.Trim(said.ID, "<>")] = x
	h.mu.Unlock()
	if h.took != nil {
		h.took(p.To, p.Key)
	}
}

// events are the mock's of a recipient that can be found by now, with their variables.
func (h *mailhouse) events(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	h.mu.Lock()
	h.asked++
	h.mu.Unlock()
	if _, pass, _ := r.BasicAuth(); pass != "secret" || q.Get("begin") == "" || q.Get("recipient") == "" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if h.silent != nil && h.silent(q.Get("recipient")) {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	items := []any{}
	all := h.mock.Events()
	h.mu.Lock()
	for _, e := range all {
		a, ok := e.(*events.Accepted)
		x, known := h.mails[e.GetID()]
		if !ok || !known || q.Get("page") != "" || a.Recipient != q.Get("recipient") || time.Now().Before(x.known) {
			continue
		}
		shown := *a
		shown.UserVariables = x.variables
		items = append(items, &shown)
	}
	h.mu.Unlock()
	q.Set("page", "next")
	_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "paging": map[string]string{"next": h.srv.URL + r.URL.Path + "?" + q.Encode()}})
}

func (h *mailhouse) questions() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}
