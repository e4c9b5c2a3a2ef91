package daemon

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/config/configtest"
)

// TestWorkersThatHaveNoWork are refused, each with what to write instead.
func TestWorkersThatHaveNoWork(t *testing.T) {
	const file = `data: /nonexistent
http: {listen: "127.0.0.1:0"}
keys: {master: "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"}
providers: {mail: {type: smtp, addr: "127.0.0.1:25", tls: none}}
brokers: {bus: {type: redis, url: "redis://127.0.0.1:1/0"}}
tenants: {acme: {name: Acme, from: orders@acme.example, shops: {shopify: {secret: shop-secret}}}}
pipeline: [normalise, render, {queue: {name: mail, on: bus, carry: CARRY}}, {send: {providers: [mail]}}]
`
	shared := "ledger: {type: postgres, dsn: \"postgres://waxwing@127.0.0.1:1/none\"}\n"
	for what, c := range map[string]struct{ text, problem, remedy string }{
		"a folder's ledger": {strings.Replace(file, "CARRY", "content", 1), "this one is in a folder", "waxwing ledger move"},
		"references":        {strings.Replace(file, "CARRY", "reference", 1) + shared, "no queue of the pipeline carries content", "carry: content"},
		"no broker":         {strings.Replace(file, "on: bus, carry: CARRY", "on: gochannel", 1) + shared, "no queue of the pipeline carries content", "carry: content"},
	} {
		cfg := configtest.Load(t, Components(), c.text)
		d, err := StartWorker(cfg, slog.New(slog.DiscardHandler), Extras{})
		if err == nil {
			_ = d.Stop()
		}
		if err == nil || !strings.Contains(err.Error(), c.problem) || !strings.Contains(err.Error(), c.remedy) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
