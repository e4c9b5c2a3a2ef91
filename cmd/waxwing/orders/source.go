package orders

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/web/metrics"
)

// Source are the commands about what events are read from.
type Source struct {
	Check  SourceCheck  `cmd:"" help:"Look whether a source can be read: rights, settings, what must be there. Nothing is changed."`
	Setup  SourceSetup  `cmd:"" help:"Make what a source needs in the shop's database, printing each statement."`
	Status SourceStatus `cmd:"" help:"Ask a running daemon how it stands with its sources: state, position, lag, last event."`
}

// sourceFlags name sources of a configuration.
type sourceFlags struct {
	configFlag
	Source string `arg:"" optional:"" help:"The source; all of them where none is named."`
}

// named are the sources that are meant, by name.
func (f sourceFlags) named() (map[string]config.Source, error) {
	c, err := f.load()
	if err != nil {
		return nil, err
	}
	if f.Source == "" {
		if len(c.Sources) == 0 {
			return nil, fmt.Errorf("%s has no sources", f.Config)
		}
		return c.Sources, nil
	}
	s, ok := c.Sources[f.Source]
	if !ok {
		return nil, fmt.Errorf("%s has no source %q; there are %s", f.Config, f.Source, strings.Join(slices.Sorted(maps.Keys(c.Sources)), ", "))
	}
	return map[string]config.Source{f.Source: s}, nil
}

// patience is how long looking at one source may take, and setting it up.
const patience = time.Minute

// SourceCheck looks at sources.
type SourceCheck struct{ sourceFlags }

// Help gives examples.
func (SourceCheck) Help() string {
	return "The status is 1 where something is not as it must be; what to do stands below it.\n\n" +
		examples("waxwing source check -c waxwing.yaml", "waxwing source check shop-db -c waxwing.yaml")
}

// Run prints what was found.
func (c SourceCheck) Run(s Streams) error {
	all, err := c.named()
	if err != nil {
		return err
	}
	wrong := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		n, err := examine(s.Out, name, all[name])
		if err != nil {
			return fmt.Errorf("source %s: %w", name, err)
		}
		wrong += n
	}
	if wrong > 0 {
		return fmt.Errorf("%s not as it must be", are(wrong))
	}
	return nil
}

func are(n int) string {
	if n == 1 {
		return "1 thing is"
	}
	return fmt.Sprintf("%d things are", n)
}

// examine prints what was found at one source, and counts what is wrong.
func examine(out io.Writer, name string, x config.Source) (wrong int, err error) {
	_, _ = fmt.Fprintf(out, "source %s (%s)\n", name, x.Type)
	c, ok := x.Settings.(source.Checker)
	if !ok {
		_, err = fmt.Fprintln(out, "  -     there is nothing to look at before it runs")
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	found, err := c.Examine(ctx, name)
	if err != nil {
		return 0, err
	}
	for _, f := range found {
		mark := "ok  "
		if !f.OK {
			mark = "FAIL"
			wrong++
		}
		_, err = fmt.Fprintf(out, "  %s  %s\n", mark, f.What)
		if !f.OK && f.Remedy != "" {
			_, err = fmt.Fprintf(out, "        %s\n", strings.ReplaceAll(strings.TrimSpace(f.Remedy), "\n", "\n        "))
		}
	}
	return wrong, err
}

// SourceSetup sets a source up.
type SourceSetup struct {
	sourceFlags
	DryRun bool `help:"Print the statements and run none."`
}

// Help gives examples.
func (SourceSetup) Help() string {
	return "It may be run again: what is there already stays.\n\n" +
		examples("waxwing source setup shop-db -c waxwing.yaml --dry-run", "waxwing source setup shop-db -c waxwing.yaml && waxwing source check shop-db -c waxwing.yaml")
}

// Run prints and runs the statements.
func (c SourceSetup) Run(s Streams) error {
	all, err := c.named()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		_, _ = fmt.Fprintf(s.Out, "-- source %s (%s)\n", name, all[name].Type)
		x, ok := all[name].Settings.(source.Checker)
		if !ok {
			_, _ = fmt.Fprintln(s.Out, "-- it needs nothing")
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := x.Setup(ctx, name, c.DryRun, s.Out)
		cancel()
		if err != nil {
			return fmt.Errorf("source %s: %w", name, err)
		}
	}
	return nil
}

// SourceStatus asks a daemon.
type SourceStatus struct {
	URL   string        `default:"http://127.0.0.1:8080" env:"WAXWING_URL" help:"The daemon."`
	Key   string        `env:"WAXWING_KEY" help:"An admin key, where the daemon has any; better given in the environment." placeholder:"KEY"`
	Watch time.Duration `help:"Show it anew this often, until interrupted." placeholder:"2s"`
	JSON  bool          `name:"json" help:"Print JSON."`
}

// Help gives examples.
func (SourceStatus) Help() string {
	return "The status is 1 where a source fails or has a gap.\n\n" + examples("waxwing source status", "waxwing source status --watch 2s", "waxwing source status --json")
}

// Run prints a line for each source.
func (c SourceStatus) Run(s Streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	for {
		all, raw, err := c.ask(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			_, err = s.Out.Write(raw)
		} else {
			err = showSources(s.Out, all)
		}
		if err != nil || c.Watch <= 0 {
			return cmp.Or(err, sick(all))
		}
		again := time.NewTimer(c.Watch)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil
		}
	}
}

// sick names the sources that need somebody.
func sick(all map[string]metrics.Source) error {
	var bad []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if st := all[name].State; st == string(source.Failing) || st == string(source.Gap) {
			bad = append(bad, name+" is "+st)
		}
	}
	if len(bad) == 0 {
		return nil
	}
	return errors.New(strings.Join(bad, ", "))
}

func showSources(out io.Writer, all map[string]metrics.Source) error {
	if len(all) == 0 {
		_, err := fmt.Fprintln(out, "The daemon has no sources beside webhooks and the API.")
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, err := fmt.Fprintf(out, "%s: %s\n", name, remote.Printable(all[name].Line(time.Now()))); err != nil {
			return err
		}
	}
	return nil
}

func (c SourceStatus) ask(ctx context.Context) (map[string]metrics.Source, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.URL, "/")+"/readyz?verbose", nil)
	if err != nil {
		return nil, nil, fmt.Errorf("--url (or WAXWING_URL): %w", err)
	}
	req.Header.Set("Accept", "application/json")
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	res, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return nil, nil, fmt.Errorf("the daemon at %s cannot be reached: %w", c.URL, err)
	}
	defer func() { _ = res.Body.Close() }() // only read
	raw, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return nil, nil, fmt.Errorf("the daemon at %s broke off its answer: %w", c.URL, err)
	}
	if res.StatusCode == http.StatusUnauthorized {
		return nil, nil, errors.New("the daemon shows its sources to admin keys alone: set --key (or WAXWING_KEY)")
	}
	var said struct {
		Ready   *bool
		Sources map[string]metrics.Source
	}
	if json.Unmarshal(raw, &said) != nil || said.Ready == nil {
		return nil, nil, fmt.Errorf("%s: is there a Waxwing at %s?", res.Status, c.URL)
	}
	return said.Sources, raw, nil
}
