#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Makes sure the host has what the Python tools need; installs it when run as root.
set -eu

missing=
need() {
	command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need python3 python3
need mmdebstrap mmdebstrap
need bwrap bubblewrap
[ "$(id -u)" = 0 ] || need newuidmap uidmap

[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null 2>&1; then
	echo "error: this machine lacks$missing, and has no apt-get to install them." >&2
	echo "Install them by hand; Debian 12 or 13 is what this is tested on." >&2
	exit 1
fi
if [ "$(id -u)" != 0 ]; then
	echo "error: this machine lacks$missing. As root run:" >&2
	echo "    apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "==> installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update >&2
# shellcheck disable=SC2086  # a list of packages
apt-get -qq install --no-install-recommends -y $missing >/dev/null
