package foreign

import (
	"net/http"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

func TestForeignKey(t *testing.T) {
	f := Format("/bon/0/nr", "/zeit", "X-Sign")
	k, err := f.Key("", []byte(`{"bon":[{"nr":4711}],"zeit":1795600000}`))
	if err != nil || k.OrderID != "4711" || !k.UpdatedAt.Equal(time.Unix(1795600000, 0)) {
		t.Fatal(k, err)
	}
	for raw, at := range map[string]time.Time{
		`{"bon":[{"nr":"a"}],"zeit":1795600000000}`:          time.Unix(1795600000, 0),
		`{"bon":[{"nr":"a"}],"zeit":"2026-11-25T10:00:00Z"}`: time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC),
		`{"bon":[{"nr":"a"}]}`:                               {},
		`{"bon":[{"nr":"a"}],"zeit":{}}`:                     {},
	} {
		if k, err := f.Key("", []byte(raw)); err != nil || !k.UpdatedAt.Equal(at) {
			t.Errorf("%s: %v %v", raw, k.UpdatedAt, err)
		}
	}
	for _, raw := range []string{`{}`, `[]`, `{"bon":{"0":{}}}`, `{"bon":[{"nr":""}]}`, `{"bon":[{"nr":{}}]}`, `x`,
		`{"bon":[{"nr":1,"nr":2}]}`, `{"bon":[{"nr":1}],"bon":[{"nr":2}]}`} {
		if _, err := f.Key("", []byte(raw)); err == nil || !waxwing.IsPermanent(err) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestForeignSignature(t *testing.T) {
	f := Format("/id", "", "X-Sign")
	const mac = "88aab3ede8d3adf94d26ab90d3bafd4a2083070c3bcce9c014ee04a443847c0b" // printf hello | openssl dgst -sha256 -hmac secret
	for sign, want := range map[string]bool{mac: true, "sha256=" + mac: true, "iKqz7ejTrflNJquQ07r9SiCDBww7zOnAFO4EpEOEfAs=": true,
		"": false, mac[:60]: false, "0" + mac[1:]: false} {
		h := http.Header{"X-Sign": {sign}}
		if got := f.Verify(h, []byte("hello"), []waxwing.Secret{"", "secret"}); got != want {
			t.Errorf("%q: %v", sign, got)
		}
		if f.Verify(h, []byte("hello"), nil) {
			t.Error("without a secret anything passes")
		}
	}
}
