package enrich

import (
	"context"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// toyComponent is the lookup's entry in the list.
func toyComponent() config.Component {
	return config.Component{Name: "toy", Settings: func() config.Block { return &Toy{} }, Example: "type: toy\nname: A toy"}
}

// Toy are the keys of a lookup that knows one name for every article.
type Toy struct {
	// Name is what every article is called.
	Name string `yaml:"name,omitempty" default:"Toy bear"`
}

// Check finds nothing.
func (*Toy) Check(*config.Report) {}

func (t *Toy) open() (*Toy, error) { return t, nil }

// Find names the articles.
func (t *Toy) Find(_ context.Context, q *waxwing.Inquiry) (*waxwing.Finding, error) {
	f := &waxwing.Finding{Products: map[string]waxwing.Product{}}
	for _, sku := range q.SKUs {
		f.Products[sku] = waxwing.Product{Name: t.Name, ImageURL: "https://toy.example/" + sku + ".png"}
	}
	return f, nil
}

// Close has nothing to give back.
func (*Toy) Close() error { return nil }
