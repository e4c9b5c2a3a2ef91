package orders

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/compose"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/templates"
)

// Import brings the orders of a file.
type Import struct {
	shopFlags
	fileFlags
	File    string `arg:"" help:"A .csv or .tsv file with the columns' names in its first row, or JSON, one event a line or a list of them."`
	Send    bool   `help:"Have the daemon accept them. Without it, only what would be sent is shown."`
	Topic   string `help:"The webhook's topic, where the events do not show it." placeholder:"orders/paid"`
	Rate    int    `help:"How many a second, at most." default:"50"`
	Samples string `help:"A folder for the mails of ten of the orders, as .html, to look at before anything is sent." placeholder:"DIR" type:"path"`
	URL     string `default:"http://127.0.0.1:8080" env:"WAXWING_URL" help:"The daemon."`
	Key     string `env:"WAXWING_KEY" help:"The tenant's API key; better given in the environment." placeholder:"KEY"`
}

// Help gives examples.
func (Import) Help() string {
	return "The shop's format reads the events; a CSV file's rows are objects of their columns, which a shop of format mapping reads, with the rows of one\n" +
		"order under rows. Orders that are known already are not confirmed again, so that a file may be imported twice; one that was broken off\n" +
		"goes on where it was. What is older than the tenant's max_age is held until somebody releases it.\n\n" +
		examples("waxwing import orders.jsonl -c waxwing.yaml --shop web   # only show", "waxwing import orders.csv -c waxwing.yaml --shop market --group order_id --samples look",
			"WAXWING_KEY=... waxwing import orders.csv -c waxwing.yaml --shop market --group order_id --send --rate 20")
}

