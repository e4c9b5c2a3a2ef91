package waxwing_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The rules of docs/design/house.md. They are tests because nobody reads a rule
// before breaking it.

const module = "github.com/waxwinghq/waxwing"

// folders are those of the layout, and what may be imported from each: "*" is
// everything. Subpackages of one folder may import each other.
var folders = map[string][]string{
	".":         {},
	"sdk":       {},
	"config":    {"."},
	"locales":   {"."},
	"templates": {".", "config", "locales"},
	"source":    {".", "config", "pipeline"}, // the queue's brokers, of which some are shops', too
	"channel":   {".", "config"},
	"payload":   {"."},
	"shop":      {".", "payload"},
	"enrich":    {".", "config"},
	"ledger":    {".", "config"},
	"plugins":   {".", "config"},
	"web":       {".", "config"},
	"delivery":  {"."},
	"feedback":  {".", "config"},
	"pipeline":  {".", "config", "delivery"},
	"compose":   {".", "config", "locales", "templates", "channel", "feedback"},
	"daemon":    {".", "config", "locales", "channel", "shop", "enrich", "ledger", "plugins", "web", "delivery", "pipeline", "compose", "source", "feedback"},
	"demo":      {".", "config", "channel", "enrich", "web", "daemon", "pipeline"},
	"cmd":       {"*"},
	"docs":      {},
	"testdata":  {},
	".ci":       {},
	".github":   {},
}

// owners says which folders know each outside module, and why it is there.
var owners = []struct {
	prefix  string
	folders []string
	reason  string
}{
	{"github.com/ThreeDotsLabs/watermill", []string{"pipeline", "source", "daemon"}, "carries the work between stages"},
	{"github.com/redis/go-redis", []string{"pipeline", "source"}, "the client that Watermill's adapter for Redis takes"},
	{"github.com/rabbitmq/amqp091-go", []string{"pipeline", "source"}, "the client that Watermill's adapter for RabbitMQ takes"},
	{"github.com/nats-io/nats.go", []string{"pipeline", "source"}, "our own Pub/Sub for JetStream: Watermill's ends the process"},
	{"github.com/IBM/sarama", []string{"pipeline"}, "the client that Watermill's adapter for Kafka takes"},
	{"github.com/twmb/franz-go", []string{"pipeline", "source"}, "the client of a shop's Kafka; and kfake, the Kafka of tests"},
	{"github.com/aws/aws-sdk-go-v2", []string{"pipeline", "source"}, "the client for our own Pub/Sub for SQS: Watermill's waits for ever and stops at what it cannot read"},
	{"github.com/aws/aws-sdk-go-v2/aws", []string{"channel"}, "signs what goes to SES; its client leaves no room for a commit point"},
	{"github.com/go-sql-driver/mysql", []string{"pipeline", "source"}, "the driver for MariaDB, as Watermill's adapter for SQL takes it, and for shops there"},
	{"github.com/go-mysql-org/go-mysql", []string{"source"}, "reads the binary log of a shop's MariaDB"},
	{"github.com/goccy/go-yaml", []string{"config"}, "reads the configuration with line and column"},
	{"golang.org/x/sys", []string{"ledger"}, "what names a file for good: its inode and the time it was made"},
	{"github.com/pressly/goose", []string{"ledger"}, "brings a store's tables to the program's layout"},
	{"modernc.org/sqlite", []string{"ledger"}, "the embedded ledger, without cgo"},
	{"modernc.org/libc", []string{"ledger"}, "what SQLite's own functions are called with"},
	{"github.com/jackc/pglogrepl", []string{"source"}, "the commands of logical replication"},
	{"github.com/jackc/pgx", []string{"daemon", "ledger", "pipeline", "source"}, "the ledger on Postgres, queues and shops there; and a database/sql driver for enrich's lookups, named in a list of components"},
	{"github.com/klauspost/compress", []string{"ledger"}, "S2 with dictionaries for the kept bytes"},
	{"github.com/prometheus/client_golang", []string{"web"}, "/metrics"},
	{"github.com/prometheus/common", []string{"web"}, "reads what a daemon's /metrics tell of instances"},
	{"github.com/alecthomas/kong", []string{"cmd"}, "the command line"},
	{"github.com/nicksnyder/go-i18n", []string{"locales"}, "message catalogues and plurals"},
	{"golang.org/x/text", []string{"locales", "feedback"}, "language tags and their matching; the character sets of mails that come back"},
	{"github.com/vanng822/go-premailer", []string{"templates"}, "inlines CSS, at load"},
	{"golang.org/x/net/html", []string{"templates"}, "reads a template's HTML, at load"},
	{"github.com/tetratelabs/wazero", []string{"plugins"}, "runs merchants' WebAssembly, without cgo"},
	{"github.com/emersion/go-smtp", []string{"feedback"}, "the server that takes mails that come back"},
	{"golang.org/x/net/publicsuffix", []string{"cmd"}, "what a domain is registered under, for DMARC"},
	{"golang.org/x/net/idna", []string{"channel"}, "domains of addresses as A-labels"},
	{"github.com/miekg/dns", []string{"channel"}, "where a domain's mail goes: net.Resolver tells neither for how long nor whether a name is there without an MX"},
	{"golang.org/x/sync", []string{"channel"}, "one question to DNS for all who ask it at once"},
}

