#!/bin/sh
# The service's own user; it owns nothing but its state, which systemd makes.
set -e
getent passwd waxwing >/dev/null || useradd --system --home-dir /var/lib/waxwing --no-create-home --shell /usr/sbin/nologin waxwing
if [ -d /run/systemd/system ]; then systemctl daemon-reload || true; fi
