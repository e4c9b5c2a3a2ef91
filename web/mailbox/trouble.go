package mailbox

import (
	"net/http"

	"github.com/waxwinghq/waxwing/web"
)

// Trouble is what the demonstration's first provider suffers from.
type Trouble struct {
	// Refused is the share of connections and mails that it turns away (421), and Lost that of mails which
	// it takes without an answer, both in percent.
	Refused int `json:"refused"`
	Lost    int `json:"lost"`
	// Delay is how long it thinks about a mail, in milliseconds.
	Delay int `json:"delay"`
}

// maxDelay is the longest that a provider may think, in milliseconds.
const maxDelay = 10_000

// ProviderView is how it stands with one of the demonstration's providers.
type ProviderView struct {
	Name  string `json:"name"`
	State string `json:"state"` // healthy, slow or resting
	Taken int64  `json:"taken"` // how many mails its server has
}

// Breaker is what can be broken. Nil in Acts: there is no such panel.
type Breaker struct {
	Trouble   func() Trouble
	Make      func(Trouble)
	Providers func() []ProviderView
}

// trouble says how it stands.
func (m *Mailbox) trouble(w http.ResponseWriter, _ *http.Request) {
	b := m.actsNow().Breaker
	if b == nil {
		web.Problem(w, http.StatusNotFound, "not found", "there is nothing to break here")
		return
	}
	m.json(w, struct {
		Trouble
		Providers []ProviderView `json:"providers"`
	}{b.Trouble(), b.Providers()})
}

// makeTrouble breaks the first provider, or mends it.
func (m *Mailbox) makeTrouble(w http.ResponseWriter, r *http.Request) {
	var ask Trouble
	b := m.actsNow().Breaker
	if !readAsk(w, r, &ask) {
		return
	}
	if b == nil {
		web.Problem(w, http.StatusNotFound, "not found", "there is nothing to break here")
		return
	}
	if min(ask.Refused, ask.Lost, ask.Delay) < 0 || max(ask.Refused, ask.Lost) > 100 || ask.Delay > maxDelay {
		web.Problem(w, http.StatusUnprocessableEntity, "out of range", "refused and lost are percent, delay is 0 to 10000 milliseconds")
		return
	}
	b.Make(ask)
	m.trouble(w, r)
}
