package pipeline

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// kinds are the stages that a pipeline may have, in their usual order: a new one is one file
// and one line here.
var kinds = []kind{
	normaliseStage(),
	enrichStage(),
	pluginsStage(),
	renderStage(),
	queueStage(),
	sendStage(),
	fallbackStage(),
}

// kind is a stage as a configuration knows it, and what is made of its block.
type kind struct {
	config.Component
	// open makes what runs; nil: the flow itself goes by the block.
	open func(b config.Block, p *site) []Stage
}

// site is where a stage is made for: what it may use, and the pipeline that it stands in.
type site struct {
	*Parts
	flow *flow
	all  []config.Stage
}

// asks reports whether plugins are asked anywhere in the pipeline.
func (p *site) asks() bool {
	return slices.ContainsFunc(p.all, func(s config.Stage) bool {
		b, ok := s.Settings.(*PluginsStage)
		return ok && len(b.Hooks) > 0
	})
}

// stage is a kind whose block is a B.
func stage[B config.Block](c config.Component, open func(B, *site) []Stage) kind {
	return kind{c, func(b config.Block, p *site) []Stage { return open(b.(B), p) }}
}

// plain is a kind that nothing runs for.
func plain(c config.Component) kind { return kind{Component: c} }

// always is a block that stands in every usual pipeline.
func always(block func() config.Block) func(func(waxwing.Channel) []string) config.Block {
	return func(func(waxwing.Channel) []string) config.Block { return block() }
}

// Components are the stages, for a registry.
func Components() []config.Component {
	out := make([]config.Component, len(kinds))
	for i, k := range kinds {
		out[i] = k.Component
	}
	return out
}

// At is a stage of a pipeline that is made in code, of its block, which gets the defaults
// of what it leaves empty.
func At(b config.Block) config.Stage {
	for _, k := range kinds {
		if reflect.TypeOf(k.Settings()) == reflect.TypeOf(b) {
			config.Fill(b)
			return config.Stage{Name: k.Name, Settings: b}
		}
	}
	panic(fmt.Sprintf("%T is the block of no stage", b)) // a programmer's mistake
}

// kindOf is that of a stage; nil: there is none of its name.
func kindOf(s config.Stage) *kind {
	for i := range kinds {
		if kinds[i].Name == s.Name {
			return &kinds[i]
		}
	}
	return nil
}
