package daemon

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/config/configtest"
)

// declared is the table of what providers declare, as docs/delivery.md has it.
func declared() string {
	var b strings.Builder
	b.WriteString("| type | takes a message once by its key | is asked for | which it knows after | largest | in one request |\n|---|---|---|---|---|---|\n")
	for _, t := range providerTypes {
		c := t.Can
		key, asked, after, most := "not promised", "nothing", "", "no bound of ours"
		if c.KeyLife > 0 {
			key = "for " + short(c.KeyLife)
		}
		if c.Asked != "" {
			asked, after = c.Asked, short(c.Settles)
		}
		switch {
		case c.Most >= 1<<20:
			most = fmt.Sprintf("%d MiB", c.Most>>20)
		case c.Most > 0:
			most = fmt.Sprintf("%d bytes", c.Most)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %d |\n", t.Name, key, asked, after, most, c.Batch)
	}
	return b.String()
}

func short(d time.Duration) string { return strings.TrimSuffix(d.String(), "0s") }

// What providers declare is what the page says, and what they do.
func TestCapabilities(t *testing.T) {
	page, err := os.ReadFile("../docs/delivery.md")
	if err != nil {
		t.Fatal(err)
	}
	if want := declared(); !strings.Contains(string(page), want) {
		t.Errorf("docs/delivery.md has another table than this:\n%s", want)
	}
	for _, x := range providerTypes {
		if c := x.Can; x.asked != (c.Asked != "") || x.asked != (c.Settles > 0) || c.Batch != 1 || c.KeyLife != 0 {
			t.Errorf("%s can be asked: %v, and declares %+v", x.Name, x.asked, c)
		}
	}
}

func TestAsked(t *testing.T) {
	const post = "data: /tmp/x\nproviders: {post: {type: smtp, addr: \"127.0.0.1:25\", tls: none}%s}\ntenants: {acme: {name: Acme, from: a@acme.example, shops: {till: {format: generic}}%s}}\n"
	for keys, want := range map[string]bool{
		`type: smtp, addr: "127.0.0.1:26", tls: none`:                false,
		`type: mailgun, domain: mg.example.com, key: k`:              true,
		`type: postmark, token: t`:                                   true,
		`type: twilio, account: AC1, token: t, from: "+15005550006"`: false,
	} {
		for _, text := range []string{fmt.Sprintf(post, ", x: {"+keys+"}", ""), fmt.Sprintf(post, "", ", providers: {x: {"+keys+"}}")} {
			if got := Asked(configtest.Must(Components(), text)); got != want {
				t.Errorf("%s: %v", text, got)
			}
		}
	}
}
