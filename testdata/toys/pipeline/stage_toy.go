package pipeline

import (
	"context"

	"github.com/waxwinghq/waxwing/config"
)

func toyStage() kind {
	return stage(config.Component{Name: "toy", Settings: func() config.Block { return &Toy{} }}, func(t *Toy, _ *site) []Stage { return []Stage{t} })
}

// Toy stamps each article.
type Toy struct {
	// Stamp is what is put on it.
	Stamp string `yaml:"stamp"`
}

// Check finds nothing.
func (*Toy) Check(*config.Report) {}

// Name is Stage's.
func (*Toy) Name() string { return "stamped" }

// Run is Stage's.
func (t *Toy) Run(_ context.Context, j *Job) (Decision, error) {
	for i := range j.Order.Items {
		j.Order.Items[i].Name += " " + t.Stamp
	}
	return Decision{}, nil
}
