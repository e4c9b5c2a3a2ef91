package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// TestEraseIsShownFirst: what would be erased is shown, what is of several people is
// erased only by its number, and what may be anybody's is refused with the reason.
func TestEraseIsShownFirst(t *testing.T) {
	r := newRig(t, withAnna())
	family := "+49 151 7654321"
	with := func(phone string) map[string]any {
		return map[string]any{"phone": phone, "customer": map[string]any{"id": 1, "first_name": "Ann", "phone": phone}}
	}
	ann := r.accepted(order(1, "ann@mail.example", with(family)))
	joann := r.accepted(order(2, "joann@mail.example", with("0049151/7654321")))
	longer := r.accepted(order(3, "ann@mail.example.org", with(family+"1")))
	held := r.accepted(order(4, "ann@mail.example", map[string]any{"financial_status": "pending", "phone": nil, "customer": nil}))
	gift := r.accepted(order(5, "giver@mail.example", map[string]any{"phone": nil, "customer": map[string]any{"id": 9, "email": "given@mail.example"}}))
	for _, id := range []string{ann, joann, longer, gift} {
		r.until(id, waxwing.Sent)
	}
	r.until(held, waxwing.Held)

	for _, who := range []string{"202", "1", "mail.example", "@mail.example", "ann@", "49 151", "ann@mail.example,joann@mail.example"} {
		code, b := r.api("POST", "/people/erase", map[string]any{"address": who, "dry_run": true})
		if code != http.StatusUnprocessableEntity || !strings.Contains(b, `"detail":"`) {
			t.Errorf("%q: %d %s", who, code, b)
		}
	}
	out := r.mustSay("erase", "ann@mail.example", "--dry-run")
	for _, want := range []string{ann, held, "Would be erased: 2 confirmations.", "Nothing was.", "a•••@mail.example"} {
		if !strings.Contains(out, want) {
			t.Errorf("a dry run says nothing of %q: %s", want, out)
		}
	}
	if strings.Contains(out, joann) || strings.Contains(out, longer) {
		t.Errorf("others are in it: %s", out)
	}
	// One number, two people.
	code, b := r.api("POST", "/people/erase", map[string]any{"address": family})
	if code != http.StatusConflict || !strings.Contains(b, ann) || !strings.Contains(b, joann) || !strings.Contains(b, `"people":2`) {
		t.Errorf("two people's orders: %d %s", code, b)
	}
	if status, out, errs := r.said("anna-key-of-acme", "erase", family, "--yes"); status != 1 || !strings.Contains(errs, "--confirm 2") || !strings.Contains(errs, ann) {
		t.Errorf("%d %s%s", status, out, errs)
	}
	if code, b := r.api("POST", "/people/erase", map[string]any{"address": family, "confirm": 3}); code != http.StatusConflict {
		t.Errorf("a wrong number: %d %s", code, b)
	}
	if code, b := r.api("POST", "/people/erase", map[string]any{"address": "given@mail.example"}); code != http.StatusConflict {
		t.Errorf("a gift is two people's: %d %s", code, b)
	}
	for _, id := range []string{ann, joann, longer, held, gift} {
		if r.get(id).Erased {
			t.Fatal("erased without a word")
		}
	}
	if out := r.mustSay("erase", family, "--yes", "--confirm", "2", "--wait"); !strings.Contains(out, "Erased: 2 confirmations.") || strings.Contains(out, "Still to do") {
		t.Error(out)
	}
	if out := r.mustSay("erase", "Ann <ANN@mail.example>", "--yes"); !strings.Contains(out, "Erased: 1 confirmation.") {
		t.Error(out)
	}
	for id, want := range map[string]bool{ann: true, joann: true, longer: false, held: true, gift: false} {
		if r.get(id).Erased != want {
			t.Errorf("%s: erased is %v", id, !want)
		}
	}
	r.verified()
}

// TestEraseBesideSlowExport: an export whose pipe nobody reads keeps no erasure from its
// end, and nobody waiting.
func TestEraseBesideSlowExport(t *testing.T) {
	r := newRig(t)
	r.storm(1, 200)
	r.until(r.accepted(order(5000, "gone@mail.example", nil)), waxwing.Sent)
	take, give := io.Pipe()
	ended := make(chan int)
	go func() {
		ended <- run([]string{"ledger", "export", "--data", r.cfg.Data}, streams{strings.NewReader(""), give, io.Discard})
	}()
	if _, err := take.Read(make([]byte, 1)); err != nil { // it has begun, and goes no further
		t.Fatal(err)
	}
	if e := r.erase("gone@mail.example"); e.Erased != 1 {
		t.Errorf("%+v", e)
	}
	r.until(r.accepted(order(5001, "next@mail.example", nil)), waxwing.Sent)
	go func() { _, _ = io.Copy(io.Discard, take) }() // until it is closed below
	select {
	case status := <-ended:
		if status != 0 {
			t.Errorf("the export ends with %d", status)
		}
	case <-time.After(time.Minute):
		t.Error("the export does not end")
	}
	_ = give.Close()
}