// inTests are modules that only tests know, wherever they are.
var inTests = map[string]string{
	"github.com/jhillyerd/enmime":           "reads mails back with other code than wrote them",
	"github.com/mailgun/mailgun-go":         "its own stand-in takes what we post to Mailgun",
	"github.com/emersion/go-msgauth":        "verifies DKIM signatures with other code than made them",
	"go.uber.org/goleak":                    "goroutines that stay behind",
	"github.com/rogpeppe/go-internal":       "testscript: the command line's stories",
	"github.com/santhosh-tekuri/jsonschema": "holds answers and orders to their schemas",
	"github.com/google/go-cmp":              "differences that can be read",
	"golang.org/x/net/dns/dnsmessage":       "a DNS server of the test's own",
	"golang.org/x/net/html":                 "reads mails as a browser does",
	"golang.org/x/text":                     "an oracle for locales",
	"github.com/jackc/pgx":                  "asks a real Postgres",
	"modernc.org/sqlite":                    "makes shops' databases, and tampers with ledgers",
	"github.com/goccy/go-yaml":              "reads examples apart from the loader",
	"github.com/prometheus":                 "reads metrics back",
	"github.com/ThreeDotsLabs/watermill":    "loses messages on purpose",
	"github.com/redis/go-redis":             "a client of a broker as somebody careless would have it",
	"github.com/nats-io/nats.go":            "likewise",
	"github.com/go-sql-driver/mysql":        "likewise",
	"github.com/IBM/sarama":                 "likewise",
	"github.com/aws/aws-sdk-go-v2":          "likewise",
}

// sleepers are test files that may sleep, each with its reason.
var sleepers = map[string]string{
	"cmd/waxwing/torture_postgres_test.go": "kills at random moments",
	"cmd/waxwing/torture_paused_test.go":   "for how long a daemon stands still is what is tested",
	"cmd/waxwing/torture_test.go":          "kills at random moments: the moment is what is tested",
	"cmd/waxwing/torture_disk_test.go":     "the time between a start and a kill is the attack",
	"cmd/waxwing/torture_brokers_test.go":  "likewise",
	"cmd/waxwing/torture_log_test.go":      "likewise",
	"cmd/waxwing/torture_workers_test.go":  "likewise",
	"source/postgres/realshops_test.go":    "what must not come is waited for, and shops of others are asked again",
}

// source is one parsed Go file of the module.
type source struct {
	path, folder, pkg string
	test              bool
	file              *ast.File
}

