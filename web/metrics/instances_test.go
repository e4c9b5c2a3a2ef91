package metrics

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

func TestMetricsOfInstances(t *testing.T) {
	m := New(nil)
	var wrong error
	m.Instances(func() ([]waxwing.Member, error) {
		return []waxwing.Member{{ID: 3, Age: time.Minute, Silent: 16 * time.Second, Lease: -time.Second, Claims: 32, Dots: 7}, {ID: 12, Self: true}, {ID: 3, Ledger: "north", Claims: 5}}, wrong
	})
	got := scraped(m)
	for _, want := range []string{`age_seconds{instance="3",ledger=""} 60`, `silent_seconds{instance="3",ledger=""} 16`, `lease_seconds{instance="3",ledger=""} -1`, `claims{instance="3",ledger=""} 32`,
		`dots{instance="3",ledger=""} 7`, `self{instance="3",ledger=""} 0`, `self{instance="12",ledger=""} 1`, `claims{instance="12",ledger=""} 0`,
		`claims{instance="3",ledger="north"} 5`} {
		if !strings.Contains(got, "waxwing_instance_"+want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	if wrong = errors.New("the ledger is away"); strings.Contains(scraped(m), "waxwing_instance_") {
		t.Error("instances are told that nobody knows of")
	}
}
