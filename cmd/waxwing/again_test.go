package main

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// TestResendOfWhatNeverWasAMail: an order without an address has nothing to send
// again, and goes where support says.
func TestResendOfWhatNeverWasAMail(t *testing.T) {
	r := newRig(t, withAnna())
	id := r.accepted(order(5, "", map[string]any{"email": nil, "phone": nil, "customer": nil, "shipping_address": nil}))
	r.until(id, waxwing.Failed)
	if out := r.mustSay("find", "5"); !strings.Contains(out, "no_address") {
		t.Error(out)
	}
	if status, _, errs := r.said("anna-key-of-acme", "resend", id); status != 1 || !strings.Contains(errs, "no e-mail address") {
		t.Errorf("%d %s", status, errs)
	}
	if out := r.mustSay("resend", id, "--to", "jana@example.com"); !strings.Contains(out, "rendered anew") {
		t.Error(out)
	}
	r.wait(1)
	r.until(id, waxwing.Sent)
	r.mustSay("erase", "jana@example.com", "--yes")
	if status, _, errs := r.said("anna-key-of-acme", "resend", id); status != 1 || !strings.Contains(errs, "erased") {
		t.Errorf("%d %s", status, errs)
	}
	r.verified()
}
