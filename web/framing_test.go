package web

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// stream has a framing look at bytes in pieces of a size.
func stream(b []byte, size int) bool {
	f := &framing{}
	for size = max(size, 1); len(b) > 0; b = b[min(size, len(b)):] {
		f.see(b[:min(size, len(b))])
	}
	return f.both.Load()
}

func TestFraming(t *testing.T) {
	const (
		sized = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
		plain = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
		both  = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
		lies  = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 62\r\n\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nGET / HTTP/1."
	)
	for s, want := range map[string]bool{
		sized: false, plain: false, both: true, sized + both: true, plain + plain + both: true, sized + sized + plain: false, lies: false, lies + both: true,
		strings.ReplaceAll(both, "\r\n", "\n"): true, sized + "\r\n\r\n" + both: true,
		strings.ReplaceAll(both, "Content-Length", "cOnTeNt-LeNgTh"):                                                          true,
		strings.ReplaceAll(both, "Transfer-Encoding:", "transfer-encoding :"):                                                 true,
		"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nX: " + strings.Repeat("y", 9000) + "\r\nContent-Length: 3\r\n\r\n": true,
		"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n":                                       false,
		"POST /Content-Length: HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n":                                                false,
		"POST /x HTTP/1.1\r\nX-Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n":                                       false,
	} {
		for size := range len(s) + 1 {
			if stream([]byte(s), size) != want {
				t.Errorf("%q by %d: %v", s, size, !want)
				break
			}
		}
	}
}

// FuzzFraming holds what framing sees against net/http's reading of the same bytes: of
// requests that net/http takes, one that hides a Content-Length is always seen, and
// none is seen that has not both.
func FuzzFraming(f *testing.F) {
	f.Add([]byte("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 3)
	f.Add([]byte("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n"), 7)
	f.Add([]byte("GET / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\n\n"), 1)
	f.Add([]byte("GET / HTTP/1.1\r\nTransfer-Encoding:\r\n chunked\r\nContent-Length: 1\r\n\r\n"), 5)
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		if len(b) > 16<<10 {
			return
		}
		saw := stream(b, size%64)
		if again := stream(b, len(b)); again != saw {
			t.Fatalf("in pieces of %d: %v, whole: %v", size%64, saw, again)
		}
		hidden, rest := false, b
		for len(rest) > 0 {
			at := bytes.NewReader(rest)
			r := bufio.NewReaderSize(at, 16) // the least: little is read ahead
			req, err := http.ReadRequest(r)
			if err != nil {
				break
			}
			head := rest[:len(rest)-at.Len()-r.Buffered()]
			if len(req.TransferEncoding) > 0 {
				hidden = hidden || hasLength(head)
				break // the server closes the connection after it
			}
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				break
			}
			rest = rest[len(rest)-at.Len()-r.Buffered():]
		}
		if hidden && !saw {
			t.Fatalf("a hidden Content-Length was not seen: %q", b)
		}
	})
}

// hasLength looks for a line that begins with the name, as a proxy would.
func hasLength(head []byte) bool {
	lines := strings.Split(string(head), "\n")
	for _, l := range lines[1:] {
		if name, _, ok := strings.Cut(l, ":"); ok && strings.EqualFold(name, "content-length") {
			return true
		}
	}
	return false
}

// listen serves s on a port of its own.
func listen(t *testing.T, s *Server) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.http.Close(); <-done })
	return l.Addr().String()
}

// A request of two lengths is refused, whatever was asked before it on the connection,
// and nothing behind it is answered.
func TestTwoLengthsCloseTheConnection(t *testing.T) {
	addr := listen(t, testServer(nil))
	const ok = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"
	const order = "POST /v1/tenants/acme/orders HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer k\r\n"
	// A body that reads like a request with a long body, and two lengths behind it.
	const blind = "X\r\nContent-Length: 9999\r\n\r\n" + order + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
	for name, c := range map[string]struct {
		send string
		want []int
	}{
		"both":                {order + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + ok, []int{400}},
		"the other order":     {order + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n" + ok, []int{400}},
		"without a body":      {"GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + ok, []int{400}},
		"a folded length":     {"POST /readyz HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n 27\r\n\r\n" + blind, []int{400}},
		"a length far behind": {"POST /readyz HTTP/1.1\r\nHost: a\r\nContent-Length:" + strings.Repeat(" ", 60) + "27\r\n\r\n" + blind, []int{400}},
		"chunked in HTTP/1.0": {"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" +
			order + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", []int{400}},
		"the same length twice": {order + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}" + ok, []int{202, 200}},
		"HTTP/1.0 that stays":   {"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + ok, []int{200, 200}},
		"chunked":               {order + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + ok, []int{202}},
		"sized":                 {order + "Content-Length: 2\r\n\r\n{}" + ok + ok, []int{202, 200, 200}},
	} {
		nc, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(nc, c.send)
		_ = nc.(*net.TCPConn).CloseWrite()
		r := bufio.NewReader(nc)
		var got []int
		for {
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				break
			}
			_, _ = io.Copy(io.Discard, res.Body)
			got = append(got, res.StatusCode)
		}
		_ = nc.Close()
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
