package shop_test

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

func TestPush(t *testing.T) {
	for _, c := range []struct{ attributes, want string }{
		{`{"waxwing_push": "wxp1.abc"}`, "wxp1.abc"},
		{`{"waxwingPush": " wxp1.abc "}`, "wxp1.abc"},
		{`[{"name": "gift", "value": "yes"}, {"name": "waxwing_push", "value": "wxp1.abc"}]`, "wxp1.abc"},
		{`[{"name": "Waxwing push", "value": "wxp1.abc"}]`, "wxp1.abc"},
		{`[{"id": 7, "key": "_waxwing_push", "value": "{\"endpoint\": \"https://push.example/1\"}"}]`, `{"endpoint": "https://push.example/1"}`},
		{`{"waxwing_push": "tökén"}`, ""},
		{`{"waxwing_push": "a\nb"}`, ""},
		{`{"waxwing_push": 5}`, "5"},
		{`{"waxwing_push": {"endpoint": "x"}}`, ""},
		{`{"waxwing_push": "` + strings.Repeat("x", shop.MaxPush+1) + `"}`, ""},
		{`{"waxwing_pushed": "x"}`, ""},
		{`[{"name": "waxwing.push", "value": "x"}]`, ""},
		{`[]`, ""}, {`null`, ""}, {`"waxwing_push"`, ""}, {`[["waxwing_push", "x"]]`, ""},
	} {
		d, err := payload.Read(`{"a": ` + c.attributes + `}`)
		if err != nil {
			t.Fatalf("%s: %v", c.attributes, err)
		}
		if got := shop.Push(d.Root().Get("a")); got != c.want {
			t.Errorf("%s: %q, want %q", c.attributes, got, c.want)
		}
	}
}
