package sink

import (
	"crypto/md5" //nolint:gosec // makes an id, guards nothing
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Text is one text message that the stand-in took responsibility for.
type Text struct {
	SID      string
	Key      string // the Idempotency-Key header, by which Truth counts
	From, To string
	Body     string
	At       time.Time
}

// Twilio stands in for the Messages API: an http.Handler that records what it
// accepts. Like Twilio it makes a new message for each request, also for one
// with a key that it has seen: Truth shows the duplicates.
type Twilio struct {
	Account string         // "" accepts any
	Token   waxwing.Secret // "" accepts any
	Truth   *Truth         // nil: nothing is counted
	// Plan is asked at PhaseRequest. A code of 400 and above answers with an
	// error whose Twilio code is the first word of Text, if that is a number.
	Plan   Plan
	OnText func(Text)    // called for each accepted message, perhaps concurrently
	Clock  waxwing.Clock // nil: the system's

	made atomic.Uint64
}

// ServeHTTP answers POST /2010-04-01/Accounts/{account}/Messages.json.
func (t *Twilio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	account, ok := strings.CutPrefix(r.URL.Path, "/2010-04-01/Accounts/")
	account, found := strings.CutSuffix(account, "/Messages.json")
	if !ok || !found || r.Method != http.MethodPost {
		fail(w, http.StatusNotFound, 20404, "The requested resource was not found")
		return
	}
	user, token, _ := r.BasicAuth()
	if user != account || t.Account != "" && account != t.Account || t.Token != "" && token != t.Token.Reveal() {
		fail(w, http.StatusUnauthorized, 20003, "Authenticate")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if r.ParseForm() != nil || r.PostForm.Get("To") == "" || r.PostForm.Get("Body") == "" {
		fail(w, http.StatusBadRequest, 21604, "A To phone number and a Body are required")
		return
	}
	x := Text{Key: r.Header.Get("Idempotency-Key"), From: r.PostForm.Get("From"), To: r.PostForm.Get("To"), Body: r.PostForm.Get("Body")}
	if x.From == "" {
		x.From = r.PostForm.Get("MessagingServiceSid")
	}
	var a Answer
	if t.Plan != nil {
		a = t.Plan(Question{Phase: waxwing.PhaseRequest, From: x.From, To: x.To, MessageID: x.Key})
	}
	if a.Delay > 0 {
		wait := time.NewTimer(a.Delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case a.Drop:
		reset(w)
		return
	case a.Code >= 400:
		word, _, _ := strings.Cut(a.Text, " ")
		code, _ := strconv.Atoi(word)
		fail(w, a.Code, code, a.Text)
		return
	}
	if err := t.accept(&x); err != nil {
		fail(w, http.StatusServiceUnavailable, 20503, "cannot write")
		return
	}
	if a.Lost {
		reset(w)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"sid": x.SID, "status": "queued", "to": x.To, "from": x.From, "body": x.Body,
		"account_sid": account, "api_version": "2010-04-01",
	})
}

func (t *Twilio) accept(x *Text) error {
	sum := md5.Sum([]byte(x.Key + strconv.FormatUint(t.made.Add(1), 10)))
	x.SID = "SM" + hex.EncodeToString(sum[:])
	if t.Truth != nil {
		if err := t.Truth.Add(x.Key, x.To); err != nil {
			return err
		}
	}
	if t.OnText != nil {
		if x.At = time.Now(); t.Clock != nil {
			x.At = t.Clock()
		}
		t.OnText(*x)
	}
	return nil
}

func fail(w http.ResponseWriter, status, code int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"code": code, "message": text, "status": status,
		"more_info": "https://www.twilio.com/docs/errors/" + strconv.Itoa(code),
	})
}

// reset cuts the connection without an answer.
func reset(w http.ResponseWriter) {
	h, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	c, _, err := h.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = c.Close()
}
