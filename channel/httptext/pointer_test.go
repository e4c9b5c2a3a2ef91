package httptext

import (
	"encoding/json"
	"testing"
)

func TestFind(t *testing.T) {
	var doc any
	if err := json.Unmarshal([]byte(`{"a":{"b/c":["x",{"~":true}]},"":"empty","n":null,"o":{}}`), &doc); err != nil {
		t.Fatal(err)
	}
	for pointer, want := range map[string]string{"/a/b~1c/0": "x", "/a/b~1c/1/~0": "true", "/": "empty"} {
		if got, ok := find(doc, pointer); !ok || got != want {
			t.Errorf("%s: %q %v", pointer, got, ok)
		}
	}
	for _, pointer := range []string{"", "/a", "/o", "/n", "/x", "/a/b~1c/2", "/a/b~1c/-1", "/a/b~1c/x", "/a/b~1c/0/y"} {
		if got, ok := find(doc, pointer); ok {
			t.Errorf("%s: %q", pointer, got)
		}
	}
}

func FuzzFind(f *testing.F) {
	f.Add(`{"a":[1,{"b":"c"}]}`, "/a/1/b")
	f.Add(`[]`, "/~01~")
	f.Fuzz(func(t *testing.T, text, pointer string) {
		var doc any
		_ = json.Unmarshal([]byte(text), &doc) // nil, where it is none
		if _, ok := find(doc, pointer); ok && pointer == "" {
			t.Error("nothing was pointed at")
		}
	})
}
