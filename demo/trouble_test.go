package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/web/mailbox"
)

// panel is what the page's panel shows.
type panel struct {
	mailbox.Trouble
	Providers []mailbox.ProviderView
}

func (p panel) of(name string) mailbox.ProviderView {
	for _, v := range p.Providers {
		if v.Name == name {
			return v
		}
	}
	return mailbox.ProviderView{}
}

// breakIt moves the sliders.
func breakIt(t *testing.T, d *Demo, contentType, body string) int {
	t.Helper()
	res, err := d.client.Post("http://"+d.daemon.Addr()+"/mailbox/trouble", contentType, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// TestTrouble breaks the first provider by its sliders: mail goes by the second one, and by the first again once it is mended.
func TestTrouble(t *testing.T) {
	var logs bytes.Buffer
	d, err := Start(Options{Listen: "127.0.0.1:0", Rate: 600, Orders: 400, Logs: &lockedWriter{w: &logs}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Stop() }()
	ctx, cancel := context.WithCancel(t.Context())
	sold := make(chan error, 1)
	go func() { sold <- d.Sell(ctx) }()
	defer func() { cancel(); <-sold }()
	shown := func(what string, ok func(panel) bool) (p panel) {
		t.Helper()
		tick, limit := time.NewTicker(20*time.Millisecond), time.After(time.Minute)
		defer tick.Stop()
		for {
			p = panel{}
			if err := json.Unmarshal(fetch(t, d, "/mailbox/trouble"), &p); err != nil {
				t.Fatal(err)
			}
			if ok(p) {
				return p
			}
			select {
			case <-tick.C:
			case <-limit:
				t.Fatalf("never came: %s; last seen %+v", what, p)
			}
		}
	}
	shown("mail by the first", func(p panel) bool { return p.of("relay").Taken > 0 && p.of("relay").State == "healthy" })
	for body, want := range map[string]int{`{"refused":101}`: 422, `{"lost":-1}`: 422, `{"delay":10001}`: 422, `no`: 400} {
		if code := breakIt(t, d, "application/json", body); code != want {
			t.Errorf("%s: %d", body, code)
		}
	}
	if code := breakIt(t, d, "text/plain", `{"refused":100}`); code != http.StatusUnsupportedMediaType {
		t.Errorf("a form of another page's: %d", code)
	}
	if code := breakIt(t, d, "application/json", `{"refused":100}`); code != http.StatusOK {
		t.Fatalf("%d", code)
	}
	p := shown("mail by the second, while the first rests", func(p panel) bool {
		return p.Refused == 100 && p.of("relay").State == "resting" && p.of("spare").Taken > 2
	})
	breakIt(t, d, "application/json", `{}`)
	shown("mail by the first again", func(q panel) bool {
		return q.of("relay").State == "healthy" && q.of("relay").Taken > p.of("relay").Taken
	})
	breakIt(t, d, "application/json", `{"lost":100}`)
	until(t, d, "lost answers", func(p feedPage) bool { return p.badge("answer lost") || p.Counts["uncertain"] > 0 })
}
