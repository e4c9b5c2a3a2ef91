#!/usr/bin/env bash
# Installs what building plugins in every language needs and this machine lacks:
# clang, lld, rustc with its WebAssembly library and node from Debian, and the
# AssemblyScript compiler, pinned, from npm into the user's cache. It may be run
# again and again, and leaves a rustc of rustup alone.
set -euo pipefail

missing=()
clang --print-targets 2>/dev/null | grep -q wasm32 || missing+=(clang)
command -v wasm-ld >/dev/null || command -v wasm-ld-14 >/dev/null || missing+=(lld)
wasm_rust=
for rustc in rustc /usr/bin/rustc; do
  root=$("$rustc" --print sysroot 2>/dev/null) || continue
  [ -d "$root/lib/rustlib/wasm32-unknown-unknown/lib" ] && wasm_rust=$rustc
done
[ -n "$wasm_rust" ] || missing+=(rustc libstd-rust-dev-wasm32)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# The version stands in sdk/toolchain.go; no lockfile, since it would name a
# registry's host.
version=$(sed -n 's/^const AssemblyScript = "\(.*\)"$/\1/p' "$(dirname "$0")/toolchain.go")
cache=${XDG_CACHE_HOME:-$HOME/.cache}/waxwing/assemblyscript
have=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$cache/node_modules/assemblyscript/package.json" 2>/dev/null || true)
if [ "$have" != "$version" ]; then
  mkdir -p "$cache"
  (cd "$cache" && npm install --no-package-lock --no-save --no-audit --no-fund --loglevel=error "assemblyscript@$version" >/dev/null)
fi
echo "toolchains: Go, $(clang --version | head -1), $("${wasm_rust:-/usr/bin/rustc}" --version), node $(node --version), AssemblyScript $version"
