package mtasts_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/channel/mx/mtasts"
)

// domain publishes a policy; its fields are what it says now.
type domain struct {
	mu      sync.Mutex
	id      string
	body    string
	fetched int
	now     time.Time
	p       *mtasts.Policies
}

const enforce = "version: STSv1\nmode: enforce\nmx: a.example\nmax_age: %d\n"

func newDomain(t *testing.T, entries int) *domain {
	d := &domain{id: "1", body: fmt.Sprintf(enforce, 7*24*3600), now: time.Now()}
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.fetched++
		if d.body == "" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, d.body)
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate()) // it is for example.com and what is below
	d.p = mtasts.New(mtasts.Config{Entries: entries, Roots: roots, Clock: func() time.Time {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.now
	}, TXT: func(context.Context, string) ([]string, error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.id == "" {
			return nil, errors.New("no answer")
		}
		return []string{"v=STSv1; id=" + d.id}, nil
	}, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, srv.Listener.Addr().String())
	}})
	return d
}

// step changes what the domain says, lets time pass and asks for its policy.
func (d *domain) step(t *testing.T, id, body string, pass time.Duration, want mtasts.Mode, fetched int) {
	t.Helper()
	d.mu.Lock()
	d.id, d.body, d.fetched = id, body, 0
	d.now = d.now.Add(pass)
	d.mu.Unlock()
	p := d.p.Get(t.Context(), "example.com")
	d.mu.Lock()
	defer d.mu.Unlock()
	if p.Mode != want || d.fetched != fetched {
		t.Errorf("id %q: mode %q after %d fetches, want %q after %d", id, p.Mode, d.fetched, want, fetched)
	}
}

// TestAPolicyIsKept: it is fetched where its id changes and once a day; while it cannot be had the one of before
// holds until its time is over, and it is not asked for at each mail.
func TestAPolicyIsKept(t *testing.T) {
	d := newDomain(t, 0)
	good := d.body
	testing := strings.Replace(good, "enforce", "testing", 1)
	d.step(t, "1", good, 0, mtasts.Enforce, 1)
	d.step(t, "1", testing, time.Hour, mtasts.Enforce, 0)
	d.step(t, "2", testing, 0, mtasts.Testing, 1)
	d.step(t, "3", good, 0, mtasts.Enforce, 1)
	d.step(t, "", "", 3*time.Hour, mtasts.Enforce, 0)
	d.step(t, "4", "", 0, mtasts.Enforce, 1)
	d.step(t, "4", "", 4*time.Minute, mtasts.Enforce, 0)
	d.step(t, "4", "", 2*time.Minute, mtasts.Enforce, 1)
	d.step(t, "4", "nonsense", 6*time.Minute, mtasts.Enforce, 1)
	d.step(t, "4", good, 6*time.Minute, mtasts.Enforce, 1)
	d.step(t, "4", good, 25*time.Hour, mtasts.Enforce, 1) // once a day
	d.step(t, "4", "", 25*time.Hour, mtasts.Enforce, 1)
	d.step(t, "", "", 5*24*time.Hour+22*time.Hour, mtasts.Enforce, 0)
	d.step(t, "", "", 2*time.Hour, "", 0) // a week after it was fetched
	d.step(t, "5", strings.Repeat("x: 1\n", 20000), time.Hour, "", 1)
}

// TestPoliciesAreBounded: those that are enforced stay longest.
func TestPoliciesAreBounded(t *testing.T) {
	d := newDomain(t, 5)
	d.p.Get(t.Context(), "example.com")
	for i := range 20 { // the certificate is for none of these
		d.p.Get(t.Context(), fmt.Sprintf("d%d.test", i))
	}
	if n := d.p.Len(); n != 5 {
		t.Errorf("%d domains are known, want 5", n)
	}
	d.step(t, "", "", time.Hour, mtasts.Enforce, 0)
}
