package pipeline

import (
	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// Settings are what may change while a pipeline runs. They are made whole and not
// written afterwards: an event is accepted, and an order worked on, with those of one
// moment.
type Settings struct {
	Tenants  map[string]config.Tenant
	Formats  map[string]waxwing.Format
	Composer Composer
}

// Use has events and orders from now on handled by other settings. What is being worked
// on goes on with those that it began with.
func (x *Pipeline) Use(s *Settings) { x.settings.Store(s) }

// now are the settings of this moment.
func (x *Pipeline) now() *Settings { return x.settings.Load() }
