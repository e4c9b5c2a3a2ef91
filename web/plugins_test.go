package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
)

// fakeWorkshop keeps what it was given, and fails on request.
type fakeWorkshop struct {
	got  *waxwing.PluginUpload
	err  error
	said []string
	hold func(context.Context)
}

func (f *fakeWorkshop) Put(ctx context.Context, u *waxwing.PluginUpload) (waxwing.PluginVersion, error) {
	f.got = u
	if f.hold != nil {
		f.hold(ctx)
	}
	v := waxwing.PluginVersion{Plugin: u.Name, No: 3, State: waxwing.PluginShadow}
	if waxwing.IsPermanent(f.err) {
		v.State, v.Why = waxwing.PluginRefused, f.err.Error()
	}
	return v, f.err
}

func (f *fakeWorkshop) do(what string, t waxwing.TenantID, name string) (waxwing.PluginVersion, error) {
	if t != "acme" || name != "loyalty" {
		return waxwing.PluginVersion{}, fmt.Errorf("plugin: %w", waxwing.ErrNotFound)
	}
	f.said = append(f.said, what)
	return waxwing.PluginVersion{Plugin: name, No: 1, State: waxwing.PluginActive}, f.err
}

func (f *fakeWorkshop) RollBack(t waxwing.TenantID, name string) (waxwing.PluginVersion, error) {
	return f.do("rollback", t, name)
}

func (f *fakeWorkshop) Promote(t waxwing.TenantID, name string) (waxwing.PluginVersion, error) {
	return f.do("promote", t, name)
}

func (f *fakeWorkshop) Approve(t waxwing.TenantID, name string, no int, needs []string, by waxwing.Actor) (waxwing.PluginVersion, error) {
	return f.do(fmt.Sprint("approve ", no, " ", needs, " ", by), t, name)
}

func (f *fakeWorkshop) Withdraw(t waxwing.TenantID, name string) error {
	_, err := f.do("withdraw", t, name)
	return err
}

// fakeShelves has acme's plugins and runs, and nothing of anybody else's.
type fakeShelves struct {
	versions []waxwing.PluginVersion
	runs     []waxwing.Run // oldest first
}

func (f *fakeShelves) PluginVersions(ctx context.Context, t waxwing.TenantID) ([]waxwing.PluginVersion, error) {
	if t != "acme" {
		return nil, nil
	}
	return slices.Clone(f.versions), nil
}

func (f *fakeShelves) PluginModule(ctx context.Context, hash string) ([]byte, error) {
	return []byte("code of " + hash), nil
}

func (f *fakeShelves) PluginRuns(ctx context.Context, t waxwing.TenantID, plugin string, before int64, limit int) (out []waxwing.Run, _ error) {
	for _, r := range slices.Backward(f.runs) {
		if t == "acme" && r.Plugin == plugin && (before == 0 || r.ID < before) && len(out) < limit {
			out = append(out, waxwing.Run{ID: r.ID, Plugin: r.Plugin, Hook: r.Hook, Confirmation: r.Confirmation, Fuel: r.Fuel})
		}
	}
	return out, nil
}

func (f *fakeShelves) PluginRunsFull(ctx context.Context, t waxwing.TenantID, plugin string, after int64, limit int) (out []waxwing.Run, _ error) {
	for _, r := range f.runs {
		if t == "acme" && r.Plugin == plugin && r.ID > after && len(out) < limit {
			out = append(out, r)
		}
	}
	return out, nil
}

func (f *fakeShelves) PluginRun(ctx context.Context, t waxwing.TenantID, id int64) (*waxwing.Run, error) {
	for _, r := range f.runs {
		if t == "acme" && r.ID == id {
			return &r, nil
		}
	}
	return nil, waxwing.ErrNotFound
}

// exactInput has what a careless encoder changes.
const exactInput = `{"note":"<b>&\u00e9\u2028","n":1.50}`

