package web

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Workshop takes plugins in and changes what serves.
type Workshop interface {
	// Put checks, tries and records a version. One that is refused is returned
	// with a permanent error that names every breach.
	Put(ctx context.Context, u *waxwing.PluginUpload) (waxwing.PluginVersion, error)
	// RollBack puts the version before the one that serves back at once.
	RollBack(tenant waxwing.TenantID, name string) (waxwing.PluginVersion, error)
	// Promote lets the version in shadow or canary serve all orders at once.
	Promote(tenant waxwing.TenantID, name string) (waxwing.PluginVersion, error)
	// Withdraw takes a plugin out of service; its versions stay on record.
	Withdraw(tenant waxwing.TenantID, name string) error
	// Approve starts the life of the version no, which waits, because by approves of
	// the needs that it asks for.
	Approve(tenant waxwing.TenantID, name string, no int, needs []string, by waxwing.Actor) (waxwing.PluginVersion, error)
}

// Shelves is what is kept of plugins: the ledger.
type Shelves interface {
	// PluginVersions are those of a tenant, oldest first.
	PluginVersions(ctx context.Context, tenant waxwing.TenantID) ([]waxwing.PluginVersion, error)
	// PluginModule is the code of a hash, as its author sent it.
	PluginModule(ctx context.Context, hash string) ([]byte, error)
	// PluginRuns lists runs of a plugin, or of all, from below an id, newest first, without what they hold.
	PluginRuns(ctx context.Context, tenant waxwing.TenantID, plugin string, before int64, limit int) ([]waxwing.Run, error)
	// PluginRunsFull gives runs whole, from above an id, oldest first.
	PluginRunsFull(ctx context.Context, tenant waxwing.TenantID, plugin string, after int64, limit int) ([]waxwing.Run, error)
	// PluginRun gives one run whole: ErrNotFound for another tenant's.
	PluginRun(ctx context.Context, tenant waxwing.TenantID, id int64) (*waxwing.Run, error)
}

// plugins takes the tenants' plugins in, changes what serves, and shows what they did.
type plugins struct {
	api      *api
	workshop Workshop // nil: plugins are off
	shelves  Shelves  // likewise
	uses     func(waxwing.TenantID) waxwing.TenantUse
	uploads  sync.Map // TenantID: a plugin is being put
}

func (x *plugins) routes(m *http.ServeMux) {
	const t = ofTenant
	m.HandleFunc("GET "+t+"/plugins", x.shown(x.list))
	m.HandleFunc("PUT "+t+"/plugins/{name}", x.changed(x.put))
	m.HandleFunc("DELETE "+t+"/plugins/{name}", x.changed(x.withdraw))
	m.HandleFunc("POST "+t+"/plugins/{name}/rollback", x.changed(x.rollBack))
	m.HandleFunc("POST "+t+"/plugins/{name}/promote", x.changed(x.promote))
	m.HandleFunc("POST "+t+"/plugins/{name}/approve", x.changed(x.approve))
	m.HandleFunc("GET "+t+"/plugins/{name}/versions", x.shown(x.versions))
	m.HandleFunc("GET "+t+"/plugins/{name}/versions/{no}/module", x.shown(x.module))
	m.HandleFunc("GET "+t+"/plugins/{name}/runs", x.shown(x.runs))
	m.HandleFunc("GET "+t+"/plugins/{name}/runs/{id}", x.shown(x.run))
	m.HandleFunc("GET "+t+"/plugins/{name}/logs", x.shown(x.logs))
}

var errOff = fault{http.StatusNotFound, "not found", "plugins are off"}

// changed is a route that changes plugins, shown one that shows them.
func (x *plugins) changed(h handler) http.HandlerFunc {
	return x.api.of(func(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
		if x.workshop == nil {
			return errOff
		}
		return h(w, r, t)
	})
}

func (x *plugins) shown(h handler) http.HandlerFunc {
	return x.api.of(func(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
		if x.shelves == nil {
			return errOff
		}
		return h(w, r, t)
	})
}

// pluginView is one plugin in the list of a tenant's.
type pluginView struct {
	Name      string                 `json:"name"`
	Active    *waxwing.PluginVersion `json:"active,omitempty"`
	Candidate *waxwing.PluginVersion `json:"candidate,omitempty"` // in shadow or canary
	Waiting   *waxwing.PluginVersion `json:"waiting,omitempty"`   // for a person's approval
	Versions  int                    `json:"versions"`
	Use       *waxwing.PluginUse     `json:"use,omitempty"` // since the daemon's start
}

