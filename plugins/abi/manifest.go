package abi

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// The languages that a plugin may be written in. Go's runtime needs larger
// limits than the others; JavaScript runs on an engine that all share.
const (
	LangGo             = "go"
	LangRust           = "rust"
	LangC              = "c"
	LangAssemblyScript = "assemblyscript"
	LangJS             = "js"
)

// Manifest says what a plugin is, which hooks it fills and what it needs to
// see of an order (plugin.json).
type Manifest struct {
	Name        string            `json:"name"`
	Version     string            `json:"version"`
	Lang        string            `json:"lang"`
	Hooks       []waxwing.Hook    `json:"hooks"`
	Needs       []string          `json:"needs,omitempty"`
	Reasons     []string          `json:"reasons,omitempty"` // of filter, for the trail
	Config      map[string]string `json:"config,omitempty"`
	Description string            `json:"description,omitempty"`

	NeedSet NeedSet
}

var (
	nameForm    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	versionForm = regexp.MustCompile(`^[0-9A-Za-z.+-]{1,32}$`)
	keyForm     = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	reasonForm  = regexp.MustCompile(`^[A-Za-z0-9]+([ _-][A-Za-z0-9]+)*$`)
	langs       = []string{LangGo, LangRust, LangC, LangAssemblyScript, LangJS}
)

const maxManifest = 16 << 10

// ParseManifest reads a plugin.json exactly: a key in another case, one that
// looks like another, one that stands there twice and a text with characters
// that nobody sees are refused, since whoever approves a plugin goes by what the
// file shows. Each mistake is named with its place and remedy. The error is permanent.
func ParseManifest(b []byte) (*Manifest, error) {
	if len(b) > maxManifest {
		return nil, ManifestError("it has %d bytes, at most %d are allowed", len(b), maxManifest)
	}
	if looks := LooksLike(b); looks != "" {
		return nil, ManifestError("at byte 0: %s: save it as plain UTF-8 text, without a byte order mark", looks)
	}
	m := &Manifest{}
	if err := m.read(b); err != nil {
		return nil, ManifestError("%v", err)
	}
	return m, m.check()
}

// ManifestError is a permanent error of the author's that names plugin.json.
func ManifestError(format string, args ...any) error {
	return waxwing.Permanent(fmt.Errorf("plugin.json: "+format, args...))
}

func (m *Manifest) check() error {
	var errs []error
	add := func(format string, args ...any) { errs = append(errs, ManifestError(format, args...)) }
	if !nameForm.MatchString(m.Name) {
		add("name %.60q: use a-z, 0-9 and -, beginning with a letter, up to 40", m.Name)
	}
	if !versionForm.MatchString(m.Version) {
		add("version %.60q: use up to 32 of 0-9 A-Z a-z . + -, such as 1.0.0", m.Version)
	}
	if !slices.Contains(langs, m.Lang) {
		add("lang %.60q: one of %s", m.Lang, strings.Join(langs, ", "))
	}
	if len(m.Hooks) == 0 {
		add("hooks is empty: name at least one of %s", hookNames())
	}
	for i, h := range m.Hooks {
		switch {
		case h == "send_time":
			add("hook send_time belongs to follow-ups, which this version does not send: take it out")
		case !slices.Contains(Hooks(), h):
			add("there is no hook %+.60q: the hooks are %s", string(h), hookNames())
		case slices.Contains(m.Hooks[:i], h):
			add("hook %s stands there twice", h)
		}
	}
	m.NeedSet = 0
	for i, n := range m.Needs {
		switch {
		case slices.Contains(m.Needs[:i], n):
			add("need %.60q stands there twice", n)
		case !m.NeedSet.Add(n):
			add("there is no need %+.60q: the needs are %s", n, strings.Join(needNames(), ", "))
		}
	}
	m.checkReasons(add)
	if len(m.Config) > 64 {
		add("config has %d keys, at most 64 are allowed", len(m.Config))
	}
	for _, k := range slices.Sorted(maps.Keys(m.Config)) {
		if !keyForm.MatchString(k) || len(m.Config[k]) > 2048 {
			add("config %.60q: a key is a-z, 0-9 and _, up to 32, its value at most 2048 bytes", k)
		}
	}
	if len(m.Description) > 500 {
		add("description has more than 500 bytes")
	}
	return errors.Join(errs...)
}

func hookNames() string {
	var out []string
	for _, h := range Hooks() {
		out = append(out, string(h))
	}
	return strings.Join(out, ", ")
}

// Fills reports whether the plugin fills a hook.
func (m *Manifest) Fills(h waxwing.Hook) bool { return slices.Contains(m.Hooks, h) }

// With lays a tenant's own settings over the manifest's.
func (m *Manifest) With(config map[string]string) map[string]string {
	if len(config) == 0 {
		return m.Config
	}
	out := maps.Clone(m.Config)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, config)
	return out
}
