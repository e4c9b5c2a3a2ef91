package examples_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
	"github.com/waxwinghq/waxwing/sdk"
)

// formatters are plugins that say what the SDK's functions make of their input.
var formatters = map[string]string{
	"js": `function personalise(input) {
  return { vars: { date: formatDate(input.format, input.order.placed_at), weekday: formatWeekday(input.format, input.delivery.from),
    total: formatMoney(input.format, input.order.total), item: formatMoney(input.format, input.items[0].total) } };
}
`,
	"go": `package main

import "plugins/try/waxwing"

var _ = waxwing.OnPersonalise(func(in *waxwing.Input) (*waxwing.PersonaliseOutput, error) {
	return &waxwing.PersonaliseOutput{Vars: map[string]string{
		"date": waxwing.FormatDate(in.Format, in.Order.PlacedAt), "weekday": waxwing.FormatWeekday(in.Format, in.Delivery.From),
		"total": waxwing.FormatMoney(in.Format, in.Order.Total), "item": waxwing.FormatMoney(in.Format, in.Items[0].Total)}}, nil
})

func main() {}
`,
	"rust": `use waxwing::{format_date, format_money, format_weekday, Answer, Input, PersonaliseOutput};

waxwing::plugin!(personalise = personalise);

fn personalise(input: &Input) -> Answer<PersonaliseOutput> {
    let mut out = PersonaliseOutput::default();
    let order = input.order.as_ref().unwrap();
    out.vars.insert("date".to_string(), format_date(&input.format, &order.placed_at));
    out.vars.insert("weekday".to_string(), format_weekday(&input.format, &input.delivery.as_ref().unwrap().from));
    out.vars.insert("total".to_string(), format_money(&input.format, order.total.as_ref().unwrap()));
    out.vars.insert("item".to_string(), format_money(&input.format, input.items[0].total.as_ref().unwrap()));
    Ok(Some(out))
}
`,
	"c": `#include "waxwing.h"

static void say(ww_personalise_output *out, ww_str key, ww_str value) { *WW_ADD(out->vars) = (ww_text_pair){key, value}; }

static bool personalise(const ww_input *in, ww_personalise_output *out) {
  say(out, WW_STR("date"), ww_format_date(in->format, in->order->placed_at));
  say(out, WW_STR("weekday"), ww_format_weekday(in->format, in->delivery->from));
  say(out, WW_STR("total"), ww_format_money(in->format, in->order->total));
  say(out, WW_STR("item"), ww_format_money(in->format, in->items.at[0].total));
  return true;
}
WW_PERSONALISE(personalise)
`,
	"assemblyscript": `import { formatDate, formatMoney, formatWeekday, Input, onPersonalise, PersonaliseOutput } from "../waxwing";

export { ww_abi_1, ww_alloc } from "../waxwing";

export function ww_personalise_1(ptr: usize, len: i32): u64 {
  return onPersonalise(ptr, len, personalise);
}

function personalise(input: Input): PersonaliseOutput | null {
  const out = new PersonaliseOutput();
  out.vars.set("date", formatDate(input.format, input.order!.placed_at));
  out.vars.set("weekday", formatWeekday(input.format, input.delivery!.from));
  out.vars.set("total", formatMoney(input.format, input.order!.total!));
  out.vars.set("item", formatMoney(input.format, input.items[0].total!));
  return out;
}
`,
}

// Dates and money of plugins in every language are the mail's own, and plain
// where the host says nothing.
func TestFormatsAreTheHosts(t *testing.T) {
	for _, lang := range sdk.Langs() {
		t.Run(lang, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "p")
			if _, err := sdk.Scaffold(dir, "try", lang, "personalise"); err != nil {
				t.Fatal(err)
			}
			main, _ := filepath.Glob(filepath.Join(dir, map[string]string{"go": "main.go", "assemblyscript": "assembly/index.ts"}[lang]))
			if len(main) != 1 || lang != "go" && lang != "assemblyscript" {
				main, _ = filepath.Glob(filepath.Join(dir, "src", "*"))
			}
			manifest := []byte(`{"name": "try", "version": "1", "lang": "` + lang + `", "hooks": ["personalise"],
				"needs": ["format", "order.placed_at", "order.total", "items.price", "delivery"]}`)
			for name, body := range map[string][]byte{main[0]: []byte(formatters[lang]), filepath.Join(dir, "plugin.json"): manifest} {
				if err := os.WriteFile(name, body, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			module := build(t, dir)
			ask := formatAsker(t, dir, lang, module, manifest)
			for _, tag := range locales.Tags() {
				for i, c := range formatCases() {
					if lang == "go" && i%8 != 2 { // interpreted: slow
						continue
					}
					holdFormat(t, ask, tag, c)
				}
			}
		})
	}
}

