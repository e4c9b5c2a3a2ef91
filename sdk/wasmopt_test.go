package sdk

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// TestCBuildsWhereBinaryenIs: a wasm-opt on the PATH is not run, whatever clang would do with it: Debian's refuses what the SDK's
// own code uses.
func TestCBuildsWhereBinaryenIs(t *testing.T) {
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "wasm-opt"), []byte("#!/bin/sh\ntouch "+filepath.Join(bin, "ran")+"\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	dir := filepath.Join(t.TempDir(), "p")
	if _, err := Scaffold(dir, "p", "c", "filter"); err != nil {
		t.Fatal(err)
	}
	if _, err := Build(context.Background(), dir, io.Discard); errors.Is(err, ErrToolchain) {
		t.Skip(err)
	} else if err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(bin, "ran")); err == nil {
		t.Error("wasm-opt was run")
	}
}
