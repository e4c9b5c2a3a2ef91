package sdk

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// AssemblyScript is the version that the SDK is tested with.
const AssemblyScript = "0.28.20"

// ErrToolchain is what Build's error is where a toolchain is missing; the
// message says what to install.
var ErrToolchain = errors.New("toolchain missing")

func findProgram(names ...string) string {
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			return p
		}
	}
	return ""
}

// findRust finds a rustc that has the target: the one of the PATH may have
// none where Debian's has.
func findRust(ctx context.Context) (string, error) {
	for _, rustc := range []string{os.Getenv("RUSTC"), findProgram("rustc"), "/usr/bin/rustc"} {
		if rustc == "" {
			continue
		}
		root, err := exec.CommandContext(ctx, rustc, "--print", "sysroot").Output()
		if err != nil {
			continue
		}
		lib := filepath.Join(strings.TrimSpace(string(root)), "lib", "rustlib")
		if _, err := os.Stat(filepath.Join(lib, "wasm32-unknown-unknown", "lib")); err == nil && linksWasm(lib) {
			return rustc, nil
		}
	}
	return "", fmt.Errorf("%w: no rustc with the target wasm32-unknown-unknown and a linker for it: rustup target add wasm32-unknown-unknown, or on Debian apt-get install rustc libstd-rust-dev-wasm32 lld", ErrToolchain)
}

// linksWasm reports whether there is a linker for rustc: rustup brings one along,
// Debian's rustc needs the package lld.
func linksWasm(rustlib string) bool {
	own, _ := filepath.Glob(filepath.Join(rustlib, "*", "bin", "rust-lld*")) // the pattern is well-formed
	return len(own) > 0 || findProgram("wasm-ld", "wasm-ld-19", "wasm-ld-16", "wasm-ld-15", "wasm-ld-14", "rust-lld") != ""
}

// findClang finds a clang that writes WebAssembly, and the linker for it.
func findClang(ctx context.Context) (clang, linker string, err error) {
	linker = findProgram("wasm-ld", "wasm-ld-19", "wasm-ld-16", "wasm-ld-15", "wasm-ld-14")
	for _, clang := range []string{os.Getenv("CLANG"), findProgram("clang", "clang-19", "clang-16", "clang-15", "clang-14")} {
		if clang == "" {
			continue
		}
		targets, err := exec.CommandContext(ctx, clang, "--print-targets").Output()
		if err == nil && strings.Contains(string(targets), "wasm32") && linker != "" {
			return clang, linker, nil
		}
	}
	return "", "", fmt.Errorf("%w: no clang that writes WebAssembly: on Debian apt-get install clang lld", ErrToolchain)
}

// findAssemblyScript finds node and asc: in the project's node_modules or in
// those of the folders above it, as node does, else in the cache that
// sdk/install.sh fills.
func findAssemblyScript(dir string) (node, asc string, err error) {
	if node = findProgram("node", "nodejs"); node == "" {
		return "", "", fmt.Errorf("%w: AssemblyScript needs node 20 or newer, with npm (nodejs.org, or Debian 13)", ErrToolchain)
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return "", "", err
	}
	places := []string{os.Getenv("WAXWING_ASSEMBLYSCRIPT")}
	for d := dir; ; d = filepath.Dir(d) {
		places = append(places, d)
		if d == filepath.Dir(d) {
			break
		}
	}
	if cache, err := os.UserCacheDir(); err == nil {
		places = append(places, filepath.Join(cache, "waxwing", "assemblyscript"))
	}
	for _, p := range places {
		if p == "" {
			continue
		}
		asc := filepath.Join(p, "node_modules", "assemblyscript", "bin", "asc.js")
		if _, err := os.Stat(asc); err == nil {
			return node, asc, nil
		}
	}
	return "", "", fmt.Errorf("%w: no AssemblyScript compiler: npm install --no-save assemblyscript@%s", ErrToolchain, AssemblyScript)
}
