package abi

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// TestAttacksManifestsAreReadExactly: what the merchant does not see when she reads plugin.json must not act. encoding/json
// would obey each of these.
func TestAttacksManifestsAreReadExactly(t *testing.T) {
	const head = `{"name":"p","version":"1","lang":"js","hooks":["filter"]`
	for body, want := range map[string]string{
		head + `,"needs":[],"Needs":["customer.email"]}`:                               `"Needs" is not known, which looks like "needs"`,
		head + `,"NEEDS":["customer.email"]}`:                                          `looks like "needs"`,
		head + `,"n\u0435\u0435ds":["customer.email"]}`:                                `looks like "needs"`,
		head + `,"needs\u200b":["customer.email"]}`:                                    `looks like "needs"`,
		head + `,"needs ":["customer.email"]}`:                                         `looks like "needs"`,
		head + `,"\uff4eeeds":["customer.email"]}`:                                     `looks like "needs"`,
		head + `,"needs":[],"needs":["customer.email"]}`:                               "twice",
		head + `,"needs":[],"\u006eeeds":["customer.email"]}`:                          "twice",
		head + `,"needs":["customer.email","customer.email"]}`:                         "twice",
		head + `,"needs":["customer.email\u200b"]}`:                                    "needs[0] holds the character U+200B",
		"\xef\xbb\xbf" + head + `}`:                                                    "byte order mark",
		"\xff\xfe{\x00":                                                                "UTF-16",
		`{"name":"p","version":"1","lang":"js","hooks":["p\u0435rsonalise"]}`:          `"p\u0435rsonalise"`,
		head + `,"needs":["customer.\u0435mail"]}`:                                     `"customer.\u0435mail"`,
		head + `,"needs":null}`:                                                        "want a list",
		head + `,"description":"a\u202eb"}`:                                            "description holds the character U+202E",
		head + `,"description":"a\nb"}`:                                                "description holds the character U+000A",
		head + `,"description":"a\u3164b"}`:                                            "description holds the character U+3164",
		head + `,"description":"a` + "\xff" + `"}`:                                     "UTF-8",
		head + `,"description":"\ud800"}`:                                              "surrogate",
		head + `,"config":{"k":"a\u2066b"}}`:                                           `config."k" holds the character U+2066`,
		head + `,"config":{"k":"a\udb40\udc41b"}}`:                                     "U+E0041",
		head + `,"config":{"k":"1","\u006b":"2"}}`:                                     "twice",
		head + `,"reasons":["large order"," "]}`:                                       "reasons[1]",
		head + `,"reasons":["a@b.c"]}`:                                                 "reasons[0]",
		head + `,"reasons":["fine","fine"]}`:                                           "twice",
		`{"name":"p","version":"1","lang":"js","hooks":["recommend"],"reasons":["a"]}`: "hook filter",
		head + `}{"needs":["customer.email"]}`:                                         "more behind",
	} {
		m, err := ParseManifest([]byte(body))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v %v", body, m, err)
		}
	}
	if _, err := ParseManifest([]byte(head + `,"needs":["items"],"description":"Hält große Bestellungen an – 大口注文 ☕"}`)); err != nil {
		t.Errorf("what can be seen is refused: %v", err)
	}
	for body, want := range map[string]string{
		`{"hook":"filter","input":{},"Output":{}}`:            `looks like "output"`,
		`{"hook":"filter","input":{},"input":{"a":1}}`:        "twice",
		`{"hook":"filter","input":{"a":1,"a":2}}`:             "twice",
		`{"hook":"filter","input":{},"name":"\u202efixture"}`: "name holds the character U+202E",
		`{"hook":"filter","name":"x"}`:                        "no input",
	} {
		if _, err := ParseFixture([]byte(body)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

// TestInvisibleTextsFallBack: a subject of which nobody sees anything is none.
func TestInvisibleTextsFallBack(t *testing.T) {
	for _, s := range []string{"", " ", "\u00a0", "\u200b\u200d", "\u2800", "\u3164", "\u115f\u1160", "\uffa0", "\u2060\ufeff", "\U000e0041", "\ufe0f", "\u0301", "\u202e \u202c", "\u034f", "\u180e"} {
		quoted := fmt.Sprintf("%q", "x")
		quoted = strings.Replace(quoted, "x", s, 1)
		a, err := Decode(waxwing.HookPersonalise, []byte(`{"subject":`+quoted+`,"greeting":`+quoted+`,"vars":{"message":`+quoted+`}}`), nil)
		if err != nil || a.Subject != "" || a.Greeting != "" || len(a.Vars) != 0 {
			t.Errorf("%+q: %+v %v", s, a, err)
		}
	}
	for _, s := range []string{"a", "☕", "👩\u200d💻", "שלום", "e\u0301", "…", "$"} {
		if a, err := Decode(waxwing.HookPersonalise, []byte(`{"subject":"`+s+`"}`), nil); err != nil || a.Subject != s {
			t.Errorf("%q: %+v %v", s, a, err)
		}
	}
}

// TestAttacksHiddenNeedsCase puts the shared case where it is there.
func TestAttacksHiddenNeedsCase(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "hidden-needs.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseManifest(b); !waxwing.IsPermanent(err) || !strings.Contains(err.Error(), `"Needs"`) {
		t.Error(err)
	}
}
