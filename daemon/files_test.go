package daemon

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
)

// filesOf is a configuration with these plugins of each tenant as files.
func filesOf(tenants ...string) *config.Config {
	all := map[string]config.Tenant{}
	for _, name := range tenants {
		all[name] = config.Tenant{Plugins: map[string]config.Plugin{"hello": {File: name + ".wasm"}, "uploaded": {}}}
	}
	return configtest.With(all)
}

// TestFilesAreTriedAgain: a daemon that starts on a machine that is too busy to check a
// plugin has it some time later, and not only after its next start.
func TestFilesAreTriedAgain(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	busy := &waxwing.LaterError{After: 30 * time.Second, Text: "the machine was too busy"}
	for _, x := range []struct {
		name    string
		faults  []error        // of the tenant acme's file, one after the other
		between *config.Config // comes meanwhile, as a reload
		gone    string         // a tenant that it removes
		want    []string       // what was put or tried, in order
		took    time.Duration  // until the round ended
	}{
		{"at once", nil, nil, "", []string{"acme.wasm", "bird.wasm"}, 0},
		{"busy twice", []error{busy, busy}, nil, "", []string{"acme.wasm", "bird.wasm", "acme.wasm", "acme.wasm"}, time.Minute},
		{"spoiled", []error{errors.New("no module")}, nil, "", []string{"acme.wasm", "bird.wasm"}, 0},
		{"busy, then spoiled", []error{busy, errors.New("no module")}, nil, "", []string{"acme.wasm", "bird.wasm", "acme.wasm"}, 30 * time.Second},
		{"busy, and a newer configuration", []error{busy}, filesOf("acme"), "", []string{"acme.wasm", "bird.wasm", "acme.wasm"}, 30 * time.Second},
		{"busy, and the tenant is removed", []error{busy}, filesOf(), "acme", []string{"acme.wasm", "bird.wasm"}, 30 * time.Second},
		{"busy, and another tenant's", []error{busy}, filesOf("bird"), "", []string{"acme.wasm", "bird.wasm", "bird.wasm", "acme.wasm"}, 30 * time.Second},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var tried []string
				f := pluginFiles{}
				f.put = func(_ context.Context, tenant waxwing.TenantID, _ string, s config.Plugin) (err error) {
					tried = append(tried, s.File)
					if tenant == "acme" && len(x.faults) > 0 {
						err, x.faults = x.faults[0], x.faults[1:]
					}
					return err
				}
				began := time.Now()
				r := f.begin(filesOf("acme", "bird"))
				late := f.first(t.Context(), r, log)
				if x.between != nil {
					var gone []string
					if x.gone != "" {
						gone = append(gone, x.gone)
					}
					n := f.begin(x.between, gone...)
					f.rest(t.Context(), n, f.first(t.Context(), n, log), log)
				}
				if !f.pending() {
					t.Error("nothing is pending before the round has ended")
				}
				f.rest(t.Context(), r, late, log)
				if f.pending() {
					t.Error("something is pending behind the last round")
				}
				if !slices.Equal(tried, x.want) || time.Since(began) != x.took {
					t.Errorf("%v after %s, not %v after %s", tried, time.Since(began), x.want, x.took)
				}
			})
		})
	}
}

// TestFilesEndWithTheDaemon: what is tried again does not keep a daemon from stopping.
func TestFilesEndWithTheDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		f := pluginFiles{put: func(context.Context, waxwing.TenantID, string, config.Plugin) error {
			return &waxwing.LaterError{After: time.Hour}
		}}
		log := slog.New(slog.DiscardHandler)
		r := f.begin(filesOf("acme"))
		late := f.first(ctx, r, log)
		time.AfterFunc(time.Second, stop)
		began := time.Now()
		if f.rest(ctx, r, late, log); time.Since(began) != time.Second {
			t.Errorf("it ended after %s", time.Since(began))
		}
	})
}
