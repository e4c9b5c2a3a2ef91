package sdk

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"text/template"
)

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// starter is what the templates of a project know.
type starter struct {
	Name, Lang, Hook string
	Main             string // the file that the author writes
	Product          string // what is built
}

// Scaffold writes a project to dir, which must be empty or not there: the SDK,
// a working plugin for the hook, fixtures that it passes, a Makefile and a
// README. It builds without a network. The files are named relative to dir.
func Scaffold(dir, name, language, hook string) (written []string, err error) {
	if !nameForm.MatchString(name) {
		return nil, fmt.Errorf("the name %.60q: use a-z, 0-9 and -, beginning with a letter, up to 40", name)
	}
	l, err := findLang(language)
	if err != nil {
		return nil, err
	}
	i := slices.Index(Hooks(), hook)
	if i < 0 {
		return nil, fmt.Errorf("there is no hook %.40q: choose from %s", hook, strings.Join(Hooks(), ", "))
	}
	if err := mustBeEmpty(dir); err != nil {
		return nil, err
	}
	data := starter{Name: name, Lang: l.name, Hook: hook, Main: l.main, Product: name + l.product}
	add := func(to string, b []byte) error {
		written = append(written, to)
		return writeFile(dir, to, b)
	}
	manifest, err := json.MarshalIndent(struct {
		Name        string            `json:"name"`
		Version     string            `json:"version"`
		Lang        string            `json:"lang"`
		Hooks       []string          `json:"hooks"`
		Needs       []string          `json:"needs,omitempty"`
		Reasons     []string          `json:"reasons,omitempty"`
		Config      map[string]string `json:"config,omitempty"`
		Description string            `json:"description"`
	}{name, "0.1.0", l.name, []string{hook}, hooks[i].needs, hooks[i].says, hooks[i].config, "A starting point for " + hook + "."}, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := add("plugin.json", append(manifest, '\n')); err != nil {
		return nil, err
	}
	for _, from := range []string{"project/every", "project/" + l.name} {
		if err := fill(from, "", data, add); err != nil {
			return nil, err
		}
	}
	ext := path.Ext(l.main)
	if err := fillFile("project/starter/"+hook+ext+".tmpl", l.main, data, add); err != nil {
		return nil, err
	}
	if err := fill("project/fixtures/"+hook, "fixtures", data, add); err != nil {
		return nil, err
	}
	copied, err := writeSDK(dir, l.name)
	written = append(written, copied...)
	slices.Sort(written)
	return written, err
}

func mustBeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case os.IsNotExist(err):
		return nil
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty: name a folder that is not there yet", filepath.Base(dir))
	}
	return nil
}

// fill writes the files below a folder of templates. The names of templates end
// in .tmpl, so that this module does not take them for its own; "dot-" stands
// for a dot, since files with one are not embedded.
func fill(from, to string, data starter, add func(string, []byte) error) error {
	return fs.WalkDir(files, from, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name := strings.TrimSuffix(strings.TrimPrefix(p, from+"/"), ".tmpl")
		name = strings.Replace(name, "dot-", ".", 1)
		return fillFile(p, path.Join(to, name), data, add)
	})
}

func fillFile(from, to string, data starter, add func(string, []byte) error) error {
	b, err := files.ReadFile(from)
	if err != nil {
		return err
	}
	if strings.HasSuffix(from, ".tmpl") {
		t, err := template.New(from).Delims("<<", ">>").Parse(string(b))
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := t.Execute(&out, data); err != nil {
			return err
		}
		b = out.Bytes()
	}
	return add(to, b)
}