func pluginServer() (*Server, *fakeWorkshop) {
	work := &fakeWorkshop{}
	at := time.Date(2026, 11, 25, 10, 0, 0, 123456789, time.UTC)
	shelves := &fakeShelves{versions: []waxwing.PluginVersion{
		{Plugin: "upsell", No: 1, Hash: "aa", State: waxwing.PluginRefused, Lang: "js"},
		{Plugin: "loyalty", No: 1, Hash: "bb", State: waxwing.PluginActive, Lang: "go", Manifest: []byte("secret manifest")},
		{Plugin: "loyalty", No: 2, Hash: "cc", State: waxwing.PluginCanary, Percent: 5, Lang: "go"},
	}}
	for i := range 5 {
		shelves.runs = append(shelves.runs, waxwing.Run{ID: int64(10 + i), Plugin: "loyalty", Hook: waxwing.HookPersonalise, Role: "active",
			Hash: "bb", Input: []byte(exactInput), Output: []byte("not json"), Fuel: 7, At: at, Seed: "s", Confirmation: 64})
	}
	shelves.runs[1].Log, shelves.runs[3].Fault = []byte("hello\n"), "trap: unreachable"
	c := configtest.With(map[string]config.Tenant{"acme": {Keys: []config.BearerKey{{Key: "k"}}}, "bolt": {Keys: []config.BearerKey{{Key: "b"}}}})
	c.HTTP.MaxBody = 1024
	s := New(Parts{Config: c, Workshop: work, Shelves: shelves})
	return s, work
}

type answer struct {
	code   int
	header http.Header
	body   string
}

func ask(s *Server, method, path, key, contentType string, body io.Reader) answer {
	r := httptest.NewRequest(method, path, body)
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return answer{w.Code, w.Header(), w.Body.String()}
}

const acmePlugins = "/v1/tenants/acme/plugins"

