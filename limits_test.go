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

// grown are packages and types that were larger when the limits came, with how large they may
// still be. They may only shrink: a number that is higher than what is there is a fault, too.
var grown = map[string]int{
	"ledger/machine.Set": 37,
	"templates":          25,
	"templates.view":     74,
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
		limit, known := grown[name]
		switch {
		case !known && n > most[name]:
			t.Errorf("%s has %d files or methods, at most %d are allowed: cut it", name, n, most[name])
		case known && n <= most[name]:
			t.Errorf("%s is small by now: take it out of grown", name)
		case known && n != limit:
			t.Errorf("%s has %d files or methods, and grown says %d: it may only shrink, and the number with it", name, n, limit)
		}
	}
	for name := range grown {
		if count[name] == 0 {
			t.Errorf("%s is in grown, and is gone", name)
		}
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

// crowded are functions that had more parameters when the limit came. They may only go.
var crowded = map[string]bool{
	"templates/scanner.breach": true,
}

// TestFunctionsTakeFewParameters counts parameters.
func TestFunctionsTakeFewParameters(t *testing.T) {
	_, files := sources(t)
	seen := map[string]bool{}
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
			if seen[name] = true; !crowded[name] {
				t.Errorf("%s has %d parameters, at most %d are allowed: put what belongs together into a struct", name, n, mostParameters)
			}
		}
	}
	for name := range crowded {
		if !seen[name] {
			t.Errorf("%s takes few parameters by now, or is gone: take it out of crowded", name)
		}
	}
}