// sources parses every Go file once.
func sources(t *testing.T) (*token.FileSet, []source) {
	t.Helper()
	set := token.NewFileSet()
	var out []source
	err := fs.WalkDir(os.DirFS("."), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() {
			if p != "." && (name[0] == '.' || name[0] == '_' || name == "testdata" || name == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		f, err := parser.ParseFile(set, p, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		folder, _, nested := strings.Cut(p, "/")
		if !nested {
			folder = "."
		}
		out = append(out, source{p, folder, path.Dir(p), strings.HasSuffix(name, "_test.go"), f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return set, out
}

func TestImportsPointDown(t *testing.T) {
	_, files := sources(t)
	for _, s := range files {
		for _, im := range s.file.Imports {
			p, _ := strconv.Unquote(im.Path.Value) // it was parsed
			rest, ours := strings.CutPrefix(p, module)
			switch {
			case ours:
				to, _, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
				if to == "" {
					to = "."
				}
				may := folders[s.folder]
				if to != s.folder && !slices.Contains(may, to) && !slices.Contains(may, "*") && !(s.test && testMay(s, rest)) {
					t.Errorf("%s imports %s: %s may import %v only", s.path, p, s.folder, may)
				}
			case strings.Contains(strings.Split(p, "/")[0], "."):
				outside(t, s, p)
			}
		}
	}
}

// testMay lets tests hold two packages against each other: a mail is built to
// be sent, a schema stands beside what it describes, the SDK builds examples. The loader
// is tested with the program's own components, of which it knows none; sources are tried against
// the servers that queues are tried against.
func testMay(s source, rest string) bool {
	return s.folder == "." || s.folder == "config" && rest == "/daemon" || strings.HasPrefix(rest, "/channel/sink") || strings.HasPrefix(rest, "/shop") || strings.HasPrefix(rest, "/sdk") || strings.HasPrefix(rest, "/locales") || s.folder == "source" && rest == "/pipeline/queue/queuetest"
}

func outside(t *testing.T, s source, p string) {
	t.Helper()
	for _, o := range owners {
		if !strings.HasPrefix(p, o.prefix) {
			continue
		}
		if slices.Contains(o.folders, s.folder) {
			return
		}
	}
	if s.test {
		for prefix := range inTests {
			if strings.HasPrefix(p, prefix) {
				return
			}
		}
	}
	t.Errorf("%s imports %s: a dependency has one owner; see the table in house_test.go", s.path, p)
}

// TestConfigurationsAreLoaded: a test's configuration comes from the loader, with the
// defaults that every daemon has.
func TestConfigurationsAreLoaded(t *testing.T) {
	set, files := sources(t)
	for _, s := range files {
		if !s.test || s.folder == "config" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if c, ok := n.(*ast.CompositeLit); ok {
				if x, ok := c.Type.(*ast.SelectorExpr); ok && x.Sel.Name == "Config" {
					if pkg, ok := x.X.(*ast.Ident); ok && pkg.Name == "config" {
						t.Errorf("%s makes a config.Config by hand: let config/configtest load it", set.Position(c.Pos()))
					}
				}
			}
			return true
		})
	}
}

func TestOwnersAreNeeded(t *testing.T) {
	_, files := sources(t)
	used := map[string]bool{}
	for _, s := range files {
		for _, im := range s.file.Imports {
			for _, o := range owners {
				if strings.Contains(im.Path.Value, o.prefix) {
					used[o.prefix] = true
				}
			}
		}
	}
	alternatives := map[string]bool{"github.com/goccy/go-yaml": true, "go.yaml.in/yaml": true, "github.com/invopop/jsonschema": true}
	for _, o := range owners {
		if !used[o.prefix] && !alternatives[o.prefix] {
			t.Errorf("nobody imports %s (%s): take it off the table", o.prefix, o.reason)
		}
	}
}

func TestFoldersAndNames(t *testing.T) {
	_, files := sources(t)
	bad := regexp.MustCompile(`^(util|utils|common|helper|helpers|manager|base|misc|lib)$`)
	for _, s := range files {
		if _, ok := folders[s.folder]; !ok {
			t.Errorf("%s: the folder %s is not in docs/design/house.md", s.path, s.folder)
		}
		for _, part := range append(strings.Split(s.pkg, "/"), strings.TrimSuffix(s.file.Name.Name, "_test")) {
			if bad.MatchString(part) {
				t.Errorf("%s: %q names no duty", s.path, part)
			}
		}
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init(): lists of components are written out in daemon/components.go", s.path)
			}
		}
	}
}

func TestEachPackageSaysWhatItIsFor(t *testing.T) {
	_, files := sources(t)
	said := map[string]bool{}
	for _, s := range files {
		if !s.test {
			said[s.pkg] = said[s.pkg] || s.file.Doc != nil && len(s.file.Doc.Text()) > 20
		}
	}
	for _, p := range slices.Sorted(maps.Keys(said)) {
		if !said[p] {
			t.Errorf("package %s has no comment", p)
		}
	}
}

func TestEachExportedNameHasAComment(t *testing.T) {
	set, files := sources(t)
	complain := func(n ast.Node, name string) {
		t.Errorf("%s: %s has no comment", set.Position(n.Pos()), name)
	}
	for _, s := range files {
		if s.test {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
					complain(d, d.Name.Name)
				}
			case *ast.GenDecl:
				checkSpecs(d, complain)
			}
		}
	}
}

