package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jhillyerd/enmime/v2"
)

// preview prints the same subject as the mail.
func TestPreviewsSubject(t *testing.T) {
	var out, eml bytes.Buffer
	raw, err := json.Marshal(map[string]any{"shop": "generic", "id": "7", "number": "#1489", "locale": "ar", "currency": "USD",
		"placed_at": "2026-03-09T09:00:00Z", "customer": map[string]any{"first_name": "Ida", "email": "ida@example.com"},
		"items": []any{map[string]any{"name": "Mug", "quantity": 1, "total": "12.00"}}, "totals": map[string]any{"subtotal": "12.00", "total": "12.00"}, "payment": map[string]any{"status": "paid"}})
	if err != nil {
		t.Fatal(err)
	}
	for format, to := range map[string]*bytes.Buffer{"text": &out, "eml": &eml} {
		c := previewCmd{configFlag: configFlag{Config: "waxwing.yaml"}, Event: "-", Tenant: "acme", Shop: "generic", Format: format}
		if err := c.Run(streams{in: bytes.NewReader(raw), out: to, err: &bytes.Buffer{}}); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", format, err))
		}
	}
	e, err := enmime.ReadEnvelope(&eml)
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := strings.Cut(out.String(), "\n"); first != "Subject: "+e.GetHeader("Subject") {
		t.Errorf("%+q, the mail has %+q", first, e.GetHeader("Subject"))
	}
}