func (x *plugins) list(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	if _, err := numbers(r); err != nil {
		return err
	}
	all, err := x.shelves.PluginVersions(r.Context(), t)
	if err != nil {
		return err
	}
	out := []pluginView{}
	for i := range all {
		v := &all[i]
		at := slices.IndexFunc(out, func(p pluginView) bool { return p.Name == v.Plugin })
		if at < 0 {
			at, out = len(out), append(out, pluginView{Name: v.Plugin})
		}
		out[at].Versions++
		switch v.State {
		case waxwing.PluginActive:
			out[at].Active = v
		case waxwing.PluginShadow, waxwing.PluginCanary:
			out[at].Candidate = v
		case waxwing.PluginWaiting:
			out[at].Waiting = v
		}
	}
	slices.SortFunc(out, func(a, b pluginView) int { return strings.Compare(a.Name, b.Name) })
	answer := map[string]any{"plugins": out}
	if x.uses != nil {
		answer["use"] = withUses(out, x.uses(t))
	}
	return writeJSON(w, http.StatusOK, answer)
}

// withUses puts what each plugin has taken beside it, and gives what all of them have.
func withUses(out []pluginView, u waxwing.TenantUse) waxwing.TenantUse {
	for i := range out {
		if at := slices.IndexFunc(u.Plugins, func(p waxwing.PluginUse) bool { return p.Plugin == out[i].Name }); at >= 0 {
			out[i].Use = &u.Plugins[at]
		}
	}
	return u
}

// versionsOf gives the versions of the plugin that the path names.
func (x *plugins) versionsOf(r *http.Request, t waxwing.TenantID) ([]waxwing.PluginVersion, error) {
	all, err := x.shelves.PluginVersions(r.Context(), t)
	if err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	all = slices.DeleteFunc(all, func(v waxwing.PluginVersion) bool { return v.Plugin != name })
	if len(all) == 0 {
		return nil, fmt.Errorf("plugin: %w", waxwing.ErrNotFound)
	}
	return all, nil
}

func (x *plugins) versions(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	if _, err := numbers(r); err != nil {
		return err
	}
	all, err := x.versionsOf(r, t)
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b waxwing.PluginVersion) int { return b.No - a.No })
	return writeJSON(w, http.StatusOK, map[string]any{"versions": all})
}

// module gives a version's code. The version is looked for in the tenant: the
// code of a hash is kept once for all of them.
func (x *plugins) module(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	all, err := x.versionsOf(r, t)
	if err != nil {
		return err
	}
	no, err := strconv.Atoi(r.PathValue("no"))
	i := slices.IndexFunc(all, func(v waxwing.PluginVersion) bool { return v.No == no })
	if err != nil || i < 0 {
		return fmt.Errorf("version: %w", waxwing.ErrNotFound)
	}
	code, err := x.shelves.PluginModule(r.Context(), all[i].Hash)
	if err != nil {
		return err
	}
	ext := "wasm"
	if all[i].Lang == "js" {
		ext = "js"
	}
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Disposition", fmt.Sprintf(`attachment; filename="%s-%d.%s"`, all[i].Plugin, no, ext))
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(code)
	return nil
}

func (x *plugins) rollBack(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	v, err := x.workshop.RollBack(t, r.PathValue("name"))
	if err != nil {
		return err
	}
	x.acted("plugin rolled back by hand", r, t, v.Plugin, v.No)
	return writeJSON(w, http.StatusOK, v)
}

func (x *plugins) promote(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	v, err := x.workshop.Promote(t, r.PathValue("name"))
	if err != nil {
		return err
	}
	x.acted("plugin promoted by hand", r, t, v.Plugin, v.No)
	return writeJSON(w, http.StatusOK, v)
}

// approve takes a person's approval of what a version asks to see. She names the
// version and its needs: what she has looked at is what begins to act.
func (x *plugins) approve(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	var body struct {
		Version int      `json:"version"`
		Needs   []string `json:"needs"`
	}
	if err := x.api.readSmall(w, r, &body); err != nil {
		return err
	}
	if body.Version < 1 || len(body.Needs) == 0 {
		return fault{http.StatusBadRequest, "bad approval", `send {"version": NO, "needs": [...]}, as GET .../versions shows them: no, unapproved`}
	}
	act, err := x.api.doors.act(r, t, "")
	if err != nil {
		return err
	}
	v, err := x.workshop.Approve(t, r.PathValue("name"), body.Version, body.Needs, act.By)
	if err != nil {
		return err
	}
	x.acted("plugin's needs approved", r, t, v.Plugin, v.No)
	return writeJSON(w, http.StatusOK, v)
}

