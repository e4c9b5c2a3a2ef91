package story

import (
	"os"
	"regexp"
	"testing"
)

// Every cause that the ledger may write has its words. The list is read as
// text: web must not import the ledger.
func TestEveryCauseIsTold(t *testing.T) {
	b, err := os.ReadFile("../../ledger/machine/states.go")
	if err != nil {
		t.Fatal(err)
	}
	causes := regexp.MustCompile(`Cause\w+ += "(\w+)"`).FindAllStringSubmatch(string(b), -1)
	if len(causes) < 20 {
		t.Fatalf("only %d causes found", len(causes))
	}
	for _, c := range causes {
		switch c[1] {
		case "verdict", "ignored", "chain": // told otherwise, or of no confirmation
			continue
		}
		if words := tellings[c[1]]; words[0] == "" || words[1] == "" {
			t.Errorf("%s has no words", c[1])
		}
	}
}
