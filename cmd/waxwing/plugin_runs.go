package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

type pluginRunsCmd struct {
	pluginNameArg
	RunID int64 `arg:"" name:"run" optional:"" help:"One run, with its input, output and log."`
	jsonFlag
	apiFlags
	Limit int `default:"50" help:"How many of the newest, up to 200."`
}

// Run prints the newest runs, or all of one: its input makes a fixture.
func (c pluginRunsCmd) Run(s streams) error {
	if c.RunID > 0 {
		var b []byte
		if err := c.Call(http.MethodGet, fmt.Sprintf("/plugins/%s/runs/%d", c.Name, c.RunID), "", nil, &b); err != nil {
			return err
		}
		var shown bytes.Buffer
		if err := json.Indent(&shown, b, "", "  "); err != nil {
			return err
		}
		_, err := shown.WriteTo(s.out)
		return err
	}
	if c.JSON {
		var b []byte
		if err := c.Call(http.MethodGet, fmt.Sprintf("/plugins/%s/runs?limit=%d", c.Name, c.Limit), "", nil, &b); err != nil {
			return err
		}
		return writeIndented(s, json.RawMessage(b))
	}
	var page struct {
		Runs []struct {
			apiRun
			ID           int64      `json:"id"`
			Confirmation waxwing.ID `json:"confirmation"`
			Role         string     `json:"role"`
			Micros       int64      `json:"micros"`
		} `json:"runs"`
	}
	if err := c.Call(http.MethodGet, fmt.Sprintf("/plugins/%s/runs?limit=%d", c.Name, c.Limit), "", nil, &page); err != nil {
		return err
	}
	if len(page.Runs) > 0 {
		_, _ = fmt.Fprintf(s.out, "%s  %-19s  %-13s  %-7s %-13s %14s %9s  %-12s  %s\n", "RUN", "AT", "CONFIRMATION", "ROLE", "HOOK", "FUEL", "TOOK", "HASH", "FAULT")
	}
	for _, r := range page.Runs {
		_, _ = fmt.Fprintf(s.out, "%d  %s  %s  %-7s %-13s %9d fuel %6d us  %.12s  %s\n", r.ID, r.At.Local().Format(time.DateTime),
			r.Confirmation, r.Role, r.Hook, r.Fuel, r.Micros, r.Hash, r.Fault)
	}
	if len(page.Runs) == 0 {
		_, _ = fmt.Fprintln(s.out, "no runs yet: it runs with the next order of the tenant")
	}
	return nil
}

type pluginReplayCmd struct {
	pluginNameArg
	RunID int64 `arg:"" name:"run" help:"The run's number, as waxwing plugin runs shows it."`
	apiFlags
	Module string `help:"The module or script of that run; by default the daemon is asked for it." type:"path" placeholder:"FILE"`
}

// apiRun is a run as the API shows it.
type apiRun struct {
	Plugin string          `json:"plugin"`
	Hash   string          `json:"hash"`
	Hook   waxwing.Hook    `json:"hook"`
	Input  json.RawMessage `json:"input"`
	Output json.RawMessage `json:"output"`
	Log    string          `json:"log"`
	Fuel   int64           `json:"fuel"`
	Costs  int             `json:"costs"`
	Fault  string          `json:"fault"`
	At     time.Time       `json:"at"`
	Seed   string          `json:"seed"`
	Left   string          `json:"left_out"`
}

