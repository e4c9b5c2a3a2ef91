package main

import (
	"bytes"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/daemon"
)

// Words that stand nowhere but in one person's orders.
const (
	canaryMail   = "kanari.vogel@canary-erased.example"
	canaryFirst  = "Kanarienka"
	canaryLast   = "Vogelsangova"
	canaryStreet = "Zwitschergasse 77"
	canaryNote   = "bitte beim Nachbarn Zeisigmann klingeln"
	canaryPhone  = "+4915798765432"
)

var canaries = []string{canaryMail, "kanari.vogel", "canary-erased", canaryFirst, canaryLast, canaryStreet, "Zwitschergasse", "Zeisigmann",
	canaryPhone, canaryPhone[1:], "15798765432"}

func canaryOrder(id int, changes map[string]any) []byte {
	m := map[string]any{"email": canaryMail, "contact_email": canaryMail, "phone": canaryPhone, "note": canaryNote,
		"customer":         map[string]any{"id": 5, "first_name": canaryFirst, "last_name": canaryLast, "email": canaryMail, "phone": canaryPhone},
		"shipping_address": map[string]any{"name": canaryFirst + " " + canaryLast, "address1": canaryStreet, "city": "Berlin", "zip": "10115", "country_code": "DE", "phone": canaryPhone}}
	for k, v := range changes {
		m[k] = v
	}
	return order(id, canaryMail, m)
}

// Acceptance 8, second half: an erased person is nowhere, whatever had become
// of her orders, and the trail still verifies.
func TestErasedPersonIsNowhere(t *testing.T) {
	release := make(chan struct{})
	letGo := sync.OnceFunc(func() { close(release) })
	atDot := make(chan struct{}, 1)
	var flying = "c99"
	r := newRig(t, withPlan(func(q sink.Question) sink.Answer {
		switch {
		case q.Phase == waxwing.PhaseDot && q.To == flying+"."+canaryMail:
			atDot <- struct{}{}
			<-release
			return sink.Answer{Code: 451, Text: "4.3.0 not now, <" + q.To + ">"}
		case q.Phase == waxwing.PhaseRcpt && strings.HasPrefix(q.To, "gone."):
			return sink.Answer{Code: 550, Text: "5.1.1 <" + q.To + "> " + canaryLast + " lives here no more"}
		case q.Phase == waxwing.PhaseRcpt && strings.HasPrefix(q.To, "later."):
			return sink.Answer{Code: 450, Text: "4.2.0 <" + q.To + "> is busy"}
		}
		return sink.Answer{}
	}))
	t.Cleanup(letGo)
	// Company before and after: her rows lie among others', on pages that have
	// been split and moved.
	r.storm(1000, 150)
	defer func() { t.Log(len(r.allMails()), "mails") }()
	var ids []string
	post := func(body []byte) string {
		code, rc := r.shopify("shopify", body)
		if code != http.StatusAccepted {
			t.Fatalf("%d %+v", code, rc)
		}
		ids = append(ids, rc.ID)
		return rc.ID
	}
	alias := func(p string) map[string]any {
		return map[string]any{"email": p + "." + canaryMail, "contact_email": nil}
	}
	sent := post(canaryOrder(1, nil))
	r.until(sent, waxwing.Sent)
	held := post(canaryOrder(2, map[string]any{"financial_status": "pending"}))
	r.until(held, waxwing.Held)
	wrong := post(canaryOrder(3, map[string]any{"currency": canaryMail, "total_price": canaryLast}))
	r.until(wrong, waxwing.Quarantined)
	post([]byte(`{"email":"` + canaryMail + `","id":` + canaryFirst + `,"phone":"+49 157 9876-5432"}`)) // not JSON
	post([]byte(`{"phone":"0049 (157) 98765-432", ` + canaryStreet))
	post([]byte(`{"email":"kanari.vogel\u0040canary-erased.example", ` + canaryLast)) // nor this
	_, ignored := r.event("customers/update", canaryOrder(4, nil))
	ids = append(ids, ignored.ID)
	rejected := post(canaryOrder(5, alias("gone")))
	r.until(rejected, waxwing.Sent) // as a text
	deferred := post(canaryOrder(6, alias("later")))
	r.poll("a deferral", func() bool { m := r.get(deferred).Messages; return len(m) > 0 && len(m[0].Attempts) > 0 })
	inFlight := post(canaryOrder(7, alias(flying)))
	<-atDot
	bystander := r.accepted(shopifyOrder(8, "bystander@example.com", "paid"))
	r.until(bystander, waxwing.Sent)

	r.storm(2000, 150)
	r.poll("the company is through", func() bool { return r.truth.Total() >= 300+3 })
	keys := r.dataKeys(ids)
	for _, a := range []string{canaryMail, "gone." + canaryMail, "later." + canaryMail, flying + "." + canaryMail, canaryPhone} {
		r.erase(a)
	}
	letGo()
	r.until(inFlight, waxwing.Cancelled)
	mails := len(r.allMails())
	for _, id := range ids {
		if v := r.get(id); !v.Erased {
			t.Errorf("%s (%s %s) was not erased", id, v.State, v.Reason)
		}
		for _, p := range []string{"", "/message", "/message?n=1", "/message?n=2"} {
			_, b := r.api("GET", "/confirmations/"+id+p, nil)
			r.wantNoCanary("the API's answer to "+id+p, []byte(b))
		}
		if code, _ := r.api("POST", "/confirmations/"+id+"/resend", nil); code != http.StatusConflict {
			t.Errorf("resend of an erased one: %d", code)
		}
		if code, _ := r.api("POST", "/confirmations/"+id+"/retry", nil); code != http.StatusConflict {
			t.Errorf("retry of an erased one: %d", code)
		}
	}
	_, all := r.api("GET", "/confirmations?limit=500", nil)
	r.wantNoCanary("the list", []byte(all))
	for _, q := range []string{"?email=" + canaryMail, "?email=%2B" + canaryPhone[1:], "?email=gone." + canaryMail} {
		if l := r.list(q); len(l) != 0 {
			t.Errorf("%s finds %d", q, len(l))
		}
	}
	// The shop tells of the order once more: nothing comes back.
	r.event("orders/updated", canaryOrder(1, map[string]any{"updated_at": ahead(time.Second)}))
	r.event("orders/updated", canaryOrder(2, map[string]any{"updated_at": ahead(time.Second)}))
	if code, b := r.api("GET", "/confirmations/"+bystander+"/message", nil); code != http.StatusOK || !strings.Contains(b, "bystander@example.com") {
		t.Errorf("the bystander's mail: %d", code)
	}
	r.verified()
	r.wantNoFile(keys, "while it runs")
	r.restart(daemon.Extras{})
	r.verified()
	r.stop()
	r.wantNoFile(keys, "after a stop")
	r.wantNoCanary("the log", r.logs.Bytes())
	if n := len(r.allMails()); n != mails {
		t.Errorf("%d mails after the erasure", n-mails)
	}
}

