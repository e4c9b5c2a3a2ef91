package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReloadCommand asks a daemon in a process of its own to load its files again: it says
// what it took, and what it did not take with the line, as check does.
func TestReloadCommand(t *testing.T) {
	x := &torture{t: t, dir: t.TempDir(), listen: lowPort(t), truth: map[string]int{}, ids: map[string]map[string]int{}}
	x.client.Timeout = 10 * time.Second
	file := filepath.Join(x.dir, "waxwing.yaml")
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(x.dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	main := fmt.Sprintf("data: %q\nhttp: {listen: %q}\nproviders: {mail: {type: smtp, addr: \"127.0.0.1:1\", tls: none}}\ntenants_dir: tenants\n", filepath.Join(x.dir, "data"), x.listen)
	write("waxwing.yaml", main)
	write("tenants/acme.yaml", "name: Acme\nfrom: orders@acme.example\nkeys: [acme-key]\n")
	reload := func() (int, string) {
		var out bytes.Buffer
		status := run([]string{"reload", "-c", file}, streams{out: &out, err: &out})
		return status, strings.ReplaceAll(out.String(), x.dir+"/", "")
	}
	if status, said := reload(); status != 1 || !strings.Contains(said, "no daemon holds the folder data on this machine") {
		t.Errorf("%d %s", status, said)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := exec.Command(os.Args[0])
	c.Args = []string{"waxwing", "serve", "-c", file}
	c.Stderr = &x.stderr
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	x.child = c
	if !x.up(ctx) {
		t.Fatalf("the daemon did not come up: %s", x.stderr.String())
	}
	asked := func(tenant string) int {
		req, err := http.NewRequestWithContext(ctx, "GET", "http://"+x.listen+"/v1/tenants/"+tenant+"/confirmations", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+tenant+"-key")
		res, err := x.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	for _, step := range []struct {
		name, file, text string
		status           int
		want             string
		bolt             int
	}{
		{"a new tenant", "tenants/bolt.yaml", "name: Bolt\nfrom: orders@bolt.example\nkeys: [bolt-key]\n", 0, "tenants: 1 added, 0 changed, 0 removed.", 200},
		{"a mistake", "tenants/acme.yaml", "name: Acme\nfrom: acme\nkeys: [another-key]\n", 1, "tenants/acme.yaml:2:7: tenants.acme.from \"acme\" is no e-mail address", 200},
		{"mended", "tenants/acme.yaml", "name: Acme & Co\nfrom: orders@acme.example\nkeys: [acme-key]\n", 0, "tenants: 0 added, 1 changed, 0 removed.", 200},
		{"what cannot change", "waxwing.yaml", main + "limits: {send: 3}\n", 1, "waxwing.yaml:5:10: limits.send has changed, and cannot while the daemon runs.", 200},
		{"put back", "waxwing.yaml", main, 0, "tenants: 0 added, 0 changed, 0 removed.", 200},
		{"a tenant less", "tenants/bolt.yaml", "", 0, "tenants: 0 added, 0 changed, 1 removed.", 401},
	} {
		if step.text == "" {
			if err := os.Remove(filepath.Join(x.dir, step.file)); err != nil {
				t.Fatal(err)
			}
		} else {
			write(step.file, step.text)
		}
		status, said := reload()
		if status != step.status || !strings.Contains(said, step.want) {
			t.Errorf("%s: %d %s", step.name, status, said)
		}
		if got := asked("acme"); got != 200 {
			t.Errorf("%s: acme is answered with %d", step.name, got)
		}
		if got := asked("bolt"); got != step.bolt {
			t.Errorf("%s: bolt is answered with %d", step.name, got)
		}
	}
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%v: %s", err, x.stderr.String())
	}
	if logs := x.stderr.String(); strings.Count(logs, "the configuration was taken") != 4 || strings.Count(logs, "was not taken") != 1 || strings.Contains(logs, "bolt-key") {
		t.Error(logs)
	}
}
