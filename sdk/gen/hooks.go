package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// choosing are the schemas in which a hook is one of several.
var choosing = []string{"input.json", "fixture.json", "manifest.json"}

// hookEnum is such a choice: the only list with filter in it.
var hookEnum = regexp.MustCompile(`\[("[a-z_]+", )*"filter"[^\]]*\]`)

// nameHooks adds the hooks that have schemas of their own to the schemas that list them.
func nameHooks(dir string) error {
	hooks, err := hooksOf(dir)
	if err != nil {
		return err
	}
	for _, name := range choosing {
		file := filepath.Join(dir, "schema", name)
		b, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		at := hookEnum.FindIndex(b)
		if at == nil {
			return fmt.Errorf("%s lists no hooks", name)
		}
		var listed []string
		if err := json.Unmarshal(b[at[0]:at[1]], &listed); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, h := range hooks {
			if !slices.Contains(listed, h) && (h != "normalise" || name != "input.json") {
				listed = append(listed, h)
			}
		}
		list := `["` + strings.Join(listed, `", "`) + `"]`
		if err := os.WriteFile(file, slices.Concat(b[:at[0]], []byte(list), b[at[1]:]), 0o644); err != nil {
			return err
		}
	}
	return nil
}