func (x *plugins) withdraw(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	if err := x.workshop.Withdraw(t, r.PathValue("name")); err != nil {
		return err
	}
	x.acted("plugin withdrawn by hand", r, t, r.PathValue("name"), 0)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// acted logs who changed what serves the tenant's orders.
func (x *plugins) acted(what string, r *http.Request, t waxwing.TenantID, name string, no int) {
	act, _ := x.api.doors.act(r, t, "") // no reason, nothing to refuse
	x.api.log.Info(what, "tenant", t, "by", act.By, "plugin", name, "version", no)
}

// numbers reads a query's parameters, which are numbers from 1 (after: 0); one
// that is not among the names is a mistake.
func numbers(r *http.Request, names ...string) (map[string]int64, error) {
	out := map[string]int64{}
	for k, v := range r.URL.Query() {
		if !slices.Contains(names, k) {
			return nil, fault{http.StatusBadRequest, "unknown parameter", fmt.Sprintf("%.40q; known are %q", k, names)}
		}
		n, err := strconv.ParseInt(v[0], 10, 64)
		switch {
		case k == "limit" && (err != nil || n < 1 || n > maxRuns):
			return nil, fault{http.StatusBadRequest, "bad parameter", fmt.Sprintf("limit: a number from 1 to %d", maxRuns)}
		case err != nil || n < 0 || n == 0 && k != "after":
			return nil, fault{http.StatusBadRequest, "bad parameter", k + ": a run's id"}
		}
		out[k] = n
	}
	if out["limit"] == 0 {
		out["limit"] = 50
	}
	return out, nil
}

// maxRuns is how many runs one answer has at most: whole ones are large.
const maxRuns = 200

// runView is a run as its author sees it.
type runView struct {
	ID           int64        `json:"id"`
	At           time.Time    `json:"at"`
	Confirmation waxwing.ID   `json:"confirmation"`
	Hook         waxwing.Hook `json:"hook"`
	Role         string       `json:"role"`
	Hash         string       `json:"hash"`
	Fuel         int64        `json:"fuel"`
	Micros       int64        `json:"micros"`
	Fault        string       `json:"fault,omitempty"`
	*runBody
}

// runBody is what only one run at a time is shown with.
type runBody struct {
	Seed   string `json:"seed"`
	Costs  int    `json:"costs"`
	Left   string `json:"left_out,omitempty"` // what of it was not kept, and why
	Input  any    `json:"input"`
	Output any    `json:"output"`
	Log    string `json:"log"`
}

func viewRun(r *waxwing.Run) runView {
	return runView{ID: r.ID, At: r.At, Confirmation: r.Confirmation, Hook: r.Hook, Role: r.Role, Hash: r.Hash, Fuel: r.Fuel, Micros: r.Micros,
		Fault: r.Fault}
}

func (x *plugins) runs(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	q, err := numbers(r, "before", "limit")
	if err != nil {
		return err
	}
	if _, err := x.versionsOf(r, t); err != nil {
		return err
	}
	found, err := x.shelves.PluginRuns(r.Context(), t, r.PathValue("name"), q["before"], int(q["limit"]))
	if err != nil {
		return err
	}
	answer := struct {
		Runs   []runView `json:"runs"`
		Before int64     `json:"before,omitempty"`
	}{Runs: []runView{}}
	for i := range found {
		answer.Runs = append(answer.Runs, viewRun(&found[i]))
	}
	if n := len(found); n > 0 && n >= int(q["limit"]) {
		answer.Before = found[n-1].ID
	}
	return personal(w, answer)
}

func (x *plugins) run(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err != nil {
		return fmt.Errorf("run: %w", waxwing.ErrNotFound)
	}
	run, err := x.shelves.PluginRun(r.Context(), t, id)
	if err == nil && run.Plugin != r.PathValue("name") {
		err = fmt.Errorf("run: %w", waxwing.ErrNotFound)
	}
	if err != nil {
		return err
	}
	v := viewRun(run)
	v.runBody = &runBody{run.Seed, run.Costs, run.Left, jsonOrText(run.Input), jsonOrText(run.Output), string(run.Log)}
	return personal(w, v)
}

func jsonOrText(b []byte) any {
	if json.Valid(b) {
		return json.RawMessage(b)
	}
	return string(b)
}

// personal answers with what holds an order's data: nothing on the way keeps
// it. An input stands in it byte for byte, or it could not be run again.
func personal(w http.ResponseWriter, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(b.Bytes())
	return nil
}

// logView is what one run wrote to its log, or why it failed.
type logView struct {
	Run   int64        `json:"run"`
	At    time.Time    `json:"at"`
	Hook  waxwing.Hook `json:"hook"`
	Role  string       `json:"role"`
	Fault string       `json:"fault,omitempty"`
	Log   string       `json:"log,omitempty"`
}

// logs gives the newest entries, or those after a run, oldest first. Runs that
// had nothing to say are left out; after is where to go on from all the same.
func (x *plugins) logs(w http.ResponseWriter, r *http.Request, t waxwing.TenantID) error {
	q, err := numbers(r, "after", "limit")
	if err != nil {
		return err
	}
	if _, err := x.versionsOf(r, t); err != nil {
		return err
	}
	name, limit := r.PathValue("name"), int(q["limit"])
	after, given := q["after"]
	if !given {
		newest, err := x.shelves.PluginRuns(r.Context(), t, name, 0, limit)
		if err != nil {
			return err
		}
		if n := len(newest); n > 0 {
			after = newest[n-1].ID - 1
		}
	}
	found, err := x.shelves.PluginRunsFull(r.Context(), t, name, after, limit)
	if err != nil {
		return err
	}
	out := []logView{}
	for i := range found {
		f := &found[i]
		after = f.ID
		if f.Fault != "" || len(f.Log) > 0 {
			out = append(out, logView{f.ID, f.At, f.Hook, f.Role, f.Fault, string(f.Log)})
		}
	}
	return personal(w, map[string]any{"logs": out, "after": after})
}
