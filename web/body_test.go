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
	s := &Server{maxBody: 4 << 20}
	for _, size := range []int{0, 1, 100, 64 << 10, 64<<10 + 1, 1 << 20, 1<<20 + 1, 4 << 20} {
		want := bytes.Repeat([]byte("x"), size)
		for _, announced := range []bool{true, false} {
			ctx, done := context.WithCancel(t.Context())
			r := httptest.NewRequestWithContext(ctx, "POST", "/", bytes.NewReader(want))
			if !announced {
				r.ContentLength = -1
			}
			got, err := s.readBody(httptest.NewRecorder(), r)
			if err != nil || !bytes.Equal(got, want) || cap(got) > 2*size+64<<10+2 {
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
		if _, err := s.readBody(httptest.NewRecorder(), r); !errors.As(err, &large) {
			t.Errorf("%s: %v", name, err)
		}
	}
	short := httptest.NewRequest("POST", "/", strings.NewReader("abc"))
	short.ContentLength = 5
	if _, err := s.readBody(httptest.NewRecorder(), short); err == nil {
		t.Error("a body that ended early was taken")
	}
}

// Strangers cannot fill the memory: large bodies beyond a few are turned away
// until one is done, and small ones come in all the time.
func TestHeavyBodiesWait(t *testing.T) {
	s := &Server{maxBody: 8 << 20}
	ctx, done := context.WithCancel(t.Context())
	post := func(ctx context.Context, size int, announced bool) error {
		r := httptest.NewRequestWithContext(ctx, "POST", "/", bytes.NewReader(make([]byte, size)))
		if !announced {
			r.ContentLength = -1
		}
		_, err := s.readBody(httptest.NewRecorder(), r)
		return err
	}
	held := 0
	for ; held <= 2*heavyBodies; held++ {
		if err := post(ctx, 2<<20, held%2 == 0); err != nil {
			if !errors.Is(err, waxwing.ErrUnavailable) {
				t.Fatal(err)
			}
			break
		}
	}
	if held > heavyBodies {
		t.Errorf("%d large bodies at one time", held)
	}
	if err := post(ctx, 2<<20, false); !errors.Is(err, waxwing.ErrUnavailable) {
		t.Errorf("one more: %v", err)
	}
	if err := post(ctx, 1<<10, true); err != nil {
		t.Errorf("a small one: %v", err)
	}
	done()
	again, end := context.WithCancel(t.Context())
	defer end()
	for range 1_000_000 { // AfterFunc runs in a goroutine of its own
		if len(heavy) < heavyBodies {
			break
		}
		runtime.Gosched()
	}
	if err := post(again, 2<<20, true); err != nil {
		t.Errorf("after the others: %v", err)
	}
}
