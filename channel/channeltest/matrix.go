package channeltest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Now is the time of a Matrix: providers are to be given a clock that says so.
var Now = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

// Matrix holds a provider over HTTP to its table of verdicts: each status of an answer with
// each fate of its body. Its lines are status, fate, verdict, fault, "bad" and the wait that was
// asked for, "-" for none; the statuses and fates are the same for every provider.
type Matrix struct {
	// Open makes the provider, for a server at url, with the clock Now; timeout bounds its
	// requests where it is not zero.
	Open    func(url string, timeout time.Duration) (Provider, error)
	Message *waxwing.Outgoing
	// Made and No are the body of an answer that took the message, and of one that did not.
	Made, No string
	// Head are header lines of each answer, each with its CRLF.
	Head string
	// RefInHead says that an accepted message has its Ref from Head, whatever becomes of the body.
	RefInHead bool
	NoRef     bool // an accepted message has none
}

// The rows and columns of every table.
const matrixRows, matrixColumns = 22, 6

// Run reads the table and tries each of its cells against a server of its own.
func (m Matrix) Run(t *testing.T, table string) {
	raw, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = io.CopyN(z, zeros{}, 20<<20) // into memory
	_ = z.Close()
	cells := map[string]bool{}
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for l := range strings.Lines(string(raw)) {
		f := strings.Fields(l)
		if len(f) != 6 || f[0] == "#" {
			continue
		}
		cells[f[0]+" "+f[1]] = true
		wg.Go(func() {
			if f[1] != "stall" { // those only wait, all at once
				slots <- struct{}{}
				defer func() { <-slots }()
			}
			m.cell(t, f, bomb.Bytes())
		})
	}
	wg.Wait()
	if len(cells) != matrixRows*matrixColumns {
		t.Errorf("%d cells in the table, want %d", len(cells), matrixRows*matrixColumns)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func (m Matrix) cell(t *testing.T, f []string, bomb []byte) {
	stop := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		m.answer(w, f, bomb, stop)
	}))
	defer srv.Close()
	var timeout time.Duration
	if f[1] == "stall" {
		timeout = time.Second
	}
	p, err := m.Open(srv.URL, timeout)
	if err != nil {
		close(stop)
		t.Error(err)
		return
	}
	commits := 0
	a := p.Offer(context.Background(), m.Message, func() error { commits++; return nil })
	close(stop)
	_ = p.Close(context.Background())
	side, bad := string(a.Fault), "-"
	if side == "" {
		side = "-"
	}
	if a.Bad {
		bad = "bad"
	}
	got := []string{f[0], f[1], string(a.Verdict), side, bad, fmt.Sprintf("%.0fs", a.RetryAfter.Seconds())}
	if strings.Join(got, " ") != strings.Join(f, " ") || commits != 1 {
		t.Errorf("got %v, want %v (%v), %d commits", got, f, a.Err, commits)
	}
	whole := f[1] == "normal" || f[1] == "reset-after-body"
	if (a.Ref != "") != (a.Verdict == waxwing.Accepted && !m.NoRef && (whole || m.RefInHead)) {
		t.Errorf("%v: ref %q", f, a.Ref)
	}
}

// say writes to a client that may have gone already.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// answer writes status row's head and does to the body what column says.
func (m Matrix) answer(w http.ResponseWriter, f []string, bomb []byte, stop <-chan struct{}) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = c.Close() }() // however it ends
	row, column, body := f[0], f[1], m.Made
	if row == "200-bad-json" {
		body = "{" + body[:min(len(body), 20)]
	}
	if row[0] > '2' {
		body = m.No
	}
	head := "HTTP/1.1 " + row[:3] + " Status\r\nContent-Type: application/json\r\n" + m.Head
	if !strings.Contains(m.Head, "Location:") {
		head += "Location: http://127.0.0.1:1/\r\n"
	}
	switch row {
	case "429-int":
		head += "Retry-After: 7\r\n"
	case "429-date":
		head += "Retry-After: " + Now.Add(90*time.Second).Format(http.TimeFormat) + "\r\n"
	case "429-negative":
		head += "Retry-After: -5\r\n"
	case "429-huge":
		head += "Retry-After: 99999999999999999999\r\n"
	}
	switch column {
	case "normal":
		say(c, "%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
	case "reset-before-body":
		say(c, "%sContent-Length: %d\r\n\r\n", head, max(len(body), 1))
		_ = c.(*net.TCPConn).SetLinger(0)
	case "reset-after-body":
		say(c, "%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
		_ = c.(*net.TCPConn).SetLinger(0)
	case "stall":
		say(c, "%sContent-Length: %d\r\n\r\n", head, max(len(body), 1))
		<-stop
	case "100MiB":
		say(c, "%sContent-Length: %d\r\n\r\n", head, 100<<20)
		_, _ = io.CopyN(c, zeros{}, 100<<20)
	case "gzip-bomb":
		say(c, "%sContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", head, len(bomb))
		_, _ = c.Write(bomb)
	}
}
