package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// TestSuppressions: a provider's list is imported, twice to the same end and with its bad lines named;
// what it names is not mailed until it is lifted; what is exported is taken again as it was, and the
// ledger verifies.
func TestSuppressions(t *testing.T) {
	r := newRig(t, withAnna())
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	says := func(status int, want []string, args ...string) string {
		t.Helper()
		got, out, errs := r.said("anna-key-of-acme", args...)
		out += errs
		for _, w := range want {
			if got != status || !strings.Contains(out, w) {
				t.Fatalf("waxwing %s: status %d, want %d with %q in\n%s", strings.Join(args, " "), got, status, w, out)
			}
		}
		return out
	}
	list := file("bounces.csv", "\ufeffid,Email,when\n1,Jana@example.com,2026-01-01\n2,,2026-01-02\n3,\"bob@example.com\",x\n4,nobody,x\n")
	bad := []string{"bounces.csv:3: it has no address", "bounces.csv:5: no e-mail address"}
	if out := says(1, append(bad, "2 new, 0 suppressed before, 2 bad lines"), "suppress", "import", list, "--class", "hard", "--reason", "from the old provider"); strings.Contains(out, "nobody") {
		t.Errorf("what stands in a bad line is shown:\n%s", out)
	}
	says(1, append(bad, "0 new, 2 suppressed before, 2 bad lines"), "suppress", "import", list, "--class", "soft")
	says(0, []string{"1 new, 1 suppressed before, 0 bad lines"}, "suppress", "import", file("plain.txt", "bob@example.com\n\ncarl@example.com\n"), "--class", "complaint")
	says(0, []string{"hard", "anna", "from the old provider"}, "suppress", "list", "--address", "jana@example.com")
	says(0, []string{"This address is not suppressed."}, "suppress", "list", "--address", "dora@example.com")
	first := r.accepted(shopifyOrder(1, "jana@example.com", "paid"))
	r.until(first, waxwing.Suppressed)

	out := says(0, []string{`"class":"complaint"`}, "suppress", "export")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3 || strings.Contains(out, "@") {
		t.Fatalf("it exports\n%s", out)
	}
	var newest struct{ ID, Class string }
	if err := json.Unmarshal([]byte(lines[0]), &newest); err != nil || newest.Class != "complaint" {
		t.Fatalf("%v %+v", err, newest)
	}
	says(0, []string{"mailed again"}, "suppress", "lift", "jana@example.com", "--reason", "a new mailbox")
	says(0, []string{"was not suppressed"}, "suppress", "lift", "jana@example.com")
	says(0, []string{"mailed again"}, "suppress", "lift", "--id", newest.ID[:12])
	r.until(r.accepted(shopifyOrder(2, "jana@example.com", "paid")), waxwing.Sent)
	trail := false
	for _, e := range r.get(first).Trail {
		trail = trail || e.Detail["act"] == "lift" && e.Detail["why"] == "a new mailbox" && e.Detail["by"] == "anna"
	}
	if !trail {
		t.Errorf("the trail does not tell of the lift: %+v", r.get(first).Trail)
	}
	says(0, []string{"2 new, 1 suppressed before, 0 bad lines"}, "suppress", "import", file("all.jsonl", out))
	if again := says(0, nil, "suppress", "export"); len(strings.Split(strings.TrimSpace(again), "\n")) != 3 || !strings.Contains(again, newest.ID) || !strings.Contains(again, "from the old provider") {
		t.Errorf("it exports\n%s", again)
	}
	var e map[string]any
	_ = json.Unmarshal([]byte(lines[0]), &e)
	e["key"] = "0000000000000000"
	b, _ := json.Marshal(e)
	says(1, []string{"another key", "0 new"}, "suppress", "import", file("foreign.jsonl", string(b)))
	r.verified()
}
