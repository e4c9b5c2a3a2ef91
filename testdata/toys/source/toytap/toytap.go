// Package toytap brings the events that its settings hold.
package toytap

import (
	"context"
	"log/slog"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/source"
)

// Component is the source's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "toy", Settings: func() config.Block { return &Settings{} }, Example: "type: toy\ntenant: acme\nshop: toys\nevents: [one]"}
}

// Settings are the keys of events that stand in the configuration.
type Settings struct {
	// Tenant is whose they are.
	Tenant string `yaml:"tenant"`
	// Shop is the tenant's shop that they come from.
	Shop string `yaml:"shop"`
	// Events are brought in this order.
	Events []string `yaml:"events"`
}

// Check finds nothing.
func (*Settings) Check(*config.Report) {}

// Open makes the source.
func (s *Settings) Open(string, *slog.Logger) (*Settings, error) { return s, nil }

// Run brings the events, and waits.
func (s *Settings) Run(ctx context.Context, accept source.Accept) error {
	for len(s.Events) > 0 {
		if _, err := accept(ctx, waxwing.TenantID(s.Tenant), waxwing.ShopID(s.Shop), "toy", []byte(s.Events[0])); err != nil {
			return err
		}
		s.Events = s.Events[1:]
	}
	<-ctx.Done()
	return nil
}
