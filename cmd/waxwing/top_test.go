package main

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"

	"github.com/waxwinghq/waxwing/web/metrics"
)

// TestTop: the daemons of a ledger, by the metrics of one of them.
func TestTop(t *testing.T) {
	m := metrics.New(nil)
	var away error
	var more []waxwing.Member
	m.Instances(func() ([]waxwing.Member, error) {
		return append([]waxwing.Member{{ID: 12, Self: true, Age: time.Hour, Silent: 2300 * time.Millisecond, Lease: 12700 * time.Millisecond, Claims: 31, Dots: 4},
			{ID: 3, Age: 2 * time.Hour, Silent: 16 * time.Second, Lease: -time.Second, Claims: 7, Dots: 7}}, more...), away
	})
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer admin" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		m.Handler().ServeHTTP(w, r)
	}))
	defer daemon.Close()
	top := func(args ...string) string {
		var out, errs bytes.Buffer
		run(append([]string{"top", "--once", "--url", daemon.URL}, args...), streams{strings.NewReader(""), &out, &errs})
		return out.String() + errs.String()
	}
	want := regexp.MustCompile(`^INSTANCE +SINCE +LAST BEAT +LEASE +CLAIMS +AT THE DOT +STATE
3 +20\S+ \S+ +16\.0 s ago +-1\.0 s +7 +7 +silent: what it holds is taken over soon
12 \* +20\S+ \S+ +2\.3 s ago +12\.7 s +31 +4 +lives
$`)
	if got := top("--key", "admin"); !want.MatchString(got) {
		t.Errorf("%s", got)
	}
	if got := top(); !strings.Contains(got, "admin keys alone") {
		t.Errorf("without a key: %s", got)
	}
	more = append(more, waxwing.Member{ID: 3, Ledger: "north", Age: time.Hour, Lease: time.Second})
	if got := top("--key", "admin"); !regexp.MustCompile(`(?s)^LEDGER +INSTANCE .*\n- +3 .*\n- +12 \* .*\nnorth +3 .* lives\n$`).MatchString(got) {
		t.Errorf("of two ledgers:\n%s", got)
	}
	away = errors.New("away")
	if got := top("--key", "admin"); !strings.Contains(got, "shares its ledger with no other") {
		t.Errorf("where nothing is told: %s", got)
	}
	if got := top("--url", "http://127.0.0.1:1"); !strings.Contains(got, "cannot be reached") {
		t.Errorf("where no daemon is: %s", got)
	}
	if got := top("--every", "0s"); !strings.Contains(got, "--every") {
		t.Errorf("%s", got)
	}
}

// TestTopFollows a daemon that is started anew.
func TestTopFollows(t *testing.T) {
	asked := 0
	tick := make(chan time.Time, 9)
	for range cap(tick) {
		tick <- time.Time{}
	}
	m := metrics.New(nil)
	m.Instances(func() ([]waxwing.Member, error) { return []waxwing.Member{{ID: 7, Self: true}}, nil })
	daemon := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked++; asked {
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 4:
			w.WriteHeader(http.StatusTeapot)
		default:
			m.Handler().ServeHTTP(w, r)
		}
	}))
	defer daemon.Close()
	var out bytes.Buffer
	err := topCmd{URL: daemon.URL}.follow(t.Context(), streams{out: &out}, tick)
	if err == nil || !strings.Contains(err.Error(), "teapot") || strings.Count(out.String(), "7 *") != 2 || !strings.Contains(out.String(), "about to end") {
		t.Errorf("%v: %s", err, out.String())
	}
}
