package sink

import (
	"io"
	"net/http"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Post is one message as a provider's API was asked to carry it.
type Post struct {
	Key      string // by which Truth counts
	From, To string
	Path     string
	Header   http.Header
	Body     []byte // of the request
}

// HTTP stands in for a provider's API: an http.Handler that records what it accepts, and like
// most providers makes a new message for each request.
type HTTP struct {
	Truth *Truth // nil: nothing is counted
	Plan  Plan   // is asked at PhaseRequest
	// Read fills Key, From and To of what was posted, and reports whether it may be taken: else
	// it has answered.
	Read func(w http.ResponseWriter, p *Post) bool
	// Took answers that a message was taken.
	Took func(w http.ResponseWriter, p *Post)
	// OnPost is called for each accepted message, perhaps concurrently; nil: nobody is told.
	OnPost func(Post)
}

// maxPost is the largest request that is read.
const maxPost = 64 << 20

// ServeHTTP takes a message, or does with it what the Plan says.
func (h *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPost))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	p := Post{Path: r.URL.RequestURI(), Header: r.Header, Body: body}
	if !h.Read(w, &p) {
		return
	}
	var a Answer
	if h.Plan != nil {
		a = h.Plan(Question{Phase: waxwing.PhaseRequest, From: p.From, To: p.To, MessageID: p.Key})
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
		w.WriteHeader(a.Code)
		_, _ = io.WriteString(w, a.Text)
		return
	}
	if h.Truth != nil {
		if err := h.Truth.Add(p.Key, p.To); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
	}
	if h.OnPost != nil {
		h.OnPost(p)
	}
	if a.Lost {
		reset(w)
		return
	}
	h.Took(w, &p)
}
