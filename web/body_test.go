package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// Bodies come whole whatever they announce, and those that are too large, cut
// off or encoded do not.
func TestBodies(t *testing.T) {
	b := newBodies(4<<20, 0)
	for _, size := range []int{0, 1, 100, firstBody, firstBody + 1, freeBody + 1, 64 << 10, 64<<10 + 1, 1 << 20, 1<<20 + 1, 4 << 20} {
		want := bytes.Repeat([]byte("x"), size)
		for _, announced := range []bool{true, false} {
			ctx, done := context.WithCancel(t.Context())
			r := httptest.NewRequestWithContext(ctx, "POST", "/", bytes.NewReader(want))
			if !announced {
				r.ContentLength = -1
			}
			got, err := b.take(httptest.NewRecorder(), r)
			if err != nil || !bytes.Equal(got, want) || cap(got) > 2*size+firstBody+2 {
				t.Errorf("%d bytes, announced %v: %d bytes in %d, %v", size, announced, len(got), cap(got), err)
			}
			done()
		}
	}
	var large *http.MaxBytesError
	ctx, done := context.WithCancel(t.Context())
	defer done()
	much := strings.NewReader(strings.Repeat("x", 4<<20+1))
	for name, r := range map[string]*http.Request{"announced": httptest.NewRequestWithContext(ctx, "POST", "/", much),
		"not announced": httptest.NewRequestWithContext(ctx, "POST", "/", io.MultiReader(much))} {
		if _, err := b.take(httptest.NewRecorder(), r); !errors.As(err, &large) {
			t.Errorf("%s: %v", name, err)
		}
	}
	short := httptest.NewRequest("POST", "/", strings.NewReader("abc"))
	short.ContentLength = 5
	if _, err := b.take(httptest.NewRecorder(), short); err == nil {
		t.Error("a body that ended early was taken")
	}
}

// post reads a body of so many bytes with a server, within ctx.
func post(ctx context.Context, b *bodies, size int, announced bool) error {
	r := httptest.NewRequestWithContext(ctx, "POST", "/", bytes.NewReader(make([]byte, size)))
	if !announced {
		r.ContentLength = -1
	}
	_, err := b.take(httptest.NewRecorder(), r)
	return err
}

// Strangers cannot fill the memory: bodies beyond the room for all are turned away
// until some are done, and small ones come in all the time.
func TestBodiesShareTheirRoom(t *testing.T) {
	b := newBodies(8<<20, 0)
	ctx, done := context.WithCancel(t.Context())
	held := 0
	for ; held <= 1000; held++ {
		if err := post(ctx, b, 900<<10, held%2 == 0); err != nil {
			if !errors.Is(err, waxwing.ErrUnavailable) {
				t.Fatal(err)
			}
			break
		}
	}
	if held > roomForBodies/(900<<10) || held < 30 {
		t.Errorf("%d bodies at one time", held)
	}
	if err := post(ctx, b, 8<<20, false); !errors.Is(err, waxwing.ErrUnavailable) {
		t.Errorf("one more: %v", err)
	}
	if err := post(ctx, b, 20<<10, true); err != nil {
		t.Errorf("a small one: %v", err)
	}
	done()
	again, end := context.WithCancel(t.Context())
	defer end()
	var err error
	for range 1_000_000 { // AfterFunc runs in a goroutine of its own
		if err = post(again, b, 2<<20, true); err == nil {
			break
		}
		runtime.Gosched()
	}
	if err != nil {
		t.Errorf("after the others: %v", err)
	}
}

// What is promised takes no memory, and no room from others.
func TestPromisesTakeNoRoom(t *testing.T) {
	b := newBodies(8<<20, 0)
	var ends []func()
	const n = 500
	for range n {
		pr, pw := io.Pipe()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/", pr)
		r.ContentLength = 8 << 20
		gone := make(chan struct{})
		go func() { defer close(gone); _, _ = b.take(httptest.NewRecorder(), r) }()
		_, _ = pw.Write(make([]byte, 100)) // it is being read
		ends = append(ends, func() { _ = pw.Close(); <-gone })
	}
	b.mu.Lock()
	held := b.held
	b.mu.Unlock()
	if held != 0 {
		t.Errorf("%d promises hold %d bytes", n, held)
	}
	if err := post(t.Context(), b, 8<<20, true); err != nil {
		t.Errorf("a large order beside them: %v", err)
	}
	for _, end := range ends {
		end()
	}
}

// Encodings are refused in whatever way they are written.
func TestEncodedBodies(t *testing.T) {
	for want, all := range map[bool][][]string{
		true:  {{"gzip"}, {"identity", "gzip"}, {"identity, gzip"}, {"", "br"}, {"Identity,deflate "}},
		false: {{}, {""}, {"identity"}, {"Identity", " identity "}, {"identity,identity"}},
	} {
		for _, lines := range all {
			r := httptest.NewRequest("POST", "/", nil)
			r.Header["Content-Encoding"] = lines
			if encoded(r) != want {
				t.Errorf("%q: %v", lines, !want)
			}
		}
	}
}
