package pipeline

import (
	"errors"
	"slices"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// TestNormalise: what a format reads goes on; what it cannot read, or nobody knows, is
// quarantined with the reason; what could not be asked now is tried again.
func TestNormalise(t *testing.T) {
	reads := func(o *waxwing.Order, err error) waxwing.Format {
		return waxwing.Format{Name: "f", Normalise: func(string, []byte) (*waxwing.Order, error) { return o, err }}
	}
	for name, c := range map[string]struct {
		f     waxwing.Format
		of    string
		want  Decision
		again bool
	}{
		"an order":        {f: reads(&waxwing.Order{ID: "7", Number: "#1007"}, nil)},
		"another format":  {f: reads(nil, nil), of: "g", want: quarantine("the shop's format is not known any more: g")},
		"unreadable":      {f: reads(nil, waxwing.Permanent(errors.New("no currency"))), want: quarantine("no currency")},
		"a panic":         {f: waxwing.Format{Name: "f", Normalise: func(string, []byte) (*waxwing.Order, error) { panic("x") }}, want: quarantine("format f cannot read this event (internal error)")},
		"a busy plugin":   {f: waxwing.Format{Name: "f", NormaliseWork: func(*waxwing.Work) (*waxwing.Order, error) { return nil, waxwing.ErrUnavailable }}, again: true},
		"a plugin's word": {f: waxwing.Format{Name: "f", NormaliseWork: func(*waxwing.Work) (*waxwing.Order, error) { return &waxwing.Order{ID: "7", Number: "#1007"}, nil }}},
	} {
		s := &normaliser{}
		of := c.of
		if of == "" {
			of = "f"
		}
		j := &Job{Work: &waxwing.Work{Format: of, Shop: "main"}, Settings: &Settings{Formats: map[string]waxwing.Format{"f": c.f}}}
		d, err := s.Run(t.Context(), j)
		if d != c.want || errors.Is(err, waxwing.ErrUnavailable) != c.again || err != nil && !c.again {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
		if good := d.To == "" && !c.again; good != (j.Order != nil) || good && (j.Order.Shop != "main" || !j.Found.Whole || !slices.Equal(j.Found.Order, []string{"#1007", "7"})) {
			t.Errorf("%s: %+v %+v", name, j.Order, j.Found)
		}
	}
}
