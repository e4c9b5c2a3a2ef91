package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
)

type pluginPushCmd struct {
	pluginDir
	apiFlags
	Now          bool   `help:"Serve all orders at once, without shadow and canary."`
	ApproveNeeds bool   `help:"Approve what it needs to see of an order; without it, a version that needs more than the one that serves waits for \"waxwing plugin approve\"."`
	Sign         string `help:"Sign with the key in this file (waxwing plugin sign --new)." type:"path" placeholder:"FILE"`
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
		if sig, err = signature(c.Sign, c.Tenant, p, time.Now().Unix()); err == nil {
			err = w.WriteField("signature", sig)
		}
	}
	if c.Now && err == nil {
		err = w.WriteField("now", "true")
	}
	if c.ApproveNeeds && err == nil {
		err = w.WriteField("approve_needs", "true")
	}
	if err = errors.Join(err, w.Close()); err != nil {
		return err
	}
	if n := p.manifest.Needs; len(n) > 0 {
		_, _ = fmt.Fprintf(s.out, "It needs to see of each order: %s.\n", strings.Join(n, ", "))
	}
	var v waxwing.PluginVersion
	if err := c.Call(http.MethodPut, "/plugins/"+p.manifest.Name, w.FormDataContentType(), body.Bytes(), &v); err != nil {
		return err
	}
	word := map[waxwing.PluginState]string{waxwing.PluginActive: "serves all orders from now on",
		waxwing.PluginShadow: "runs in shadow: on real orders, unused", waxwing.PluginCanary: fmt.Sprintf("serves %d %% of the orders", v.Percent)}
	if v.State == waxwing.PluginWaiting {
		_, err = fmt.Fprintf(s.out, "%s version %d (%s) waits: a person must approve that it sees %s.\n  waxwing plugin approve %s\n",
			v.Plugin, v.No, v.Version, strings.Join(v.Unapproved, ", "), v.Plugin)
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s version %d (%s) %s.\n", v.Plugin, v.No, v.Version, cmp.Or(word[v.State], string(v.State)))
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
	if err := c.Call(http.MethodGet, "/plugins", "", nil, &list); err != nil {
		return err
	}
	var all []waxwing.PluginVersion
	if len(list.Plugins) > 0 && !c.JSON {
		_, _ = fmt.Fprintf(s.out, "%-24s %4s  %-12s %-11s %5s  %-12s  %s\n", "PLUGIN", "NO", "VERSION", "STATE", "SHARE", "HASH", "NEEDS AND WHY")
	}
	for _, p := range list.Plugins {
		var vs struct {
			Versions []waxwing.PluginVersion `json:"versions"`
		}
		if err := c.Call(http.MethodGet, "/plugins/"+p.Name+"/versions", "", nil, &vs); err != nil {
			return err
		}
		all = append(all, vs.Versions...)
		for _, v := range vs.Versions {
			if c.JSON {
				break
			}
			_, _ = fmt.Fprintf(s.out, "%-24s %4d  %-12s %-11s %5s  %.12s  %s\n", v.Plugin, v.No, v.Version, v.State, share(&v), v.Hash, needsAndWhy(&v))
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

// needsAndWhy is what a version sees of an order, and how it came to its state.
func needsAndWhy(v *waxwing.PluginVersion) string {
	var parts []string
	if len(v.Needs) > 0 {
		parts = append(parts, "sees "+strings.Join(v.Needs, ", "))
	}
	if len(v.Unapproved) > 0 {
		parts = append(parts, "waits for approval of "+strings.Join(v.Unapproved, ", "))
	}
	if v.ApprovedBy != "" {
		parts = append(parts, "approved by "+string(v.ApprovedBy))
	}
	if v.Why != "" {
		parts = append(parts, v.Why)
	}
	return remote.Printable(strings.Join(parts, "; "))
}

type pluginNameArg struct {
	Name string `arg:"" help:"The plugin."`
}

type pluginApproveCmd struct {
	pluginNameArg
	apiFlags
	Version int `help:"The version's number; by default the one that waits." placeholder:"NO"`
}

// Run shows what the version asks to see, and approves exactly that.
func (c pluginApproveCmd) Run(s streams) error {
	var vs struct {
		Versions []waxwing.PluginVersion `json:"versions"`
	}
	if err := c.Call(http.MethodGet, "/plugins/"+c.Name+"/versions", "", nil, &vs); err != nil {
		return err
	}
	i := slices.IndexFunc(vs.Versions, func(v waxwing.PluginVersion) bool {
		return v.State == waxwing.PluginWaiting && (c.Version == 0 || v.No == c.Version)
	})
	if i < 0 {
		return fmt.Errorf("no version of %s waits for approval; waxwing plugin list shows them", c.Name)
	}
	v := vs.Versions[i]
	body, err := json.Marshal(map[string]any{"version": v.No, "needs": v.Unapproved})
	if err != nil {
		return err
	}
	if err := c.Call(http.MethodPost, "/plugins/"+c.Name+"/approve", "application/json", body, &v); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "%s version %d may see %s, and is %s now.\n", v.Plugin, v.No, remote.Printable(strings.Join(vs.Versions[i].Unapproved, ", ")), v.State)
	return err
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
	if err := a.Call(http.MethodPost, "/plugins/"+name+"/"+what, "", nil, &v); err != nil {
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
	if err := c.Call(http.MethodDelete, "/plugins/"+c.Name, "", nil, nil); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s serves no more; its versions and runs stay on record.\n", c.Name)
	return err
}
