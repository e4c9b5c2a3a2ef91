package mtasts_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/channel/mx/mtasts"
)

func TestParse(t *testing.T) {
	const good = "version: STSv1\r\nmode: enforce\r\nmx: MX1.acme.example\r\nmx: *.mail.acme.example\r\nmax_age: 604800\r\n"
	for name, x := range map[string]struct {
		text string
		want string // mode, servers and age; "": it is none
	}{
		"as in the standard":      {good, "enforce [mx1.acme.example *.mail.acme.example] 168h0m0s"},
		"by line feeds alone":     {strings.ReplaceAll(good, "\r\n", "\n"), "enforce [mx1.acme.example *.mail.acme.example] 168h0m0s"},
		"with what nobody knows":  {good + "x-new: 1\r\n", "enforce [mx1.acme.example *.mail.acme.example] 168h0m0s"},
		"twice, the first counts": {good + "mode: none\r\nmax_age: 1\r\n", "enforce [mx1.acme.example *.mail.acme.example] 168h0m0s"},
		"none needs no server":    {"version: STSv1\nmode: none\nmax_age: 86400\n", "none [] 24h0m0s"},
		"a year at most":          {"version: STSv1\nmode: testing\nmx: a.example\nmax_age: 9999999999\n", "testing [a.example] 8766h0m0s"},
		"no version":              {"mode: enforce\nmx: a.example\nmax_age: 1\n", ""},
		"another version":         {"version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1\n", ""},
		"another mode":            {"version: STSv1\nmode: strict\nmx: a.example\nmax_age: 1\n", ""},
		"no server":               {"version: STSv1\nmode: enforce\nmax_age: 1\n", ""},
		"no age":                  {"version: STSv1\nmode: enforce\nmx: a.example\n", ""},
		"a negative age":          {"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1\n", ""},
		"an endless age":          {"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 99999999999999999999\n", ""},
		"a page":                  {"<html>not found</html>", ""},
		"empty":                   {"", ""},
		"too many servers":        {"version: STSv1\nmode: enforce\nmax_age: 1\n" + strings.Repeat("mx: a.example\n", 1001), ""},
		"too long":                {good + "x: " + strings.Repeat("a", mtasts.MaxBytes), ""},
	} {
		p, err := mtasts.Parse([]byte(x.text))
		got := ""
		if err == nil {
			got = fmt.Sprintf("%s %v %s", p.Mode, p.MX, p.MaxAge.Round(time.Second))
		}
		if got != x.want {
			t.Errorf("%s: %q (%v), want %q", name, got, err, x.want)
		}
	}
}

func TestAllows(t *testing.T) {
	p := mtasts.Policy{MX: []string{"mx1.acme.example", "*.mail.acme.example"}}
	for host, want := range map[string]bool{"mx1.acme.example": true, "mx2.acme.example": false, "a.mail.acme.example": true, "mail.acme.example": false,
		"a.b.mail.acme.example": false, "amail.acme.example": false, "": false, "example": false, "x.mx1.acme.example": false} {
		if p.Allows(host) != want {
			t.Errorf("%s: %t", host, !want)
		}
	}
}

func TestID(t *testing.T) {
	for texts, want := range map[string]string{
		"v=STSv1; id=20160831085700Z;":           "20160831085700Z",
		"v=STSv1;id=1":                           "1",
		"v=STSv1 ; x=2; id=1 ;":                  "1",
		"v=spf1 -all|v=STSv1; id=7;":             "7",
		"v=STSv1; id=1|v=STSv1; id=2":            "",
		"v=STSv1; id=":                           "",
		"v=STSv1; id=a-b":                        "",
		"v=STSv1":                                "",
		"v=STSv11; id=1":                         "",
		"id=1; v=STSv1":                          "",
		"v=STSv1; id=" + strings.Repeat("a", 33): "",
		"":                                       "",
	} {
		if got := mtasts.ID(strings.Split(texts, "|")); got != want {
			t.Errorf("%q: %q, want %q", texts, got, want)
		}
	}
}

// FuzzParse: whatever a domain publishes is a policy within its bounds, or none.
func FuzzParse(f *testing.F) {
	f.Add([]byte("version: STSv1\r\nmode: enforce\r\nmx: a.example\r\nmax_age: 604800\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := mtasts.Parse(b)
		if err == nil && (p.MaxAge < 0 || p.MaxAge > 366*24*time.Hour || p.Mode == "" || p.Mode != mtasts.None && len(p.MX) == 0) {
			t.Errorf("%+v", p)
		}
	})
}
