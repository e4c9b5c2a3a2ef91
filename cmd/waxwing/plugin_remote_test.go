package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/sdk"
)

// plainly runs a command against an answer of the API and gives what it said.
func plainly(t *testing.T, status int, answer string, cmd func(apiFlags, streams) error) (out, asked string) {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.Method + " " + r.URL.RequestURI()
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	defer srv.Close()
	var b bytes.Buffer
	if err := cmd(apiFlags{remote.Flags{URL: srv.URL, Tenant: "acme", Key: "k"}}, streams{out: &b, err: &b}); err != nil {
		t.Fatal(err)
	}
	return b.String(), asked
}

func TestPluginRunsAreReadable(t *testing.T) {
	answer := `{"runs":[{"id":7,"at":"2026-11-25T10:00:00Z","confirmation":"0sb8wmztghhm0","hook":"personalise","role":"canary","hash":"f1e0de02322b1d7e","fuel":444450,"micros":255,"fault":"failed: no"}]}`
	out, asked := plainly(t, 200, answer, func(a apiFlags, s streams) error {
		return pluginRunsCmd{pluginNameArg: pluginNameArg{"hello"}, apiFlags: a, Limit: 50}.Run(s)
	})
	for _, want := range []string{"7  2026-11-2", "0sb8wmztghhm0", "canary", "444450 fuel", "failed: no"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in %q", want, out)
		}
	}
	if asked != "GET /v1/tenants/acme/plugins/hello/runs?limit=50" {
		t.Error(asked)
	}
	out, asked = plainly(t, 200, `{"id":7,"input":{"abi":1}}`, func(a apiFlags, s streams) error {
		return pluginRunsCmd{pluginNameArg: pluginNameArg{"hello"}, RunID: 7, apiFlags: a}.Run(s)
	})
	if !strings.Contains(out, "\n  \"input\": {") || asked != "GET /v1/tenants/acme/plugins/hello/runs/7" {
		t.Errorf("%s: %q", asked, out)
	}
}

func TestPluginListShowsUse(t *testing.T) {
	answers := map[string]string{
		"/v1/tenants/acme/plugins": `{"plugins":[{"name":"hello","versions":1,"use":{"calls":4,"fuel":800,"nanoseconds":2000000,"faults":{"wall":1,"load":3},"rests":2,"loads":5,"memory":2048}}],
			"use":{"nanoseconds":7000000,"left_out":9,"memory":4096}}`,
		"/v1/tenants/acme/plugins/hello/versions": `{"versions":[{"plugin":"hello","no":1,"version":"1","state":"active","hash":"f1e0de02322b1d7e"}]}`,
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(answers[r.URL.Path])) }))
	defer srv.Close()
	var b bytes.Buffer
	if err := (pluginListCmd{apiFlags: apiFlags{remote.Flags{URL: srv.URL, Tenant: "acme", Key: "k"}}}).Run(streams{out: &b, err: &b}); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"hello 1 1 active 100%", "hello 4 500µs 200 2 5 2K 3 load, 1 wall", "All of them: 7ms of a processor, 4 KiB", "9 calls were not made"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
}

func TestPluginWithdraw(t *testing.T) {
	out, asked := plainly(t, http.StatusNoContent, "", func(a apiFlags, s streams) error {
		return pluginWithdrawCmd{pluginNameArg{"hello"}, a}.Run(s)
	})
	if !strings.Contains(out, "serves no more") || asked != "DELETE /v1/tenants/acme/plugins/hello" {
		t.Errorf("%s: %q", asked, out)
	}
}

// An author who forgets to build is told.
func TestStaleBuildIsSaid(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hello")
	if _, err := sdk.Scaffold(dir, "hello", "js", "personalise"); err != nil {
		t.Fatal(err)
	}
	if _, err := sdk.Build(t.Context(), dir, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	p, err := openProject(dir)
	if err != nil {
		t.Fatal(err)
	}
	for ahead, want := range map[time.Duration]bool{-time.Hour: false, time.Hour: true} {
		when := time.Now().Add(ahead)
		if err := os.Chtimes(filepath.Join(dir, "src", "main.js"), when, when); err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		p.sayStale(streams{out: &b, err: &b})
		if strings.Contains(b.String(), "is newer than") != want {
			t.Errorf("%s: %q", ahead, b.String())
		}
		err := pluginTestCmd{pluginDir: pluginDir{dir}}.Run(streams{out: &b, err: &b})
		if stopped := err != nil && strings.Contains(err.Error(), "what would be tested is old"); stopped != want {
			t.Errorf("%s: plugin test: %v", ahead, err)
		}
	}
}
