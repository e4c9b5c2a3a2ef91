package waxwing_test

import (
	"go/ast"
	"path"
	"regexp"
	"testing"
)

// The habits of docs/design/house.md in numbers: a package has up to 20 files, a type up to 25
// methods, a function up to 5 parameters. Cut types, not files.
const (
	mostFiles      = 20
	mostMethods    = 25
	mostParameters = 5
)

// exceptions are packages and types that are larger, with how large they may be, and why. There
// are at most five, and a number that is higher than what is there is a fault, too.
var exceptions = map[string]struct {
	limit int
	why   string
}{
	"ledger/machine.Set": {36, "each step that rows can take is a method over the rows that were loaded: one table of steps, in one place"},
	"templates":          {25, "a compiler and a view over one schema of names, kinds and escapes: parted, forty of them would be exported for each other"},
	"templates.view":     {74, "what a template can name is one view of an order, filled part by part into buffers that are used again for each mail"},
}

// TestPackagesAndTypesStaySmall counts files of packages and methods of types.
func TestPackagesAndTypesStaySmall(t *testing.T) {
	_, files := sources(t)
	// Files of one system, of the race detector, and a package's page are no further subject.
	apart := regexp.MustCompile(`_(linux|unix|other)\.go$|/(no)?race\.go$|(^|/)doc\.go$`)
	count, most := map[string]int{}, map[string]int{}
	for _, s := range files {
		if s.test {
			continue
		}
		if !apart.MatchString(s.path) {
			count[s.pkg]++
			most[s.pkg] = mostFiles
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv != nil {
				name := s.pkg + "." + receiver(f)
				count[name]++
				most[name] = mostMethods
			}
		}
	}
	for name, n := range count {
		e, known := exceptions[name]
		switch {
		case !known && n > most[name]:
			t.Errorf("%s has %d files or methods, at most %d are allowed: cut it", name, n, most[name])
		case known && n <= most[name]:
			t.Errorf("%s is small by now: take it out of the exceptions", name)
		case known && n != e.limit:
			t.Errorf("%s has %d files or methods, and its exception says %d: it may only shrink, and the number with it", name, n, e.limit)
		}
	}
	for name, e := range exceptions {
		if count[name] == 0 || e.why == "" {
			t.Errorf("%s is an exception, and is gone, or has no reason", name)
		}
	}
	if len(exceptions) > 5 {
		t.Errorf("%d exceptions, at most five are allowed", len(exceptions))
	}
}

// receiver is the name of a method's type.
func receiver(f *ast.FuncDecl) string {
	x := f.Recv.List[0].Type
	if s, ok := x.(*ast.StarExpr); ok {
		x = s.X
	}
	if i, ok := x.(*ast.IndexExpr); ok {
		x = i.X
	}
	if id, ok := x.(*ast.Ident); ok {
		return id.Name
	}
	return "?"
}

// TestFunctionsTakeFewParameters counts parameters.
func TestFunctionsTakeFewParameters(t *testing.T) {
	_, files := sources(t)
	for _, s := range files {
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := 0
			for _, p := range f.Type.Params.List {
				n += max(len(p.Names), 1)
			}
			if n <= mostParameters {
				continue
			}
			name := path.Join(s.pkg, f.Name.Name)
			if f.Recv != nil {
				name = path.Join(s.pkg, receiver(f)+"."+f.Name.Name)
			}
			t.Errorf("%s has %d parameters, at most %d are allowed: put what belongs together into a struct", name, n, mostParameters)
		}
	}
}
