#!/usr/bin/env bash
# Installs fauxqs, the SQS of tests, into the user's cache, by its lockfile, and
# the node that it needs: its files are SQLite's, which node has since 22.5. It
# may be run again and again.
set -euo pipefail
cd "$(dirname "$0")"

if ! command -v npm >/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null
fi
to=${XDG_CACHE_HOME:-$HOME/.cache}/waxwing/fauxqs
whole() { [ -f "$to/node_modules/fauxqs/package.json" ] && compgen -G "$to/node_modules/node-linux-*/bin/node" >/dev/null; }
if ! cmp -s package-lock.json "$to/installed" || ! whole; then
  mkdir -p "$to"
  cp package.json package-lock.json "$to"
  # What npm warns of is the node that it runs by itself.
  (cd "$to" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null)
  whole || { echo "fauxqs: npm has left out a part of it (node), which it takes for optional: run this again" >&2; exit 1; }
  cp package-lock.json "$to/installed"
fi
echo "fauxqs: $(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$to/node_modules/fauxqs/package.json")"
