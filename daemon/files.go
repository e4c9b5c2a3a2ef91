package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/plugins"
)

// pluginFiles puts those plugins that the configuration names as files. A configuration is
// a round; of a tenant's, the last one counts, whichever comes to its turn first.
type pluginFiles struct {
	put func(ctx context.Context, t waxwing.TenantID, name string, s config.Plugin) error

	mu     sync.Mutex
	newest int                      // the number of the last round
	of     map[waxwing.TenantID]int // the last round that spoke of a tenant
	open   int                      // rounds of which something has yet to be put
}

// fileRound is one configuration's files.
type fileRound struct {
	no      int
	tenants map[string]config.Tenant
}

// begin makes a round of these tenants' files, and lets go of what earlier ones have yet to
// put of them and of those that are gone. first and rest must follow, which end it.
func (f *pluginFiles) begin(c *config.Config, gone ...string) fileRound {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.newest++
	f.open++
	if f.of == nil {
		f.of = map[waxwing.TenantID]int{}
	}
	for name := range c.Tenants {
		f.of[waxwing.TenantID(name)] = f.newest
	}
	for _, name := range gone {
		delete(f.of, waxwing.TenantID(name))
	}
	return fileRound{f.newest, c.Tenants}
}

// pending reports whether something of a round has yet to be put.
func (f *pluginFiles) pending() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.open > 0
}

func (f *pluginFiles) counts(r fileRound, t waxwing.TenantID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.of[t] == r.no
}

// lateFile is a plugin that could not be checked now.
type lateFile struct {
	tenant, name string
	at           time.Time // when to try again
}

// first puts a round's files, and gives back those that must be tried again later: the
// machine was too busy to check them, or their tenant has used its time for that.
func (f *pluginFiles) first(ctx context.Context, r fileRound, log *slog.Logger) (late []lateFile) {
	for _, name := range sortedNames(r.tenants) {
		for _, p := range sortedNames(r.tenants[name].Plugins) {
			late = f.one(ctx, r, lateFile{tenant: name, name: p}, log, late)
		}
	}
	return late
}

// rest tries again what was late, until all of it is put or refused, and ends the round.
func (f *pluginFiles) rest(ctx context.Context, r fileRound, late []lateFile, log *slog.Logger) {
	defer func() {
		f.mu.Lock()
		f.open--
		f.mu.Unlock()
	}()
	for len(late) > 0 {
		next := late[0]
		for _, l := range late[1:] {
			if l.at.Before(next.at) {
				next = l
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Until(next.at)):
		}
		var still []lateFile
		for _, l := range late {
			if l == next {
				still = f.one(ctx, r, l, log, still)
			} else {
				still = append(still, l)
			}
		}
		late = still
	}
}

// one puts one file of a round, and appends it to late where it must be tried again.
func (f *pluginFiles) one(ctx context.Context, r fileRound, l lateFile, log *slog.Logger, late []lateFile) []lateFile {
	t, s := waxwing.TenantID(l.tenant), r.tenants[l.tenant].Plugins[l.name]
	if s.File == "" || ctx.Err() != nil || !f.counts(r, t) {
		return late
	}
	err := f.put(ctx, t, l.name, s)
	if err == nil || ctx.Err() != nil {
		return late
	}
	log = log.With("tenant", l.tenant, "plugin", l.name, "file", s.File, "err", err)
	var later *waxwing.LaterError
	if !errors.As(err, &later) {
		log.Error("a plugin is left out")
		return late
	}
	log.Warn("a plugin is left out for now, and tried again", "after", later.After)
	l.at = time.Now().Add(later.After)
	return append(late, l)
}

// putFile puts a file that the host does not serve yet.
func (w *workshop) putFile(ctx context.Context, t waxwing.TenantID, name string, s config.Plugin) error {
	u := &plugins.Upload{Tenant: t, Name: name, Source: "file", Now: true, Signature: s.Signature}
	var err error
	if u.Manifest, err = os.ReadFile(s.Manifest); err != nil {
		return err
	}
	if u.Code, err = os.ReadFile(s.File); err != nil {
		return err
	}
	if w.host.Serves(t, name, u.Manifest, u.Code) {
		return nil
	}
	if w.host.RolledBack(t, name, u.Manifest, u.Code) {
		return errors.New("it was rolled back: put another version of it")
	}
	_, err = w.host.Put(ctx, u)
	return err
}
