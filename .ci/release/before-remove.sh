#!/bin/sh
# Not on an upgrade: deb says "upgrade" or "failed-upgrade", rpm how many stay.
set -e
case "$1" in remove | 0) if [ -d /run/systemd/system ]; then systemctl disable --now waxwing.service || true; fi ;; esac
