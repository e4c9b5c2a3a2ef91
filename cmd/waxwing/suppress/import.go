package suppress

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/orders"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
)

// Import suppresses the addresses of a file. What is suppressed already stays as it is, so that the same
// file again changes nothing, and an import that was broken off goes on by being repeated.
type Import struct {
	File  string `arg:"" help:"The file; - is standard input." placeholder:"FILE"`
	Class string `help:"Why they are not to be mailed: person, hard, soft or complaint. What export wrote says so itself." default:"person" enum:"person,hard,soft,complaint"`
	why
	remote.Flags
}

// one is an address, or an id, of the file, and the line that it stands in.
type one struct {
	line    int
	key     string // of an id
	Address string `json:"address,omitempty"`
	ID      string `json:"id,omitempty"`
	Class   string `json:"class,omitempty"`
	Reason  string `json:"reason,omitempty"`
}

// batch is how many one request suppresses.
const batch = 500

// most of the bad lines are named; the others are counted.
const most = 100

// importing is an import under way.
type importing struct {
	Import
	out, err       io.Writer
	some           []one
	added, known   int
	bad, mentioned int
}

// Run imports.
func (c Import) Run(s orders.Streams) error {
	in := s.In
	if c.File != "-" {
		f, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // it is only read
		in = f
	}
	x := &importing{Import: c, out: s.Out, err: s.Err}
	err := x.read(bufio.NewReaderSize(in, 64<<10))
	if err == nil {
		err = x.send()
	}
	_, _ = fmt.Fprintf(s.Out, "%d new, %d suppressed before, %d bad lines\n", x.added, x.known, x.bad)
	if err == nil && x.bad > 0 {
		err = fmt.Errorf("%d lines were left out", x.bad)
	}
	return err
}

// read takes the file by what it begins with: JSON lines, a CSV whose head has a column email, or
// addresses.
func (x *importing) read(in *bufio.Reader) error {
	if bom, _ := in.Peek(3); string(bom) == "\ufeff" {
		_, _ = in.Discard(3)
	}
	head, _ := in.Peek(4 << 10)
	first, _, _ := strings.Cut(string(head), "\n")
	first = strings.TrimSpace(first)
	sep := ','
	if strings.Count(first, ";") > strings.Count(first, ",") {
		sep = ';'
	}
	switch {
	case strings.HasPrefix(first, "{"):
		return x.lines(in, x.jsonLine)
	case emailColumn(strings.Split(first, string(sep))) >= 0:
		return x.table(in, sep)
	}
	return x.lines(in, func(n int, line string) error { return x.take(one{line: n, Address: line}) })
}

// emailColumn is which column has the addresses; -1: none.
func emailColumn(head []string) int {
	return slices.IndexFunc(head, func(h string) bool {
		h = strings.ToLower(strings.Trim(strings.TrimSpace(h), `"`))
		return slices.Contains([]string{"email", "e-mail", "email address", "email_address", "emailaddress", "recipient", "address"}, h)
	})
}

func (x *importing) lines(in io.Reader, f func(n int, line string) error) error {
	s, n := bufio.NewScanner(in), 0
	for s.Scan() {
		n++
		if line := strings.TrimSpace(s.Text()); line != "" {
			if err := f(n, line); err != nil {
				return err
			}
		}
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("%s:%d: %w", x.File, n+1, err)
	}
	return nil
}

// jsonLine is one that export wrote.
func (x *importing) jsonLine(n int, line string) error {
	var e exported
	if err := json.Unmarshal([]byte(line), &e); err != nil || e.ID == (waxwing.SuppressionID{}) || e.Key == "" {
		x.complain(n, "it is no line of waxwing suppress export")
		return nil
	}
	return x.take(one{line: n, key: e.Key, ID: e.ID.String(), Class: string(e.Class), Reason: e.Reason})
}

func (x *importing) table(in io.Reader, sep rune) error {
	r := csv.NewReader(in)
	r.Comma, r.FieldsPerRecord, r.ReuseRecord, r.LazyQuotes = sep, -1, true, true
	head, err := r.Read()
	if err != nil {
		return fmt.Errorf("%s: %w", x.File, err)
	}
	column := emailColumn(head)
	for {
		row, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("%s: %w", x.File, err)
		}
		n, _ := r.FieldPos(0)
		if column >= len(row) || strings.TrimSpace(row[column]) == "" {
			x.complain(n, "it has no address")
			continue
		}
		if err := x.take(one{line: n, Address: strings.TrimSpace(row[column])}); err != nil {
			return err
		}
	}
}

// take adds one, and sends what is a batch.
func (x *importing) take(o one) error {
	if len(x.some) == batch || len(x.some) > 0 && x.some[0].key != o.key {
		if err := x.send(); err != nil {
			return err
		}
	}
	x.some = append(x.some, o)
	return nil
}

// complain names a bad line. What stands in it may be somebody's address, and is not shown.
func (x *importing) complain(line int, why string) {
	x.bad++
	if x.mentioned++; x.mentioned <= most {
		_, _ = fmt.Fprintf(x.err, "%s:%d: %s\n", x.File, line, remote.Printable(why))
	}
}

func (x *importing) send() error {
	if len(x.some) == 0 {
		return nil
	}
	b, err := json.Marshal(map[string]any{"class": x.Class, "reason": x.Reason, "key": x.some[0].key, "suppressions": x.some})
	if err != nil {
		return err
	}
	var said struct {
		New, Known int
		Bad        []struct {
			Index int
			Why   string
		}
	}
	if err := x.Call(http.MethodPost, "/people/suppressions", "application/json", b, &said); err != nil {
		return fmt.Errorf("at line %d, with all lines before it done: %w", x.some[0].line, err)
	}
	x.added, x.known = x.added+said.New, x.known+said.Known
	for _, bad := range said.Bad {
		if bad.Index >= 0 && bad.Index < len(x.some) {
			x.complain(x.some[bad.Index].line, bad.Why)
		}
	}
	x.some = x.some[:0]
	return nil
}
