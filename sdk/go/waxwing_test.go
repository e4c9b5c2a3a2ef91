package waxwing

import (
	"errors"
	"strings"
	"testing"
)

func TestLine(t *testing.T) {
	for in, want := range map[string]string{
		"Ann\r\nBcc: x":  "Ann  Bcc",
		" \t Zoë\u2028 ": "Zoë",
		"日本語日本語日本語":      "日本語日本語日本",
		"":               "",
	} {
		if got := Line(in, 8); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestCall(t *testing.T) {
	handlers = nil
	var _ = OnFilter(func(in *Input) (*FilterOutput, error) {
		switch in.Currency {
		case "EUR":
			return nil, nil
		case "USD":
			return nil, errors.New("no dollars")
		}
		return &FilterOutput{Action: FilterActionHold, Reason: "unknown money"}, nil
	})
	for in, want := range map[string]string{
		`{"currency":"EUR"}`: `{}`,
		`{"currency":"XTS"}`: `{"action":"hold","reason":"unknown money"}`,
	} {
		if out, err := Call("filter", []byte(in)); err != nil || string(out) != want {
			t.Errorf("%s: %s, %v", in, out, err)
		}
	}
	for in, want := range map[string]string{
		`{"currency":"USD"}`:   "no dollars",
		`{"currency":`:         "reading the input",
		"{\"currency\":\"\xff": "not UTF-8",
	} {
		if _, err := Call("filter", []byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", in, err)
		}
	}
	if _, err := Call("recommend", nil); err == nil {
		t.Error("a hook that is not filled was called")
	}
}
