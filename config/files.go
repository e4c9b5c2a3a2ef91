package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml/ast"
)

// includes decodes the files that the main one names into the same configuration.
func (d *decoder) includes(v reflect.Value, names []string) {
	for i, name := range names {
		at := fmt.Sprintf("include[%d]", i)
		s := d.spots[at]
		if s.bad {
			continue
		}
		file := name
		if !filepath.IsAbs(file) {
			file = filepath.Join(d.dir, name)
		}
		if slices.Contains(names[:i], name) {
			d.add(s.value, fmt.Sprintf("include names %.100q twice", name), "Take one of them out")
			continue
		}
		src, problem := readFile(file)
		if problem != "" {
			d.add(s.value, fmt.Sprintf("%s %.100q %s", at, name, problem), "Mend the path, which begins at the configuration file, or let the daemon's user read it")
			continue
		}
		if root := d.within(file, src, "Write sections of the configuration, or take it out of include"); root.node != nil {
			root.value(root.node, v, field{typ: v.Type()}, "")
		}
	}
}

// fileDecoder decodes a file of several.
type fileDecoder struct {
	*decoder
	node ast.Node // nil: it could not be read
}

// within begins another file of the same configuration.
func (d *decoder) within(name string, src []byte, begin string) fileDecoder {
	s, root := read(name, src, d.words, begin)
	*d.files = append(*d.files, s)
	return fileDecoder{d.of(s), root}
}

// of is a decoder for another file, with the same paths.
func (d *decoder) of(s *source) *decoder {
	return &decoder{paths: &paths{s, filepath.Dir(s.name), d.spots}, env: d.env, anchors: anchors{}, sections: d.sections, files: d.files}
}

// readFile reads a file of the configuration. The problem is empty where that went well.
func readFile(path string) (b []byte, problem string) {
	st, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, "does not exist"
	case err == nil && !st.Mode().IsRegular():
		return nil, "is no file"
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, "cannot be opened"
	}
	defer func() { _ = f.Close() }() // only read
	if b, err = io.ReadAll(io.LimitReader(f, maxFile+1)); err != nil {
		return nil, "cannot be read"
	}
	return b, ""
}

// tenantExt ends the names of tenants' files.
const tenantExt = ".yaml"

// tenantFolder is the tenants that have a file each, beside those of the main file.
type tenantFolder struct {
	*checker
	main *decoder
}

// read reads the tenants that have a file each. They are decoded at once and
// checked in the order of their names; what is known of a file's text is dropped when it
// has no mistake, since there may be thousands.
func (x *tenantFolder) read() {
	if x.c.TenantsDir == "" {
		if x.given("tenants_dir") {
			x.fail("tenants_dir", "tenants_dir is empty", "Name a folder, or leave the key out")
		}
		return
	}
	x.c.TenantsDir = x.beside("tenants_dir", x.c.TenantsDir)
	names := x.names(x.c.TenantsDir)
	if x.c.Tenants == nil {
		x.c.Tenants = make(map[string]Tenant, len(names))
	}
	for some := range slices.Chunk(names, 256) {
		for _, f := range x.decodeAll(some) {
			x.take(f)
		}
	}
}

// names lists the tenants of a folder. Files of other kinds, and those whose names
// begin with a dot, are an editor's or a container's; but for .yml, which nobody means to
// be passed over.
func (x *tenantFolder) names(dir string) (names []string) {
	entries, err := os.ReadDir(dir) // sorted
	if err != nil {
		x.fail("tenants_dir", fmt.Sprintf("tenants_dir %s cannot be read", x.quote("tenants_dir")), "Mend the path, which begins at the configuration file, or let the daemon's user read it")
		return nil
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), tenantExt)
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		if short, yml := strings.CutSuffix(e.Name(), ".yml"); yml {
			x.fault(filepath.Join(dir, e.Name()), "a tenant's file ends in "+tenantExt, "Name it "+short+tenantExt)
		}
		if ok {
			names = append(names, name)
		}
	}
	if len(names) == 0 && len(x.c.Tenants) == 0 && !x.given("tenants") {
		x.fail("tenants_dir", fmt.Sprintf("tenants_dir %s holds no tenant", x.quote("tenants_dir")), "Put a file there for each: NAME"+tenantExt)
	}
	return names
}

// fault reports a file that is not looked into.
func (x *tenantFolder) fault(name, problem, remedy string) {
	s := newSource(name, "", x.words)
	s.add(place{1, 1}, problem, remedy)
	*x.main.files = append(*x.main.files, s)
}

// decodedTenant is a tenant's file before the rules between its values are checked.
type decodedTenant struct {
	name string
	d    *decoder
	t    Tenant
	ok   bool
}

// decodeAll reads and decodes some files, on all processors.
func (x *tenantFolder) decodeAll(names []string) []decodedTenant {
	out := make([]decodedTenant, len(names))
	var wg sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), len(names))
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(names); i += workers {
				out[i] = x.decode(names[i])
			}
		})
	}
	wg.Wait()
	return out
}

func (x *tenantFolder) decode(name string) decodedTenant {
	file, path := filepath.Join(x.c.TenantsDir, name+tenantExt), "tenants."+name
	src, problem := readFile(file)
	if problem != "" {
		s := newSource(file, "", x.words)
		s.add(place{1, 1}, "the tenant's file "+problem, "Let the daemon's user read it, or take it out")
		return decodedTenant{name: name, d: x.main.of(s)}
	}
	s, root := read(file, src, x.words, "Write what would stand below tenants."+name+", or take it out")
	out := decodedTenant{name: name, d: x.main.of(s), ok: root != nil}
	out.d.spots = map[string]spot{"": x.spots[""]}
	if !out.ok {
		return out
	}
	at := placeOf(start(root))
	out.d.mark(path, spot{key: at, value: at})
	if !validName(name) {
		s.add(place{1, 1}, fmt.Sprintf("%.80q is no name", name), "Use a-z, 0-9, - and _, up to 64, with a letter or digit first")
		return out
	}
	v := reflect.ValueOf(&out.t).Elem()
	out.d.value(root, v, field{typ: v.Type()}, path)
	return out
}

// take checks one that was decoded, and takes it.
func (x *tenantFolder) take(f decodedTenant) {
	path := "tenants." + f.name
	if f.ok {
		if _, twice := x.c.Tenants[f.name]; twice {
			first := x.spots[path]
			f.d.add(place{1, 1}, fmt.Sprintf("%s stands in %s already, on line %d", path, first.src.name, first.key.line), "Keep one of them")
		} else {
			x.c.Tenants[f.name] = f.t
			y := checker{paths: f.d.paths, c: x.c, bearers: x.bearers}
			y.tenant(path, f.name)
		}
	}
	if len(f.d.faults) > 0 {
		*x.main.files = append(*x.main.files, f.d.source)
		x.spots[path] = spot{bad: true}
	}
}