func form(t *testing.T, parts ...[2]string) (string, *bytes.Buffer) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for _, p := range parts {
		w, err := m.CreateFormFile(p[0], "file")
		if err == nil {
			_, err = io.WriteString(w, p[1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return m.FormDataContentType(), &b
}

var twoParts = [][2]string{{"manifest", `{"name":"loyalty"}`}, {"module", "\x00asm"}}

func TestPutPlugin(t *testing.T) {
	s, work := pluginServer()
	big := strings.Repeat("m", 5<<20) // far above http.max_body
	ct, body := form(t, [2]string{"manifest", "{}"}, [2]string{"module", big}, [2]string{"fixture", "1"}, [2]string{"fixture", "2"},
		[2]string{"signature", "ab"}, [2]string{"now", "true"})
	a := ask(s, "PUT", acmePlugins+"/loyalty", "k", ct, body)
	var v waxwing.PluginVersion
	if err := json.Unmarshal([]byte(a.body), &v); err != nil || a.code != 201 || v.No != 3 || v.State != waxwing.PluginShadow {
		t.Fatalf("%d %s", a.code, a.body)
	}
	u := work.got
	if u.Tenant != "acme" || u.Name != "loyalty" || string(u.Manifest) != "{}" || string(u.Code) != big || len(u.Fixtures) != 2 ||
		string(u.Fixtures[1]) != "2" || u.Signature != "ab" || !u.Now {
		t.Fatalf("%+v", u)
	}
}

func TestPutPluginRefusals(t *testing.T) {
	with := func(more ...[2]string) [][2]string { return append(slices.Clone(twoParts), more...) }
	many := with()
	for range maxParts {
		many = append(many, [2]string{"fixture", "{}"})
	}
	for name, c := range map[string]struct {
		parts [][2]string
		path  string
		code  int
		want  string
	}{
		"no module":   {twoParts[:1], "loyalty", 400, "part module is missing"},
		"no manifest": {twoParts[1:], "loyalty", 400, "part manifest is missing"},
		"twice":       {with(twoParts[1]), "loyalty", 400, "there twice"},
		"unknown":     {with([2]string{"colour", "x"}), "loyalty", 400, "not known"},
		"many":        {many, "loyalty", 400, "more than"},
		"large small": {with([2]string{"signature", strings.Repeat("x", 2000)}), "loyalty", 400, "larger than"},
		"now":         {with([2]string{"now", "yes"}), "loyalty", 400, "true or false"},
		"too large":   {[][2]string{{"module", strings.Repeat("x", 6<<20)}}, "loyalty", 413, "6 MiB"},
		"name":        {twoParts, "Loyalty", 400, "small letter"},
	} {
		s, work := pluginServer()
		ct, body := form(t, c.parts...)
		size := body.Len()
		a := ask(s, "PUT", acmePlugins+"/"+c.path, "k", ct, io.MultiReader(body)) // no Content-Length
		if a.code != c.code || !strings.Contains(a.body, c.want) || work.got != nil || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s (%d bytes): %d %.300s", name, size, a.code, a.body)
		}
		if c.code == 400 && name != "name" && !strings.Contains(a.body, "curl -X PUT") {
			t.Errorf("%s: no how-to: %s", name, a.body)
		}
	}
	s, _ := pluginServer()
	for ct, body := range map[string]string{"application/json": "{}", "multipart/form-data; boundary=x": "--x\r\nhalf", "multipart/form-data": "x"} {
		if a := ask(s, "PUT", acmePlugins+"/loyalty", "k", ct, strings.NewReader(body)); a.code != 400 || !strings.Contains(a.body, "curl") {
			t.Errorf("%s: %d %s", ct, a.code, a.body)
		}
	}
}

func TestPutPluginErrors(t *testing.T) {
	for err, want := range map[error]int{
		waxwing.Permanent(errors.New("imports env.open; memory has no maximum")): 422, waxwing.ErrUnavailable: 503, errors.New("secret"): 500,
	} {
		s, work := pluginServer()
		work.err = err
		ct, body := form(t, twoParts...)
		a := ask(s, "PUT", acmePlugins+"/loyalty", "k", ct, body)
		if a.code != want || strings.Contains(a.body, "secret") {
			t.Errorf("%v: %d %s", err, a.code, a.body)
		}
		if want == 422 && (!strings.Contains(a.body, "env.open; memory") || !strings.Contains(a.body, `"version":{"plugin":"loyalty","no":3`)) {
			t.Errorf("%s", a.body)
		}
	}
}

// TestOneUploadAtATime: each lies in memory whole.
func TestOneUploadAtATime(t *testing.T) {
	s, work := pluginServer()
	var second answer
	work.hold = func(context.Context) {
		work.hold = nil
		ct, body := form(t, twoParts...)
		second = ask(s, "PUT", acmePlugins+"/other", "k", ct, body)
		ct, body = form(t, twoParts...)
		if a := ask(s, "PUT", "/v1/tenants/bolt/plugins/other", "b", ct, body); a.code != 201 {
			t.Errorf("another tenant waits: %d", a.code)
		}
	}
	for range 2 {
		ct, body := form(t, twoParts...)
		if a := ask(s, "PUT", acmePlugins+"/loyalty", "k", ct, body); a.code != 201 {
			t.Fatalf("%d %s", a.code, a.body)
		}
	}
	if second.code != 409 {
		t.Fatalf("%d", second.code)
	}
}

// patient notes the deadline that a handler asks for.
type patient struct {
	http.ResponseWriter
	until time.Time
}

func (p *patient) SetReadDeadline(t time.Time) error { p.until = t; return nil }

// TestUploadsHaveMoreTime: six megabytes on a slow line take longer than the
// deadline for orders.
func TestUploadsHaveMoreTime(t *testing.T) {
	s, _ := pluginServer()
	ct, body := form(t, twoParts...)
	r := httptest.NewRequest("PUT", acmePlugins+"/loyalty", body)
	r.Header.Set("Authorization", "Bearer k")
	r.Header.Set("Content-Type", ct)
	w := httptest.NewRecorder()
	p := &patient{ResponseWriter: w}
	s.Handler().ServeHTTP(p, r)
	if w.Code != 201 || time.Until(p.until) < uploadTime/2 {
		t.Fatal(w.Code, p.until)
	}
}

func TestPluginLists(t *testing.T) {
	s, _ := pluginServer()
	for path, want := range map[string][]string{
		"":                              {`"name":"loyalty","active":{"plugin":"loyalty","no":1`, `"percent":5`, `"versions":2},{"name":"upsell","versions":1}`},
		"/loyalty/versions":             {`{"versions":[{"plugin":"loyalty","no":2`},
		"/loyalty/versions/2/module":    {"code of cc"},
		"/loyalty/runs?limit=2":         {`"id":14`, `"id":13`, `"before":13`},
		"/loyalty/runs?before=11":       {`{"runs":[{"id":10,`},
		"/loyalty/runs/11":              {`"input":` + exactInput, `"output":"not json"`, `"log":"hello\n"`, `"at":"2026-11-25T10:00:00.123456789Z"`, `"seed":"s"`},
		"/loyalty/logs":                 {`"after":14`, `"logs":[{"run":11,`, `"fault":"trap: unreachable"`},
		"/loyalty/logs?after=13":        {`{"after":14,"logs":[]}`},
		"/loyalty/logs?after=14":        {`{"after":14,"logs":[]}`},
		"/loyalty/logs?limit=2":         {`"after":14,"logs":[{"run":13`},
		"/upsell/runs":                  {`{"runs":[]}`},
		"/upsell/logs":                  {`{"after":0,"logs":[]}`},
		"/upsell/versions/1/module":     {"code of aa"},
		"/loyalty/logs?after=0&limit=1": {`"after":10`},
	} {
		a := ask(s, "GET", acmePlugins+path, "k", "", nil)
		for _, w := range want {
			if a.code != 200 || !strings.Contains(a.body, w) {
				t.Errorf("%s: %d %s has no %s", path, a.code, a.body, w)
			}
		}
		if strings.Contains(a.body, "secret manifest") {
			t.Errorf("%s shows the manifest", path)
		}
		if (strings.Contains(path, "/runs") || strings.Contains(path, "/logs")) && a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s may be cached", path)
		}
		if strings.HasSuffix(path, "/module") && (a.header.Get("Content-Type") != "application/octet-stream" || a.header.Get("X-Content-Type-Options") != "nosniff") {
			t.Errorf("%s: %v", path, a.header)
		}
	}
	if a := ask(s, "GET", acmePlugins+"/loyalty/runs?limit=2", "k", "", nil); strings.Contains(a.body, "input") || strings.Contains(a.body, "seed") {
		t.Errorf("a list shows data: %s", a.body)
	}
}

func TestPluginChanges(t *testing.T) {
	s, work := pluginServer()
	for _, c := range []struct {
		method, path string
		code         int
	}{{"POST", "/loyalty/rollback", 200}, {"POST", "/loyalty/promote", 200}, {"DELETE", "/loyalty", 204}} {
		if a := ask(s, c.method, acmePlugins+c.path, "k", "", nil); a.code != c.code {
			t.Errorf("%s: %d %s", c.path, a.code, a.body)
		}
		if a := ask(s, c.method, "/v1/tenants/bolt/plugins"+c.path, "b", "", nil); a.code != 404 {
			t.Errorf("bolt %s: %d", c.path, a.code)
		}
	}
	if got := strings.Join(work.said, " "); got != "rollback promote withdraw" {
		t.Error(got)
	}
	work.err = fmt.Errorf("no version is in shadow: %w", waxwing.ErrState)
	if a := ask(s, "POST", acmePlugins+"/loyalty/promote", "k", "", nil); a.code != 409 || !strings.Contains(a.body, "in shadow") {
		t.Errorf("%d %s", a.code, a.body)
	}
}

var pluginRouteList = [][2]string{{"GET", ""}, {"PUT", "/loyalty"}, {"DELETE", "/loyalty"}, {"POST", "/loyalty/rollback"},
	{"POST", "/loyalty/promote"}, {"GET", "/loyalty/versions"}, {"GET", "/loyalty/versions/1/module"}, {"GET", "/loyalty/runs"},
	{"GET", "/loyalty/runs/11"}, {"GET", "/loyalty/logs"}}

// TestPluginRoutesAreATenants: no key, a wrong key and an unknown tenant look
// the same; what another tenant has is not found; other methods are 405.
func TestPluginRoutesAreATenants(t *testing.T) {
	s, _ := pluginServer()
	off := testServer(nil)
	for _, c := range pluginRouteList {
		path := acmePlugins + c[1]
		first := ask(s, c[0], path, "", "", nil)
		for _, a := range []answer{first, ask(s, c[0], path, "b", "", nil), ask(s, c[0], strings.Replace(path, "acme", "nobody", 1), "k", "", nil)} {
			if a.code != 401 || a.body != first.body {
				t.Errorf("%s %s: %d %s", c[0], path, a.code, a.body)
			}
		}
		if a := ask(off, c[0], path, "k", "", nil); a.code != 404 || !strings.Contains(a.body, "plugins are off") {
			t.Errorf("off: %s %s: %d %s", c[0], path, a.code, a.body)
		}
		if a := ask(s, "PATCH", path, "k", "", nil); a.code != 405 || !strings.Contains(a.header.Get("Allow"), c[0]) {
			t.Errorf("PATCH %s: %d %v", path, a.code, a.header)
		}
		if c[0] == "GET" && c[1] != "" {
			if a := ask(s, "GET", "/v1/tenants/bolt/plugins"+c[1], "b", "", nil); a.code != 404 {
				t.Errorf("bolt %s: %d %s", path, a.code, a.body)
			}
		}
	}
	for _, path := range []string{"/nothing/versions", "/nothing/runs", "/nothing/logs", "/loyalty/versions/9/module", "/loyalty/versions/x/module",
		"/loyalty/runs/99", "/loyalty/runs/x", "/upsell/runs/11"} {
		if a := ask(s, "GET", acmePlugins+path, "k", "", nil); a.code != 404 || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s", path, a.code, a.body)
		}
	}
	for _, path := range []string{"?x=1", "/loyalty/versions?limit=1", "/loyalty/runs?limit=0", "/loyalty/runs?limit=201", "/loyalty/runs?before=-1",
		"/loyalty/runs?before=x", "/loyalty/runs?after=1", "/loyalty/logs?before=1", "/loyalty/logs?after=-1"} {
		if a := ask(s, "GET", acmePlugins+path, "k", "", nil); a.code != 400 {
			t.Errorf("%s: %d %s", path, a.code, a.body)
		}
	}
}

