package web

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/waxwinghq/waxwing"
)

// lightBody is up to where a body is read at once; heavyBodies is how many
// larger ones are held at one time. Nobody has signed anything yet when a body
// is read, so that without it strangers could fill the memory, eight MiB each.
const (
	lightBody   = 1 << 20
	heavyBodies = 8
)

var heavy = make(chan struct{}, heavyBodies)

// readBounded reads a body of at most limit bytes. Its memory grows with what has
// come, not with what was announced. A large body that finds no place is
// ErrUnavailable: shops try again. Its place is free when the request is over.
func readBounded(r *http.Request, body io.Reader, limit int64) ([]byte, error) {
	have := false
	enter := func() bool {
		if have {
			return true
		}
		select {
		case heavy <- struct{}{}:
			have = true
			context.AfterFunc(r.Context(), func() { <-heavy })
		default:
		}
		return have
	}
	known := r.ContentLength
	if known > lightBody && !enter() {
		return nil, waxwing.ErrUnavailable
	}
	if known <= 0 || known > limit {
		known = limit
	}
	b := make([]byte, 0, min(known, 64<<10)+1)
	for {
		if len(b) == cap(b) {
			if len(b) > lightBody && !enter() {
				return nil, waxwing.ErrUnavailable
			}
			b = append(make([]byte, 0, min(int64(cap(b))*2, known+1)+1), b...)
		}
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case errors.Is(err, io.EOF):
			return b, nil
		case err != nil:
			return nil, err
		}
	}
}
