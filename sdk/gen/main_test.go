package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// TestGenerated fails where a schema changed and "make docs" was not run.
func TestGenerated(t *testing.T) {
	m, err := load("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range targets {
		want, err := target.write(m)
		if err != nil {
			t.Fatalf("%s: %v", target.file, err)
		}
		have, err := os.ReadFile(filepath.Join("..", target.file))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(have, want) {
			t.Errorf("%s is not what the schemas say: run make docs", target.file)
		}
	}
}