func (r *rig) wantNoCanary(where string, b []byte) {
	r.t.Helper()
	low := bytes.ToLower(b)
	for _, c := range canaries {
		if i := bytes.Index(low, []byte(strings.ToLower(c))); i >= 0 {
			r.t.Errorf("%s has %q: ...%s...", where, c, b[max(0, i-60):min(len(b), i+60)])
		}
	}
}

// dataKeys reads the wrapped keys: with them and the tenant's key everything
// that was sealed could be read again.
func (r *rig) dataKeys(ids []string) map[string][]byte {
	r.t.Helper()
	db := r.openFile()
	defer db.Close()
	out := map[string][]byte{}
	for _, s := range ids {
		id, err := waxwing.ParseID(s)
		if err != nil {
			r.t.Fatal(err)
		}
		var k []byte
		if err := db.QueryRow("SELECT dek FROM confirmations WHERE id=?", int64(id)).Scan(&k); err != nil || len(k) == 0 {
			r.t.Fatal(s, err)
		}
		out[s] = k
	}
	return out
}

// erase erases an address, whoever else is named beside it, and waits for its end.
func (r *rig) erase(address string) (e erasure) {
	r.t.Helper()
	ask := func(body map[string]any) int {
		body["address"] = address
		code, b := r.api("POST", "/people/erase", body)
		if err := json.Unmarshal([]byte(b), &e); err != nil {
			r.t.Fatalf("erase %s: %d %s: %v", address, code, b, err)
		}
		return code
	}
	if code := ask(map[string]any{"dry_run": true}); code != http.StatusOK || e.Erased != 0 {
		r.t.Fatalf("dry run of %s: %d %+v", address, code, e)
	}
	if code := ask(map[string]any{"confirm": e.Found}); code != http.StatusOK && code != http.StatusAccepted {
		r.t.Fatalf("erase %s: %d %+v", address, code, e)
	}
	r.poll("the erasure of "+address+" is done", func() bool { return r.d.Ledger().Scrub().Done })
	return e
}

// openFile opens the ledger's file as anybody with a shell could.
func (r *rig) openFile() *sql.DB {
	r.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(r.cfg.Data, "ledger.db")+"?_pragma=busy_timeout(5000)")
	if err != nil {
		r.t.Fatal(err)
	}
	return db
}

func (r *rig) wantNoFile(keys map[string][]byte, when string) {
	r.t.Helper()
	err := filepath.WalkDir(r.cfg.Data, func(f string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("%s, %s,", filepath.Base(f), when)
		r.wantNoCanary(name, b)
		for id, k := range keys {
			if n := bytes.Count(b, k); n > 0 {
				r.t.Errorf("%s has the data key of %s %d times: %s...", name, id, n, hex.EncodeToString(k[:8]))
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// TestEraseNobodyElse: an address within a longer one is somebody else's, and a piece
// of one is nobody's: what is erased is gone for good.
func TestEraseNobodyElse(t *testing.T) {
	r := newRig(t, withAnna())
	held := r.accepted(shopifyOrder(1, "jana@example.com", "pending"))
	odd := r.accepted([]byte(`{"id":43,"name":"#43","email":"jana@example.com.au","line_items":5,"currency":7}`))
	hers := r.accepted([]byte(`{"id":44,"name":"#44","email":"ana@example.com","line_items":5,"currency":7}`))
	r.until(held, waxwing.Held)
	r.until(odd, waxwing.Quarantined)
	r.until(hers, waxwing.Quarantined)
	for _, who := range []string{"@example.com", "example.com", "2026", "ana@", "43", "@@@"} {
		for _, act := range [][]string{{"erase", who, "--yes"}, {"suppress", who}} {
			if status, out, errs := r.said("anna-key-of-acme", act...); status != 1 || !strings.Contains(errs, "bad address") {
				t.Errorf("%v: %d %s%s", act, status, out, errs)
			}
		}
	}
	if out := r.mustSay("erase", "ana@example.com", "--yes"); !strings.Contains(out, "Erased: 1 confirmation.") {
		t.Error(out)
	}
	if out := r.mustSay("erase", "jana@example.com", "--yes"); !strings.Contains(out, "Erased: 1 confirmation.") {
		t.Error(out)
	}
	if v := r.get(odd); v.Erased {
		t.Error("a longer domain's was erased")
	}
	r.verified()
}
