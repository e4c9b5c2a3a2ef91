package sandbox

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

// TestWebsPassTheLimits: what is to be measured as a bomb is at the limits, and is not refused by them.
func TestWebsPassTheLimits(t *testing.T) {
	refused := 0
	for what, body := range attack.Webs(1, 1) {
		if _, err := Prepare(manifestFor(t, abi.LangC), body, abi.Limits{}); err != nil {
			// What is nearly all calls is refused by what counting adds to it: another limit, as good.
			if !strings.Contains(err.Error(), "instrumented bytes") {
				t.Errorf("%s: %v", what, err)
			}
			refused++
		}
	}
	if refused > 3 {
		t.Errorf("%d kinds are refused before they are compiled: make them smaller", refused)
	}
}
