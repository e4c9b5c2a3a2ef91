package demo

import (
	"strings"
	"sync"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
)

// The domains whose mail servers misbehave, so that an address tells what will
// become of its mail.
const (
	slowDomain  = "slow.example"
	goneDomain  = "gone.example"
	flakyDomain = "flaky.example"
)

// fates decides what the demonstration's mail server does with each address.
type fates struct {
	mu   sync.Mutex
	seen map[string]int // by address or Message-ID
}

func newFates() *fates { return &fates{seen: map[string]int{}} }

func (f *fates) count(key string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen[key]++
	return f.seen[key]
}

// plan is the server's sink.Plan.
func (f *fates) plan(q sink.Question) sink.Answer {
	_, domain, _ := strings.Cut(q.To, "@")
	switch {
	case domain == slowDomain && q.Phase == waxwing.PhaseRcpt && f.count(q.To) <= 2:
		return sink.Answer{Code: 450, Text: "4.2.1 greylisted, try again in a moment"}
	case domain == goneDomain && q.Phase == waxwing.PhaseRcpt:
		return sink.Answer{Code: 550, Text: "5.1.1 there is no such mailbox here"}
	case domain == flakyDomain && q.Phase == waxwing.PhaseDot && f.count(q.MessageID) == 1:
		return sink.Answer{Lost: true}
	}
	return sink.Answer{}
}