// Run runs the recorded run again and compares.
func (c pluginReplayCmd) Run(s streams) error {
	var r apiRun
	if err := c.Call(http.MethodGet, fmt.Sprintf("/plugins/%s/runs/%d", c.Name, c.RunID), "", nil, &r); err != nil {
		return err
	}
	if r.Left != "" {
		return fmt.Errorf("run %d cannot be run again: of it are %s", c.RunID, remote.Printable(r.Left))
	}
	v, body, err := c.moduleOf(r.Hash)
	if err != nil {
		return err
	}
	code, err := sandbox.Prepare(&abi.Manifest{Name: c.Name, Version: v.Version, Lang: v.Lang, Hooks: []waxwing.Hook{r.Hook}}, body, abi.Limits{})
	if err != nil {
		return err
	}
	e, done, err := benchEngine()
	if err != nil {
		return err
	}
	defer done()
	if err := e.Compile(context.Background(), code); err != nil {
		return err
	}
	run := &waxwing.Run{Plugin: r.Plugin, Hash: r.Hash, Hook: r.Hook, Input: r.Input, At: r.At, Seed: r.Seed}
	res, err := sandbox.Replay(e, code, run)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.out, "output %s\nfuel   %d, then %d\n", res.Output, res.Fuel, r.Fuel)
	if len(res.Log) > 0 {
		_, _ = fmt.Fprintf(s.out, "log    %s\n", res.Log)
	}
	if res.Fault != nil {
		_, _ = fmt.Fprintf(s.out, "fault  %v, then %q\n", res.Fault, r.Fault)
	}
	same, note := sameRun(&r, &res)
	if note != "" {
		_, _ = fmt.Fprintln(s.out, note)
	}
	if !same {
		return errors.New("the replay differs from the run")
	}
	_, err = fmt.Fprintln(s.out, "the same, to the byte.")
	return err
}

// sameRun compares a replay with its run. Fuel is compared where instructions
// cost the same then and now.
func sameRun(r *apiRun, res *sandbox.Result) (same bool, note string) {
	same = r.Fault != "" || sameBytes(res.Output, r.Output)
	if r.Costs == sandbox.CostVersion {
		return same && res.Fuel == r.Fuel, ""
	}
	return same, fmt.Sprintf("The fuel is not compared: the run's was counted by version %d of what instructions cost, this program counts by version %d. "+
		"An output that holds random numbers may differ too.", max(r.Costs, 1), sandbox.CostVersion)
}

// sameBytes compares an output with one that the API has written into its answer,
// without the spaces between its tokens.
func sameBytes(got []byte, answered json.RawMessage) bool {
	var text string
	if json.Unmarshal(answered, &text) == nil {
		return text == string(got) // it was no JSON
	}
	var c bytes.Buffer
	return json.Compact(&c, got) == nil && bytes.Equal(c.Bytes(), answered)
}

// moduleOf finds the version with a hash, and its code.
func (c pluginReplayCmd) moduleOf(hash string) (v waxwing.PluginVersion, body []byte, err error) {
	var vs struct {
		Versions []waxwing.PluginVersion `json:"versions"`
	}
	if err := c.Call(http.MethodGet, "/plugins/"+c.Name+"/versions", "", nil, &vs); err != nil {
		return v, nil, err
	}
	for _, v := range vs.Versions {
		if v.Hash != hash {
			continue
		}
		if c.Module != "" {
			body, err = os.ReadFile(c.Module)
		} else {
			err = c.Call(http.MethodGet, fmt.Sprintf("/plugins/%s/versions/%d/module", c.Name, v.No), "", nil, &body)
		}
		return v, body, err
	}
	return v, nil, fmt.Errorf("no version with the hash %.12s is kept", hash)
}

type pluginLogsCmd struct {
	pluginNameArg
	apiFlags
	Follow bool `short:"f" help:"Go on as runs are recorded."`
}

// Run prints logs, oldest first.
func (c pluginLogsCmd) Run(s streams) error {
	query := ""
	for last := int64(-1); ; {
		var page struct {
			After int64 `json:"after"`
			Logs  []struct {
				Run   int64        `json:"run"`
				At    time.Time    `json:"at"`
				Hook  waxwing.Hook `json:"hook"`
				Role  string       `json:"role"`
				Fault string       `json:"fault"`
				Log   string       `json:"log"`
			} `json:"logs"`
		}
		if err := c.Call(http.MethodGet, "/plugins/"+c.Name+"/logs"+query, "", nil, &page); err != nil {
			return err
		}
		for _, l := range page.Logs {
			_, _ = fmt.Fprintf(s.out, "%s run %d %s %s %s\n", l.At.Local().Format(time.DateTime), l.Run, l.Role, l.Hook, l.Fault)
			for line := range strings.Lines(l.Log) {
				_, _ = fmt.Fprintf(s.out, "  %s\n", remote.Printable(strings.TrimRight(line, "\n")))
			}
		}
		query = fmt.Sprintf("?after=%d", page.After)
		if page.After != last {
			last = page.After
			continue
		}
		if !c.Follow {
			return nil
		}
		time.Sleep(time.Second)
	}
}