// TestPutPluginWaits: what can be waited for says for how long; one's own use is 429, others' is 503.
func TestPutPluginWaits(t *testing.T) {
	for _, c := range []struct {
		err  waxwing.LaterError
		code int
		wait string
	}{
		{waxwing.LaterError{After: 90500 * time.Millisecond, Quota: true, Text: "used up"}, 429, "91"},
		{waxwing.LaterError{After: time.Millisecond, Text: "others"}, 503, "1"},
	} {
		s, work := pluginServer()
		work.err = &c.err
		ct, body := form(t, twoParts...)
		a := ask(s, "PUT", acmePlugins+"/loyalty", "k", ct, body)
		if a.code != c.code || a.header.Get("Retry-After") != c.wait || !strings.Contains(a.body, c.err.Text) {
			t.Errorf("%d %q %s", a.code, a.header.Get("Retry-After"), a.body)
		}
	}
}

// TestApprovePlugin: the approval names the version, what was looked at, and who looked.
func TestApprovePlugin(t *testing.T) {
	s, work := pluginServer()
	for body, want := range map[string]int{
		`{"version":2,"needs":["customer.email","items"]}`: 200, `{"version":2}`: 400, `{"version":0,"needs":["items"]}`: 400, `{}`: 400,
		`{"version":2,"needs":["items"],"all":true}`: 400, `[]`: 400,
	} {
		if a := ask(s, "POST", acmePlugins+"/loyalty/approve", "k", "application/json", strings.NewReader(body)); a.code != want {
			t.Errorf("%s: %d %s", body, a.code, a.body)
		}
	}
	if len(work.said) != 1 || !strings.HasPrefix(work.said[0], "approve 2 [customer.email items] ") || strings.HasSuffix(work.said[0], " ") {
		t.Errorf("%q", work.said)
	}
	if a := ask(s, "POST", acmePlugins+"/loyalty/approve", "wrong", "application/json", strings.NewReader(`{"version":2,"needs":["items"]}`)); a.code != 401 {
		t.Errorf("a wrong key: %d", a.code)
	}
	ct, body := form(t, append([][2]string{{"approve_needs", "true"}}, twoParts...)...)
	if a := ask(s, "PUT", acmePlugins+"/loyalty", "k", ct, body); a.code != 201 || !work.got.ApproveNeeds || work.got.By == "" {
		t.Errorf("%d %s %+v", a.code, a.body, work.got)
	}
}
