#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Checks that the host has what the Python tools need; installs it when run as root.
set -eu

machine=$(uname -m)
if [ "$machine" != x86_64 ]; then
	echo "error: this machine is $machine; the guest needs an amd64 machine." >&2
	exit 1
fi
if ! command -v apt-get >/dev/null 2>&1; then
	echo "error: this machine has no apt-get. The guest is made of Debian packages;" >&2
	echo "Debian 12 and 13 are tested. The module alone also builds on other" >&2
	echo "distributions: see \"In your own guest\" in README.md." >&2
	exit 1
fi

missing=
need() {
	command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need_module() {
	/usr/bin/python3 -c "import $1" 2>/dev/null || missing="$missing $2"
}
need /usr/bin/python3 python3
need_module junitparser python3-junitparser
need_module PIL python3-pil
need mmdebstrap mmdebstrap
need bwrap bubblewrap
[ "$(id -u)" = 0 ] || need newuidmap uidmap

[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
	echo "error: this machine lacks$missing. As root run:" >&2
	echo "    apt-get install --no-install-recommends$missing" >&2
	exit 1
fi
echo "==> installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of packages
if ! apt-get -qq update >&2 ||
   ! apt-get -qq install --no-install-recommends -y $missing >/dev/null; then
	echo "error: apt-get could not install$missing. Does \`apt-get update\` work?" >&2
	exit 1
fi
