package daemon

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/source"
)

// drip is a source of a test's: it brings an event, and fails.
type drip struct {
	// Text is what it brings.
	Text string `yaml:"text"`

	fails int
}

func (*drip) Check(*config.Report) {}

// Run brings the text; from then on it only waits.
func (d *drip) Run(ctx context.Context, accept source.Accept) error {
	if d.fails--; d.fails >= 0 {
		return errors.New("dry")
	}
	if _, err := accept(ctx, "acme", "till", "order", []byte(d.Text)); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

func dripType(fails int) sourceType {
	return sourceOf(config.Component{Name: "drip", Settings: func() config.Block { return &drip{} }}, func(d *drip, _ string, _ *slog.Logger) (*drip, error) {
		if d.Text == "never" {
			return nil, errors.New("nothing drips")
		}
		d.fails = fails
		return d, nil
	})
}

func sourceConfig(t *testing.T, text string) *config.Config {
	t.Helper()
	r := Components()
	r.Sources = components([]sourceType{dripType(0)}, func(t sourceType) config.Component { return t.Component })
	return configtest.Load(t, r, `providers: {mail: {type: smtp, addr: "mail.example:25"}}
tenants: {acme: {name: Acme, from: orders@acme.example}}
sources: {tap: {type: drip, text: `+text+`}}
`)
}

// TestSourcesRun: a source that fails is run anew, each time later, and stop waits for it.
func TestSourcesRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := openSources(sourceConfig(t, "hello"), []sourceType{dripType(3)}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		var got string
		ready := make(chan struct{})
		close(ready)
		s.run(t.Context(), ready, func(_ context.Context, ev *waxwing.Event) (waxwing.Receipt, error) {
			got = strings.Join([]string{string(ev.Tenant), string(ev.Shop), ev.Source, ev.Topic, string(ev.Raw), time.Since(began).String()}, " ")
			return waxwing.Receipt{}, nil
		})
		time.Sleep(8 * time.Second) // of the bubble's clock
		synctest.Wait()
		s.stop()
		if got != "acme till tap order hello 7s" {
			t.Error(got)
		}
	})
}

// reuser is a source that reads each event into the same room.
type reuser struct{}

// Run brings two events and waits.
func (reuser) Run(ctx context.Context, accept source.Accept) error {
	room := []byte("first")
	for _, s := range []string{"first", "other"} {
		copy(room, s)
		if _, err := accept(ctx, "acme", "till", "order", room); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return nil
}

// TestSourcesKeepTheirBytes: what was accepted is not the source's room, which it may fill anew.
func TestSourcesKeepTheirBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sources{open: map[string]source.Source{"tap": reuser{}}, log: slog.New(slog.DiscardHandler)}
		ready := make(chan struct{})
		close(ready)
		var got []*waxwing.Event
		s.run(t.Context(), ready, func(_ context.Context, ev *waxwing.Event) (waxwing.Receipt, error) {
			got = append(got, ev)
			return waxwing.Receipt{}, nil
		})
		synctest.Wait()
		s.stop()
		if len(got) != 2 || string(got[0].Raw) != "first" || string(got[1].Raw) != "other" {
			t.Errorf("%d events", len(got))
			for _, ev := range got {
				t.Errorf("%q", ev.Raw)
			}
		}
	})
}

func TestSourcesOpen(t *testing.T) {
	if _, err := openSources(sourceConfig(t, "never"), []sourceType{dripType(0)}, nil); err == nil || err.Error() != "source tap: nothing drips" {
		t.Error(err)
	}
	if _, err := openSources(sourceConfig(t, "x"), nil, nil); err == nil || err.Error() != `source tap: there is no type "drip"` {
		t.Error(err)
	}
	var none *sources
	none.stop()
}
