package config

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// badEnv is what the bad files' variables hold.
func badEnv(name string) (string, bool) {
	v, ok := map[string]string{"TWILIO_TOKEN": "canary-token", "ACME_KEY": "canary-key", "ACME_SHOPIFY_SECRET": "canary-shop",
		"EMPTY": "", "WORD": "canary-word"}[name]
	return v, ok
}

// TestBadFiles holds each file of testdata/bad to its first lines: which place
// is named, with which words and which remedy.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 100 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".yaml"), func(t *testing.T) {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(f, src, badEnv, Components)
			var l ErrorList
			if !errors.As(err, &l) {
				t.Fatalf("got %v, want mistakes", err)
			}
			wants := wantsOf(src)
			if len(wants) != len(l) {
				t.Fatalf("want %d mistakes, got:\n%v", len(wants), err)
			}
			for i, e := range l {
				got, _, _ := strings.Cut(strings.TrimPrefix(e.Error(), f+":"), "\n")
				if want := strings.Replace(wants[i], " ", ": ", 1); want != got {
					t.Errorf("\nwant %s\ngot  %s\n%s", wants[i], got, e.Excerpt)
				}
				if at := fmt.Sprintf("%d:%d ", e.Line, e.Column); !strings.HasPrefix(wants[i], at) {
					t.Errorf("at %s, want %s", at, wants[i])
				}
				if e.File != f || e.Problem == "" || len(e.Remedy) < 6 {
					t.Errorf("incomplete: %+v", e)
				}
			}
			if s := err.Error(); strings.Contains(s, "canary") || strings.Contains(s, "hunter2") {
				t.Errorf("a secret is shown:\n%s", s)
			}
		})
	}
}

func wantsOf(src []byte) (wants []string) {
	for s := bufio.NewScanner(bytes.NewReader(src)); s.Scan(); {
		w, ok := strings.CutPrefix(s.Text(), "# want: ")
		if !ok {
			break
		}
		wants = append(wants, w)
	}
	return wants
}
