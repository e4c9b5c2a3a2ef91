package web

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

const (
	// firstBody is what a body gets before anything has come, whatever it announces.
	firstBody = 8 << 10
	// freeBody is up to where a body is not counted: nearly every order is smaller.
	freeBody = 32 << 10
	// largeBody is from where on a body is worked on one of largeAtOnce at a time:
	// reading an order takes several times its bytes.
	largeBody   = 1 << 20
	largeAtOnce = 4
	// slowAtMost is how long a body that comes all the time keeps its room from others.
	slowAtMost = 10 * time.Second
	// roomForBodies bounds all bodies together, beyond their free bytes. Nobody has
	// signed anything yet when a body is read.
	roomForBodies = 64 << 20
)

// bodies is the room that all request bodies share. Where it is full, those that stopped
// coming lose theirs: eight promises of eight MiB must not keep large orders out.
type bodies struct {
	most   int64 // bytes of one: http.max_body
	max    int64
	now    func() time.Time
	large  chan struct{} // places for large bodies that are worked on
	mu     sync.Mutex
	held   int64
	coming map[*body]struct{}
}

// body is one request's part of the room.
type body struct {
	of    *bodies
	conn  *conn // nil in tests that have none
	since time.Time
	n     int64
}

func newBodies(maxBody, room int64) *bodies {
	return &bodies{most: maxBody, max: max(cmp.Or(room, roomForBodies), 2*maxBody), now: time.Now, large: make(chan struct{}, largeAtOnce), coming: map[*body]struct{}{}}
}

// begin makes a request's part, which ends with it.
func (b *bodies) begin(r *http.Request) *body {
	x := &body{of: b, conn: connOf(r), since: b.now()}
	context.AfterFunc(r.Context(), x.end)
	return x
}

// grow takes n bytes more, or says that there are none.
func (x *body) grow(n int64) bool {
	b := x.of
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.held+n > b.max {
		if b.expel(x, n); b.held+n > b.max {
			return false
		}
	}
	b.coming[x] = struct{}{}
	b.held += n
	x.n += n
	return true
}

// expel hangs up on bodies that have been coming for longer than a client is waited
// for, until there is room for n bytes: on those that hardly come, and on others after
// slowAtMost. Those that have shown a key make room for their kind only. What they hold is
// free when their requests are over, which is at once.
func (b *bodies) expel(but *body, n int64) {
	now := b.now()
	expel := func(keyed bool) {
		for x := range b.coming {
			long, limit := now.Sub(x.since), patience
			if x == but || x.conn == nil || x.keyed() != keyed {
				continue
			}
			if x.conn.sends(now.UnixNano()) {
				limit = slowAtMost
			}
			if long > limit {
				x.conn.expel([]*conn{x.conn})
				b.held -= x.n
				x.n = 0
				delete(b.coming, x)
			}
		}
	}
	if expel(false); b.held+n > b.max && but.keyed() {
		expel(true)
	}
}

func (x *body) keyed() bool { return x.conn != nil && phase(x.conn.phase.Load()) == trusted }

// whole notes that the body has come: it is our time from here on.
func (x *body) whole() {
	x.of.mu.Lock()
	delete(x.of.coming, x)
	x.of.mu.Unlock()
}

// end gives the room back.
func (x *body) end() {
	b := x.of
	b.mu.Lock()
	delete(b.coming, x)
	b.held -= x.n
	x.n = 0
	b.mu.Unlock()
}

// read reads a body of at most limit bytes. Its memory grows with what has come, not
// with what was announced. One that finds no room is ErrUnavailable: shops try again.
// Its room is free when the request is over.
func (b *bodies) read(r *http.Request, from io.Reader, limit int64) ([]byte, error) {
	c := connOf(r)
	c.await()
	defer c.over()
	known := r.ContentLength
	if known <= 0 || known > limit {
		known = limit
	}
	got := make([]byte, 0, min(known, firstBody)+1)
	var x *body
	for {
		if len(got) == cap(got) {
			size := min(int64(cap(got))*2, known+1) + 1
			if size > freeBody {
				if x == nil {
					x = b.begin(r)
				}
				if !x.grow(size - x.n) {
					return nil, waxwing.ErrUnavailable
				}
			}
			got = append(make([]byte, 0, size), got...)
		}
		n, err := from.Read(got[len(got):cap(got)])
		got = got[:len(got)+n]
		switch {
		case errors.Is(err, io.EOF):
			if x != nil {
				x.whole()
			}
			whole(r)
			return got, b.turn(r, int64(len(got)))
		case err != nil:
			return nil, err
		}
	}
}

// turn waits for a place among the large bodies that are worked on; the request's end
// gives it back.
func (b *bodies) turn(r *http.Request, size int64) error {
	if size <= largeBody {
		return nil
	}
	select {
	case b.large <- struct{}{}:
		context.AfterFunc(r.Context(), func() { <-b.large })
		return nil
	case <-r.Context().Done():
		return waxwing.ErrUnavailable
	}
}

// take reads a request body within the limits (docs/security.md, "Ways in").
func (b *bodies) take(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	if encoded(r) {
		return nil, errEncoded
	}
	if r.ContentLength > b.most {
		return nil, &http.MaxBytesError{Limit: b.most}
	}
	body := http.MaxBytesReader(w, r.Body, b.most)
	raw, err := b.read(r, body, b.most)
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil && r.ContentLength > int64(len(raw)), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fault{http.StatusBadRequest, "bad body", "the body ended early"}
	case err != nil && !errors.As(err, &tooLarge) && !errors.Is(err, waxwing.ErrUnavailable):
		err = fault{http.StatusBadRequest, "bad body", "the body could not be read"}
	}
	return raw, err
}

var errEncoded = fault{http.StatusUnsupportedMediaType, "encoded body", "send the body without Content-Encoding"}

// encoded reports whether a body is anything but itself, on however many lines it is
// said: signatures are over the raw bytes, and a small body must not become a large one.
func encoded(r *http.Request) bool {
	for _, line := range r.Header.Values("Content-Encoding") {
		for e := range strings.SplitSeq(line, ",") {
			if e = strings.TrimSpace(e); e != "" && !strings.EqualFold(e, "identity") {
				return true
			}
		}
	}
	return false
}