// Run shows what would be sent, or sends it.
func (c Import) Run(s Streams) error {
	x, err := c.choose()
	if err != nil {
		return err
	}
	if c.Rate < 1 {
		return errors.New("--rate is not above 0")
	}
	if !c.Send {
		return c.show(x, s)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	return c.send(ctx, x, s)
}

// show is the dry run.
func (c Import) show(x chosen, s Streams) error {
	v := newSurvey(x)
	err := c.records(c.File, func(r record) error {
		v.add(c.place(r), c.Topic, r.raw)
		return nil
	}, func(line int, err error) { v.spoil(fmt.Sprintf("%s:%d", c.File, line), err) })
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	_, _ = fmt.Fprintf(s.Out, "%s, for %s/%s. Nothing is sent.\n\n", c.File, x.tenant, x.shop)
	if err := v.print(s.Out); err != nil {
		return err
	}
	if c.Samples != "" {
		if err := c.render(v, s); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(s.Out, "\nAdd --send to have the daemon at %s accept them, %d a second at most.\n", c.URL, c.Rate)
	return err
}

// place is where an event stands in its file.
func (c Import) place(r record) string {
	if r.line > 0 {
		return fmt.Sprintf("%s:%d", c.File, r.line)
	}
	return fmt.Sprintf("%s, event %d", c.File, r.n)
}

// render writes the mails of the samples.
func (c Import) render(v *survey, s Streams) error {
	m, err := compose.New(v.cfg, slog.New(slog.NewTextHandler(s.Err, nil)))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Samples, 0o700); err != nil {
		return err
	}
	for i, o := range v.samples {
		p, err := m.Preview(waxwing.TenantID(v.tenant), o, "")
		if err != nil {
			return fmt.Errorf("the mail of order %s: %w", remote.Printable(o.Number), err)
		}
		mail, err := p.Mail()
		if err != nil && !errors.As(err, new(*templates.FallbackError)) {
			return fmt.Errorf("the mail of order %s: %w", remote.Printable(o.Number), err)
		}
		name := filepath.Join(c.Samples, fmt.Sprintf("%02d.html", i+1))
		if err := os.WriteFile(name, mail.HTML, 0o600); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(s.Out, "  %s: %s\n", name, remote.Printable(mail.Subject))
	}
	return nil
}

// progress is how far a file was imported. It stands beside the file.
type progress struct {
	// Run is the hash of the whole file, of where it goes, and of how it is read: with anything else it begins anew.
	Run string `json:"run"`
	// Done is up to which event all were accepted.
	Done   int            `json:"done"`
	Became map[string]int `json:"became"`
}

// fingerprint names one import of one file.
func (c Import) fingerprint(x chosen) (string, error) {
	f, err := os.Open(c.File) // the user's own file
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	h := sha256.New()
	how, err := json.Marshal([]any{c.URL, x.tenant, x.shop, c.Topic, c.Group, x.settings.Format, x.settings.Mapping})
	if err != nil {
		return "", err
	}
	h.Write(how)
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func (p *progress) save(path string) error {
	b, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", append(b, '\n'), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// begin reads how far an earlier run came.
func (c Import) begin(x chosen, path string) (*progress, error) {
	mark, err := c.fingerprint(x)
	if err != nil {
		return nil, err
	}
	p := &progress{Run: mark, Became: map[string]int{}}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err != nil {
		return nil, err
	}
	var old progress
	if json.Unmarshal(b, &old) == nil && old.Run == p.Run && old.Became != nil {
		return &old, nil
	}
	return p, nil
}

// underWay is how many events are on their way to the daemon at once.
const underWay = 8

// send has the daemon accept the events.
func (c Import) send(ctx context.Context, x chosen, s Streams) error {
	path := c.File + ".progress"
	p, err := c.begin(x, path)
	if err != nil {
		return err
	}
	if p.Done > 0 {
		_, _ = fmt.Fprintf(s.Err, "Going on behind event %d, where the last run ended (%s).\n", p.Done, path)
	}
	snd := &sender{c: c, x: x, p: p, path: path, errs: s.Err, began: time.Now()}
	ctx, snd.cancel = context.WithCancelCause(ctx)
	w := source.NewWindow(ctx, snd.accept, underWay, snd.done)
	pace := time.NewTicker(time.Second / time.Duration(c.Rate))
	defer pace.Stop()
	seen, before := 0, p.Done // which moves on from now on
	err = c.records(c.File, func(r record) error {
		if seen = r.n; r.n <= before {
			return nil
		}
		select {
		case <-pace.C:
		case <-w.Context().Done():
		}
		return w.Put(r.n, source.Event{Tenant: waxwing.TenantID(x.tenant), Shop: waxwing.ShopID(x.shop), Topic: c.place(r), Raw: r.raw})
	}, func(line int, err error) { snd.spoil(fmt.Sprintf("%s:%d", c.File, line), err) })
	cause := w.Wait()
	return snd.end(seen, errors.Join(cause, readError(c.File, err)))
}

// readError is one of reading, and not the window's end.
func readError(file string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return nil
	}
	return fmt.Errorf("%s: %w", file, err)
}

// sender hands events to a daemon and counts what becomes of them.
type sender struct {
	c      Import
	x      chosen
	path   string
	errs   io.Writer
	began  time.Time
	cancel context.CancelCauseFunc

	mu    sync.Mutex
	p     *progress
	last  time.Time // when progress was last told
	start int
	away  bool
}

// accept is source.Accept: topic is the event's place in the file.
func (s *sender) accept(_ context.Context, _ waxwing.TenantID, _ waxwing.ShopID, place string, raw []byte) (rc waxwing.Receipt, err error) {
	var said struct{ State string }
	to := remote.Flags{URL: s.c.URL, Tenant: s.x.tenant, Key: s.c.Key}
	query := ""
	if s.c.Topic != "" {
		query = "?topic=" + url.QueryEscape(s.c.Topic)
	}
	err = to.Call(http.MethodPost, "/shops/"+url.PathEscape(s.x.shop)+"/events"+query, "application/json", raw, &said)
	var away remote.AwayError
	switch {
	case errors.As(err, &away):
		s.tellAway(err)
		return rc, fmt.Errorf("%w: %w", waxwing.ErrUnavailable, err)
	case err != nil && strings.Contains(err.Error(), "too large"):
		s.spoil(place, err)
		return rc, nil
	case err != nil:
		s.cancel(fmt.Errorf("%s: %w", place, err))
		return rc, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = false
	s.p.Became[said.State]++
	return rc, nil
}

func (s *sender) tellAway(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.away {
		_, _ = fmt.Fprintf(s.errs, "%v. Waiting for it.\n", err)
	}
	s.away = true
}

func (s *sender) spoil(place string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p.Became["not sent"]++
	_, _ = fmt.Fprintf(s.errs, "%s: not sent: %s\n", place, remote.Printable(bare(err)))
}

// done notes that all up to an event were accepted.
func (s *sender) done(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.p.Done = n
	if s.start == 0 {
		s.start = n
	}
	if now := time.Now(); now.Sub(s.last) >= time.Second {
		s.last = now
		_ = s.p.save(s.path) // the last one counts
		_, _ = fmt.Fprintf(s.errs, "%d accepted, %.0f/s\n", n, float64(n-s.start)/max(now.Sub(s.began).Seconds(), 0.001))
	}
}

// end tells what came of it.
func (s *sender) end(seen int, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	// When it is through, the same command begins anew: what is known is absorbed.
	saved := s.p.save(s.path)
	if err == nil {
		if saved = os.Remove(s.path); saved != nil && errors.Is(saved, fs.ErrNotExist) {
			saved = nil
		}
	}
	if err == nil {
		err = saved
	}
	_, _ = fmt.Fprintf(s.errs, "%d of %d events were accepted:", s.p.Done, seen)
	for _, k := range sortedKeys(s.p.Became) {
		_, _ = fmt.Fprintf(s.errs, " %d %s;", s.p.Became[k], k)
	}
	_, _ = fmt.Fprintln(s.errs)
	if errors.Is(err, context.Canceled) {
		return fmt.Errorf("interrupted: the same command goes on behind event %d", s.p.Done)
	}
	if n := s.p.Became["not sent"]; n > 0 && err == nil {
		return fmt.Errorf("%s not sent", some(n, "event"))
	}
	return err
}
