package orders

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// fileFlags say how a file of orders is to be read.
type fileFlags struct {
	Group string `help:"The column of a CSV file whose equal values, in rows that follow each other, make one order." placeholder:"COLUMN"`
}

// record is one event of a file.
type record struct {
	n    int // from 1
	line int // where it begins
	raw  []byte
}

// maxLine bounds one line of a file: no event may be larger.
const maxLine = 8 << 20

// records calls each with the events of a file: of a CSV file (.csv, .tsv) an object of its columns, with all its rows
// under "rows"; else JSON, one event a line, or a list of them. It goes on behind what no event can be read from: bad
// is told of it.
func (f fileFlags) records(path string, each func(record) error, bad func(line int, err error)) error {
	in, err := os.Open(path) // the user's own file
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	r := bufio.NewReaderSize(in, 1<<20)
	if b, _ := r.Peek(3); bytes.Equal(b, []byte("\xef\xbb\xbf")) {
		_, _ = r.Discard(3)
	}
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case ext == ".csv" || ext == ".tsv":
		return f.table(r, each, bad)
	case f.Group != "":
		return fmt.Errorf("--group: %s is no .csv file", path)
	}
	for {
		b, err := r.Peek(1)
		if err != nil {
			return nil // an empty file
		}
		switch b[0] {
		case ' ', '\t', '\r', '\n':
			_, _ = r.Discard(1)
			continue
		case '[':
			return array(r, each)
		}
		return jsonLines(r, each, bad)
	}
}

func jsonLines(r *bufio.Reader, each func(record) error, bad func(int, error)) error {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 64<<10), maxLine)
	n, line := 0, 0
	for s.Scan() {
		line++
		raw := bytes.TrimSpace(s.Bytes())
		if len(raw) == 0 {
			continue
		}
		n++
		if !json.Valid(raw) {
			bad(line, errors.New("it is no JSON; a file of JSON has one event on each line, or is a list of them"))
			continue
		}
		if err := each(record{n, line, bytes.Clone(raw)}); err != nil {
			return err
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return fmt.Errorf("line %d is longer than %d MiB: no event is", line+1, maxLine>>20)
	}
	return s.Err()
}

func array(r io.Reader, each func(record) error) error {
	d := json.NewDecoder(r)
	if _, err := d.Token(); err != nil {
		return err
	}
	for n := 1; d.More(); n++ {
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return fmt.Errorf("event %d of the list: %w", n, err)
		}
		if err := each(record{n: n, raw: raw}); err != nil {
			return err
		}
	}
	return nil
}

// table reads rows of columns, whose names stand in the first.
func (f fileFlags) table(r *bufio.Reader, each func(record) error, bad func(int, error)) error {
	c := csv.NewReader(r)
	head, _ := r.Peek(64 << 10)
	first, _, _ := strings.Cut(string(head), "\n")
	for _, sep := range []rune{'\t', ';'} {
		if strings.Count(first, string(sep)) > strings.Count(first, string(c.Comma)) {
			c.Comma = sep
		}
	}
	c.FieldsPerRecord = -1
	names, err := c.Read()
	if err != nil {
		return fmt.Errorf("the first row, of the columns' names: %w", err)
	}
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
		if slices.Contains(names[:i], names[i]) {
			return fmt.Errorf("the column %q stands in the first row twice", names[i])
		}
	}
	by := slices.Index(names, f.Group)
	if f.Group != "" && by < 0 {
		return fmt.Errorf("--group: there is no column %q; there are %s", f.Group, strings.Join(names, ", "))
	}
	g := grouping{names: names, by: by, each: each, bad: bad}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return g.flush()
		}
		line, _ := c.FieldPos(0)
		var wrong *csv.ParseError
		switch {
		case errors.As(err, &wrong):
			bad(wrong.Line, wrong.Err)
			g.spoil(wrong.Line)
			continue
		case err != nil:
			return err
		case len(row) != len(names):
			bad(line, fmt.Errorf("it has %d columns, and the first row %d", len(row), len(names)))
			g.spoil(line)
			continue
		}
		if err := g.add(line, row); err != nil {
			return err
		}
	}
}

// grouping makes events of rows.
type grouping struct {
	names []string
	by    int // the column; -1: each row is an event
	each  func(record) error
	bad   func(line int, err error)

	n, line int
	rows    []map[string]string
	spoiled int // the line of a row beside these that cannot be read; 0: there is none
}

// spoil notes a row that cannot be read. It may be of the order before it or of the one after it: neither of them is
// known whole.
func (g *grouping) spoil(line int) {
	if g.by < 0 {
		return
	}
	if len(g.rows) > 0 {
		g.bad(g.line, fmt.Errorf("the order that begins here may have the row of line %d, which cannot be read", line))
		g.rows = nil
	}
	g.spoiled = line
}

func (g *grouping) add(line int, row []string) error {
	x := make(map[string]string, len(row))
	for i, v := range row {
		x[g.names[i]] = v
	}
	if len(g.rows) > 0 && (g.by < 0 || g.rows[0][g.names[g.by]] != x[g.names[g.by]]) {
		if err := g.flush(); err != nil {
			return err
		}
	}
	if len(g.rows) == 0 {
		g.line = line
	}
	g.rows = append(g.rows, x)
	return nil
}

// flush gives the event of the rows that there are.
func (g *grouping) flush() error {
	if len(g.rows) == 0 {
		return nil
	}
	event := make(map[string]any, len(g.names)+1)
	for k, v := range g.rows[0] {
		event[k] = v
	}
	event["rows"] = g.rows
	raw, err := json.Marshal(event)
	if err != nil {
		return err
	}
	g.rows = nil
	if at := g.spoiled; at > 0 {
		g.spoiled = 0
		g.bad(g.line, fmt.Errorf("the order that begins here may have the row of line %d, which cannot be read", at))
		return nil
	}
	g.n++
	return g.each(record{g.n, g.line, raw})
}
