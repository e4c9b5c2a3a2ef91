package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins"
)

// apiFlags say where the daemon is.
type apiFlags struct {
	URL    string `default:"http://127.0.0.1:8080" env:"WAXWING_URL" help:"The daemon."`
	Tenant string `required:"" env:"WAXWING_TENANT" help:"The tenant."`
	Key    string `env:"WAXWING_KEY" help:"The tenant's API key; better given in the environment." placeholder:"KEY"`
}

// call sends a request to the tenant's API. An answer that is no success is an
// error with the daemon's own words.
func (a apiFlags) call(method, path, contentType string, body []byte, into any) error {
	if u, err := url.Parse(a.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--url (or WAXWING_URL): %q is no address: write it as http://127.0.0.1:8080", a.URL)
	}
	if a.Tenant == "" {
		return errors.New("--tenant (or WAXWING_TENANT) is empty: name the tenant")
	}
	if a.Key == "" {
		return errors.New("--key (or WAXWING_KEY) is empty: set it to a key of the tenant's")
	}
	req, err := http.NewRequest(method, strings.TrimRight(a.URL, "/")+"/v1/tenants/"+url.PathEscape(a.Tenant)+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+a.Key)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	client := &http.Client{Timeout: 90 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return awayError{fmt.Errorf("the daemon at %s cannot be reached: %w", a.URL, err)}
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(res.Body, 16<<20))
	if err != nil {
		return awayError{fmt.Errorf("the daemon at %s broke off its answer: %w", a.URL, err)}
	}
	if res.StatusCode >= 300 {
		var p struct{ Title, Detail string }
		if json.Unmarshal(b, &p) != nil || p.Title == "" {
			p.Title, p.Detail = res.Status, "is there a Waxwing at "+a.URL+"?"
		}
		p.Title, p.Detail = printable(p.Title), printable(p.Detail)
		if res.StatusCode == http.StatusNotFound {
			return notFoundError{p.Title, p.Detail}
		}
		if res.StatusCode == http.StatusServiceUnavailable {
			return awayError{fmt.Errorf("%s: %s", p.Title, p.Detail)}
		}
		return fmt.Errorf("%s: %s", p.Title, p.Detail)
	}
	if raw, ok := into.(*[]byte); ok {
		*raw = b
		return nil
	}
	if into == nil || len(b) == 0 {
		return nil
	}
	return json.Unmarshal(b, into)
}

// awayError is a daemon that does not answer, or is about to end.
type awayError struct{ error }

func (e awayError) Unwrap() error { return e.error }

// notFoundError is the daemon's 404, in its own words.
type notFoundError struct{ title, detail string }

func (e notFoundError) Error() string {
	if strings.Contains(e.detail, "not found") {
		return e.detail
	}
	return e.title + ": " + e.detail
}

type pluginPushCmd struct {
	pluginDir
	apiFlags
	Now  bool   `help:"Serve all orders at once, without shadow and canary."`
	Sign string `help:"Sign with the key in this file (waxwing plugin sign --new)." type:"path" placeholder:"FILE"`
}