// exportedReceiver: methods of hidden types are commented where their
// interface is, unless it is one that others must know.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	x := d.Recv.List[0].Type
	if s, ok := x.(*ast.StarExpr); ok {
		x = s.X
	}
	if i, ok := x.(*ast.IndexExpr); ok {
		x = i.X
	}
	id, ok := x.(*ast.Ident)
	return ok && id.IsExported()
}

func checkSpecs(d *ast.GenDecl, complain func(ast.Node, string)) {
	for _, sp := range d.Specs {
		switch sp := sp.(type) {
		case *ast.TypeSpec:
			if sp.Name.IsExported() && d.Doc == nil && sp.Doc == nil {
				complain(sp, sp.Name.Name)
			}
		case *ast.ValueSpec:
			// One comment over a block of constants is enough.
			for _, n := range sp.Names {
				if n.IsExported() && d.Doc == nil && sp.Doc == nil && sp.Comment == nil {
					complain(n, n.Name)
				}
			}
		}
	}
}

// TestInterfacesAreContracts: each method says what it promises, and names its parameters.
func TestInterfacesAreContracts(t *testing.T) {
	set, files := sources(t)
	for _, s := range files {
		if s.test {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			typ, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			i, ok := typ.Type.(*ast.InterfaceType)
			if !ok {
				return true
			}
			for _, m := range i.Methods.List {
				if len(m.Names) == 0 {
					continue // another interface
				}
				if m.Doc == nil {
					t.Errorf("%s: %s.%s has no contract above it", set.Position(m.Pos()), typ.Name.Name, m.Names[0].Name)
				}
				for _, p := range m.Type.(*ast.FuncType).Params.List {
					if len(p.Names) == 0 && len(m.Type.(*ast.FuncType).Params.List) > 1 {
						t.Errorf("%s: %s.%s does not name its parameters", set.Position(m.Pos()), typ.Name.Name, m.Names[0].Name)
						break
					}
				}
			}
			return true
		})
	}
}

// document is a page that a comment points at.
var document = regexp.MustCompile(`[A-Za-z0-9_./-]+\.md\b(\.tmpl)?`)

// TestDocumentsInCommentsExist: whoever follows a comment finds the page, from the root or in docs.
func TestDocumentsInCommentsExist(t *testing.T) {
	set, files := sources(t)
	for _, s := range files {
		for _, g := range s.file.Comments {
			for _, c := range g.List {
				for _, name := range document.FindAllString(c.Text, -1) {
					if strings.HasPrefix(name, "//") || strings.HasPrefix(name, "../") { // a link to elsewhere, or shared inputs
						continue
					}
					found := false
					for _, in := range []string{"", "docs/", filepath.Dir(s.path) + "/"} {
						if _, err := os.Stat(in + name); err == nil {
							found = true
						}
					}
					if !found {
						t.Errorf("%s: the comment names %s, and there is no such page", set.Position(c.Pos()), name)
					}
				}
			}
		}
	}
}

func TestTestsDoNotSleep(t *testing.T) {
	set, files := sources(t)
	for _, s := range files {
		if !s.test || sleepers[s.path] != "" {
			continue
		}
		synctest := false
		for _, im := range s.file.Imports {
			synctest = synctest || im.Path.Value == `"testing/synctest"`
		}
		if synctest {
			continue // its clock is not ours
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			if c, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := c.X.(*ast.Ident); ok && x.Name == "time" && c.Sel.Name == "Sleep" {
					t.Errorf("%s sleeps: wait for what happens", set.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

// machines are paths and hosts that stand on one machine only.
var machines = regexp.MustCompile(`/(root|home/[a-z]+)/(go|work|src|\.)|/work/(main|shared)\b|(registry|proxy|mirror)[a-z0-9.-]*\.(internal|local|lan)\b|GOPROXY=http`)

func TestNothingOfThisMachine(t *testing.T) {
	out, err := exec.Command("git", "ls-files", "-z").Output()
	if err != nil {
		t.Skip("not a git checkout:", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if name == "" || name == "house_test.go" {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			continue // removed, not committed yet
		}
		if i := machines.FindIndex(b); i != nil {
			line := 1 + strings.Count(string(b[:i[0]]), "\n")
			t.Errorf("%s:%d: %q is of one machine", name, line, b[i[0]:i[1]])
		}
		if top, _, ok := strings.Cut(name, "/"); ok {
			if _, ok := folders[top]; !ok {
				t.Errorf("%s: the folder %s is not in docs/design/house.md", name, top)
			}
		}
	}
}
