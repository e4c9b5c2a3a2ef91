package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestOneOrderOneMail(t *testing.T) {
	r := newRig(t)
	body := shopifyOrder(1001, "jana@example.com", "paid")
	code, rc := r.shopify("shopify", body)
	if code != http.StatusAccepted || rc.State != "received" {
		t.Fatalf("%d %+v", code, rc)
	}
	r.wait(1)
	if code, again := r.shopify("shopify", body); code != http.StatusOK || again.ID != rc.ID {
		t.Fatalf("%d %+v", code, again)
	}
	m := string(r.mails[0].Data)
	if r.mails[0].To != "jana@example.com" || !strings.Contains(m, "1001") {
		t.Fatalf("%s", m)
	}
	r.stop()
	t.Log(m[:600])
}
