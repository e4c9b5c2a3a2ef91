package shoptest

import (
	"bytes"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
)

// Payload reads a file as a tree that a test can change.
func Payload(t testing.TB, file string) map[string]any {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var m map[string]any
	if err := dec.Decode(&m); err != nil {
		t.Fatal(err)
	}
	return m
}

// With sets what lies at a path such as "line_items.0.price"; the value nil
// takes it away, null is written Null. A path that the payload does not have
// changes nothing.
func With(t testing.TB, m map[string]any, path string, v any) []byte {
	t.Helper()
	if path != "" {
		steps := strings.Split(path, ".")
		var at any = m
		for _, s := range steps[:len(steps)-1] {
			if list, ok := at.([]any); ok {
				i, _ := strconv.Atoi(s)
				at = list[i]
			} else {
				parent, _ := at.(map[string]any)
				at = parent[s]
			}
		}
		switch last := steps[len(steps)-1]; parent := at.(type) {
		case []any:
			i, _ := strconv.Atoi(last)
			parent[i] = v
		case map[string]any:
			if v == nil {
				delete(parent, last)
			} else {
				parent[last] = v
			}
		}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Null is JSON's null, where With takes nil for leaving a key out.
var Null = json.RawMessage("null")