type formatCase struct {
	placed, from time.Time
	total, item  waxwing.Money
}

func formatCases() (list []formatCase) {
	day := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for i, minor := range []int64{0, 7, 123450, 99999, 100000, -199, -123456789, 987654321} {
		for _, cur := range []string{"EUR", "JPY", "KWD", "USD"} {
			list = append(list, formatCase{day.AddDate(0, i*5, i*11), day.AddDate(0, 0, i*17), waxwing.Money{Minor: minor, Currency: cur},
				waxwing.Money{Minor: minor / 3, Currency: cur}})
		}
	}
	list = append(list, formatCase{time.Date(2024, 2, 29, 1, 0, 0, 0, time.UTC), time.Date(2000, 1, 2, 0, 0, 0, 0, time.UTC),
		waxwing.Money{Minor: 5, Currency: "EUR"}, waxwing.Money{Minor: 500, Currency: "USD"}}) // another currency than the order's
	return list
}

func holdFormat(t *testing.T, ask func([]byte) ([]byte, error), tag string, c formatCase) {
	t.Helper()
	cat, err := locales.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	l, _ := cat.Locale(tag)
	o := &waxwing.Order{Shop: "main", Currency: c.total.Currency, PlacedAt: c.placed, Total: c.total, Delivery: waxwing.Delivery{From: c.from},
		Items: []waxwing.Item{{Quantity: 1, Total: &c.item}}}
	in := abi.InputOf(waxwing.HookPersonalise, &abi.Question{Order: o, Locale: tag, Format: l.Format(o.Currency), At: c.placed},
		[]string{"format", "order.placed_at", "order.total", "items.price", "delivery"})
	validate(t, "personalise.input.json", in)
	raw, err := ask(in)
	if err != nil {
		t.Fatalf("%s: %v\n%s", tag, err, in)
	}
	var out struct{ Vars map[string]string }
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	money := func(m waxwing.Money) string {
		if m.Currency != o.Currency {
			return m.Decimal() + " " + m.Currency
		}
		b := string(l.AppendMoney(nil, m))
		if m.Minor < 0 {
			b = strings.Replace(b, "-", "\u2212", 1)
		}
		return b
	}
	for k, want := range map[string]string{"date": string(l.AppendDate(nil, c.placed, locales.Long)),
		"weekday": string(l.AppendDate(nil, c.from, locales.Weekday)), "total": money(c.total), "item": money(c.item)} {
		if out.Vars[k] != want {
			t.Errorf("%s %s: %q, want %q", tag, k, out.Vars[k], want)
		}
	}
}

// formatAsker runs a module in the tests' host, and a script on the daemon's own
// engine where it is there, else in node.
func formatAsker(t *testing.T, dir, lang, module string, manifest []byte) func([]byte) ([]byte, error) {
	t.Helper()
	if lang != "js" {
		config := wazero.NewRuntimeConfigCompiler()
		if lang == "go" {
			config = wazero.NewRuntimeConfigInterpreter()
		}
		h := newHost(t, config)
		m := h.compile(t, module, lang, []string{"personalise"})
		return func(in []byte) ([]byte, error) { return h.call(t, m, lang, "personalise", in) }
	}
	inNode := script(t, dir, module)
	body, err := os.ReadFile(module)
	if err != nil {
		t.Fatal(err)
	}
	mf, err := abi.ParseManifest(manifest)
	if err != nil {
		t.Fatal(err)
	}
	code, err := sandbox.Prepare(mf, body, abi.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	e := engine(t)
	if err := e.Compile(context.Background(), code); err != nil {
		t.Log("node alone is asked: ", err)
		return func(in []byte) ([]byte, error) { return inNode(&fixture{Hook: "personalise", Input: in}) }
	}
	n := 0
	return func(in []byte) ([]byte, error) {
		f := abi.Fixture{Hook: waxwing.HookPersonalise, Input: in}
		res, err := e.Fixture(code, &f, time.Minute)
		if err != nil {
			return nil, err
		}
		if n++; n%40 == 1 { // node is slow to start
			other, err := inNode(&fixture{Hook: "personalise", Input: in})
			if err != nil || !same(other, res.Output) {
				return nil, fmt.Errorf("node says %s, %w; the daemon's engine %s", other, err, res.Output)
			}
		}
		return res.Output, nil
	}
}