// Run sends the manifest, the code and the fixtures.
func (c pluginPushCmd) Run(s streams) error {
	p, err := openProject(c.Dir)
	if err != nil {
		return err
	}
	p.sayStale(s)
	_, _, fixtures, err := p.fixtures()
	if err != nil {
		return err
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	put := func(field, name string, b []byte) {
		if err == nil {
			var part io.Writer
			if part, err = w.CreateFormFile(field, name); err == nil {
				_, err = part.Write(b)
			}
		}
	}
	put("manifest", "plugin.json", p.raw)
	put("module", p.manifest.Name, p.body)
	for _, f := range fixtures {
		put("fixture", "fixture.json", f)
	}
	if c.Sign != "" && err == nil {
		var sig string
		if sig, err = signature(c.Sign, p); err == nil {
			err = w.WriteField("signature", sig)
		}
	}
	if c.Now && err == nil {
		err = w.WriteField("now", "true")
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	var v waxwing.PluginVersion
	if err := c.call(http.MethodPut, "/plugins/"+p.manifest.Name, w.FormDataContentType(), body.Bytes(), &v); err != nil {
		return err
	}
	word := map[waxwing.PluginState]string{waxwing.PluginActive: "serves all orders from now on",
		waxwing.PluginShadow: "runs in shadow: on real orders, unused", waxwing.PluginCanary: fmt.Sprintf("serves %d %% of the orders", v.Percent)}
	_, err = fmt.Fprintf(s.out, "%s version %d (%s) %s.\n", v.Plugin, v.No, v.Version, orElse(word[v.State], string(v.State)))
	return err
}

type pluginListCmd struct {
	jsonFlag
	apiFlags
}

// Run prints each plugin's versions.
func (c pluginListCmd) Run(s streams) error {
	var list struct {
		Plugins []struct {
			Name string             `json:"name"`
			Use  *waxwing.PluginUse `json:"use"`
		} `json:"plugins"`
		Use *waxwing.TenantUse `json:"use"`
	}
	if err := c.call(http.MethodGet, "/plugins", "", nil, &list); err != nil {
		return err
	}
	var all []waxwing.PluginVersion
	if len(list.Plugins) > 0 && !c.JSON {
		_, _ = fmt.Fprintf(s.out, "%-24s %4s  %-12s %-11s %5s  %-12s  %s\n", "PLUGIN", "NO", "VERSION", "STATE", "SHARE", "HASH", "WHY")
	}
	for _, p := range list.Plugins {
		var vs struct {
			Versions []waxwing.PluginVersion `json:"versions"`
		}
		if err := c.call(http.MethodGet, "/plugins/"+p.Name+"/versions", "", nil, &vs); err != nil {
			return err
		}
		all = append(all, vs.Versions...)
		for _, v := range vs.Versions {
			if c.JSON {
				break
			}
			_, _ = fmt.Fprintf(s.out, "%-24s %4d  %-12s %-11s %5s  %.12s  %s\n", v.Plugin, v.No, v.Version, v.State, share(&v), v.Hash, v.Why)
		}
	}
	if c.JSON {
		return writeIndented(s, append([]waxwing.PluginVersion{}, all...))
	}
	for i, p := range list.Plugins {
		sayUse(s, i == 0, p.Name, p.Use)
	}
	sayTenantUse(s, list.Use)
	if len(list.Plugins) == 0 {
		_, _ = fmt.Fprintln(s.out, "no plugins yet: waxwing plugin new --lang js DIR")
	}
	return nil
}

// share is what part of the orders a version serves.
func share(v *waxwing.PluginVersion) string {
	switch v.State {
	case waxwing.PluginActive:
		return "100%"
	case waxwing.PluginCanary:
		return fmt.Sprintf("%d%%", v.Percent)
	}
	return "-"
}

type pluginNameArg struct {
	Name string `arg:"" help:"The plugin."`
}

type pluginPromoteCmd struct {
	pluginNameArg
	apiFlags
}

// Run promotes.
func (c pluginPromoteCmd) Run(s streams) error { return c.change(s, c.Name, "promote") }

type pluginRollbackCmd struct {
	pluginNameArg
	apiFlags
}

// Run rolls back.
func (c pluginRollbackCmd) Run(s streams) error { return c.change(s, c.Name, "rollback") }

func (a apiFlags) change(s streams, name, what string) error {
	var v waxwing.PluginVersion
	if err := a.call(http.MethodPost, "/plugins/"+name+"/"+what, "", nil, &v); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s version %d is %s now.\n", v.Plugin, v.No, v.State)
	return err
}

type pluginWithdrawCmd struct {
	pluginNameArg
	apiFlags
}

// Run takes the plugin out of service.
func (c pluginWithdrawCmd) Run(s streams) error {
	if err := c.call(http.MethodDelete, "/plugins/"+c.Name, "", nil, nil); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s serves no more; its versions and runs stay on record.\n", c.Name)
	return err
}

type pluginSignCmd struct {
	pluginDir
	Key string `required:"" help:"The file of the private key." type:"path" placeholder:"FILE"`
	New bool   `help:"Make the key, and print what belongs under plugin_keys."`
}

// Run prints the signature of a project, or makes a key.
func (c pluginSignCmd) Run(s streams) error {
	if c.New {
		pub, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(c.Key, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(f, hex.EncodeToString(key.Seed()))
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.out, "plugin_keys: {release: %q}\n", hex.EncodeToString(pub))
		return err
	}
	p, err := openProject(c.Dir)
	if err != nil {
		return err
	}
	sig, err := signature(c.Key, p)
	if err == nil {
		_, err = fmt.Fprintln(s.out, sig)
	}
	return err
}

func signature(file string, p *project) (string, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return "", fmt.Errorf("%s is no key of \"waxwing plugin sign --new\": want 32 bytes in hex", relative(file))
	}
	sig := ed25519.Sign(ed25519.NewKeyFromSeed(seed), plugins.Signed(p.manifest.Name, p.raw, p.body))
	return base64.StdEncoding.EncodeToString(sig), nil
}
