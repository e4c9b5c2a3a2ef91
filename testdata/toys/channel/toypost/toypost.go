// Package toypost prints messages instead of sending them.
package toypost

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// Component is the provider's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "toy", Carries: waxwing.Email, Settings: func() config.Block { return &Settings{} }, Example: "type: toy\nbefore: TOY"}
}

// Settings are the keys of a provider that prints e-mail.
type Settings struct {
	// Before stands in front of every message.
	Before string `yaml:"before"`
	config.Pool
}

// Check reports messages that nobody would find.
func (s *Settings) Check(r *config.Report) {
	if s.Before == "" {
		r.Fail("before", r.Path("before")+" is empty", "Write a word")
	}
}

// Sender is the provider.
type Sender struct{ name, before string }

// Open makes the provider of this name.
func (s *Settings) Open(name string, _ *slog.Logger) (*Sender, error) {
	return &Sender{name: name, before: s.Before}, nil
}

// Offer prints a message on a line of its own, once its commit point is past.
func (s *Sender) Offer(_ context.Context, out *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	a := waxwing.Attempt{Provider: s.name, Began: time.Now(), Verdict: waxwing.Deferred, Phase: waxwing.PhaseDot}
	if a.Err = commit(); a.Err == nil {
		fmt.Printf("%s %q\n", s.before, out.Data)
		a.Verdict = waxwing.Accepted
	}
	a.Ended = time.Now()
	return a
}

// Close has nothing to give back.
func (s *Sender) Close(context.Context) error { return nil }
