package daemon

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
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
		if st := s.statuses()["tap"]; st.State != "reading" || st.Failures != 3 || st.Events["known"] != 1 || st.Last == nil || st.Lag != nil {
			t.Errorf("it is %+v", st)
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
		s := &sources{open: map[string]*reading{"tap": {Source: reuser{}}}, log: slog.New(slog.DiscardHandler)}
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

// shelved is a ledger's pages, and a source that keeps one and says how it is.
type shelved struct {
	pages map[string]string
	book  source.Book
	says  source.Status
}

func (s *shelved) Page(_ context.Context, name string) ([]byte, error) {
	return []byte(s.pages[name]), nil
}

func (s *shelved) SetPage(_ context.Context, name string, page []byte) error {
	s.pages[name] = string(page)
	return nil
}

func (s *shelved) Keep(b source.Book) { s.book = b }

func (s *shelved) Status() source.Status { return s.says }

func (s *shelved) Run(context.Context, source.Accept) error { return errors.New("the slot is gone") }

// TestSourcesKeepAPage: a source that remembers something has a page of its own name; how it is shows, and while it rests after a
// failure, why.
func TestSourcesKeepAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := &shelved{pages: map[string]string{"source/other": "not mine"}, says: source.Status{State: source.Starting, Lag: -1, Behind: 7, Position: "0/1", Gaps: 2}}
		s := &sources{open: map[string]*reading{"tap": {Source: x}}, log: slog.New(slog.DiscardHandler)}
		if err := s.keepIn(x); err != nil {
			t.Fatal(err)
		}
		if err := x.book.Write(t.Context(), []byte("here")); err != nil || x.pages["source/tap"] != "here" {
			t.Errorf("%v: %v", x.pages, err)
		}
		if b, err := x.book.Read(t.Context()); string(b) != "here" || err != nil {
			t.Errorf("%s, %v", b, err)
		}
		if err := s.keepIn(7); err == nil || !strings.Contains(err.Error(), "source tap: the ledger cannot keep") {
			t.Error(err)
		}
		ready := make(chan struct{})
		close(ready)
		s.run(t.Context(), ready, nil)
		synctest.Wait()
		if st := s.statuses()["tap"]; st.State != "failing" || st.Detail != "the slot is gone" || st.Lag != nil || *st.Behind != 7 || st.Gaps != 2 {
			t.Errorf("it is %+v", st)
		}
		x.says.State, x.says.Lag, x.says.Detail = source.Gap, time.Second, "the slot is lost"
		if st := s.statuses()["tap"]; st.State != "gap" || st.Detail != "the slot is lost" || *st.Lag != 1 || st.Failures != 1 {
			t.Errorf("it is %+v", st)
		}
		s.stop()
	})
}

// listing is a source that can be asked for its orders.
type listing struct{ drip }

func (*listing) List(_ context.Context, _ string, _ time.Time, each func(source.Event) error) error {
	for _, id := range []string{"1", "2", "3"} {
		if err := each(source.Event{Tenant: "acme", Shop: "till", Raw: []byte(id)}); err != nil {
			return err
		}
	}
	return nil
}

// TestSourcesReconcile: orders that the ledger does not know are counted at each round, and named.
func TestSourcesReconcile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logged strings.Builder
		x := &listing{}
		var known atomic.Int64
		known.Store(1)
		s := &sources{open: map[string]*reading{"tap": {Source: x, list: x, every: time.Hour}}, log: slog.New(slog.NewTextHandler(&logged, nil)),
			books: &source.Books{Key: func(ev source.Event) (waxwing.EventKey, error) { return waxwing.EventKey{OrderID: string(ev.Raw)}, nil },
				Known: func(_ context.Context, _ waxwing.TenantID, list []waxwing.OrderRef) ([]*waxwing.ConfirmationView, error) {
					out := make([]*waxwing.ConfirmationView, len(list))
					for i := range min(int(known.Load()), len(list)) {
						out[i] = &waxwing.ConfirmationView{State: waxwing.Sent}
					}
					return out, nil
				}}}
		s.run(t.Context(), nil, nil)
		time.Sleep(firstHeld + time.Second) // of the bubble's clock
		synctest.Wait()
		if st := s.statuses()["tap"]; len(st.Without) != 1 || st.Without[0].Orders != 2 || !strings.Contains(logged.String(), "order=3") || strings.Contains(logged.String(), "order=1") {
			t.Errorf("%+v: %s", st, logged.String())
		}
		known.Store(3)
		time.Sleep(time.Hour + time.Second) // of the bubble's clock
		synctest.Wait()
		if st := s.statuses()["tap"]; len(st.Without) != 1 || st.Without[0].Orders != 0 {
			t.Errorf("%+v", st)
		}
		s.stop()
	})
}
