#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Builds the driver in Rust for a kernel, in the folder of this script; DKMS runs it:
#
#     build.sh VERSION HEADERS [SOURCE]
#
# VERSION is that of `uname -r`, HEADERS the kernel's build tree. The headers that Debian packages lack the
# metadata of the kernel's Rust crates, so it is made from SOURCE, the archive of linux-source.
set -eu
version=$1 headers=$(realpath "$2")
here=$(dirname "$(realpath "$0")")
series=$(expr "$version" : '\([0-9]*\.[0-9]*\)')
source=${3:-/usr/src/linux-source-$series.tar.xz}

fail() {
	echo "error: virtgpu_rs is not built for kernel $version: $*" >&2
	exit 1
}

# Prints the value of a string in the kernel's configuration.
config() {
	sed -n "s/^CONFIG_$1=\"\(.*\)\"$/\1/p" "$headers/.config"
}

# same TOOL FOUND CONFIG: the metadata has other names if another compiler makes it.
same() {
	wanted=$(config "$3")
	[ "$2" = "$wanted" ] || fail "the kernel was built with $wanted, but this machine has $2." \
		"Install the $1 of the suite that has the kernel."
}

check_tools() {
	cc=$(config CC_VERSION_TEXT)
	cc=${cc%% *}
	missing=
	for tool in "$cc" bc bindgen bison flex make pahole perl python3 rustc xz; do
		command -v "$tool" >/dev/null || missing="$missing $tool"
	done
	[ -z "$missing" ] || fail "these programs are missing:$missing"
	same rustc "$(rustc --version)" RUSTC_VERSION_TEXT
	same bindgen "$(bindgen --version)" BINDGEN_VERSION_TEXT
	library=$(rustc --print sysroot)/lib/rustlib/src/rust/library/core/src/lib.rs
	[ -e "$library" ] || fail "rust-src is not installed"
	[ -e "$source" ] || fail "its headers lack the metadata of the kernel's Rust crates, and $source," \
		"from which it is made, does not exist. Install linux-source-$series."
}

# Makes the metadata in $here/kernel/out.
make_metadata() {
	mkdir -p "$here/kernel/source" "$here/kernel/out"
	# Half of the source is not needed: other architectures, and drivers without Rust.
	tar -xJf "$source" -C "$here/kernel/source" --strip-components=1 --wildcards \
		--exclude='*/arch/[!x]*/*.[chS]' --exclude='*/arch/[!x]*/*.dts*' \
		--exclude='*/Documentation/*.rst' --exclude='*/Documentation/*.yaml' \
		--exclude='*/tools/testing/*' --exclude='*/tools/perf/*.[ch]' --exclude='*/sound/*.[ch]' \
		--exclude='*/drivers/net/*/*.[ch]' --exclude='*/drivers/media/*.[ch]' \
		--exclude='*/drivers/staging/*.[ch]' --exclude='*/drivers/gpu/drm/amd/*.[ch]'
	cd "$here/kernel/source"
	found=$(make -s kernelversion)
	[ "$found" = "${version%%[+-]*}" ] || fail "$source is of version $found." \
		"Install linux-source-$series of the same version as the kernel."
	cp "$headers/.config" "$here/kernel/out/.config"
	scripts/config --file "$here/kernel/out/.config" \
		--set-str SYSTEM_TRUSTED_KEYS '' --set-str MODULE_SIG_KEY ''
	set -- O="$here/kernel/out" CC="$cc" HOSTCC="$cc"
	make -s "$@" olddefconfig
	grep -q '^CONFIG_RUST=y' "$here/kernel/out/.config" ||
		fail "its configuration has no Rust with the compilers of this machine"
	make -s -j"$(nproc)" "$@" modules_prepare
	cd "$here"
}

# Makes a build tree in $here/kernel/tree, with the packaged headers and the metadata.
make_tree() {
	tree=$here/kernel/tree
	mkdir -p "$tree"
	cp -a "$headers/." "$tree"
	grep -q '^KBUILD_OUTPUT=' "$tree/Makefile" || fail "$headers are not headers that Debian packages"
	sed -i "s|^KBUILD_OUTPUT=.*|KBUILD_OUTPUT=$tree|" "$tree/Makefile"
	rm "$tree/scripts" "$tree/tools"
	cp -aL "$headers/scripts" "$tree/scripts"
	ln -s "$(realpath "$headers/tools")" "$tree/tools"
	mkdir -p "$tree/rust"
	mv "$here"/kernel/out/rust/*.rmeta "$here"/kernel/out/rust/*.so "$tree/rust"
	mv "$here/kernel/out/scripts/target.json" "$tree/scripts"
	rm -rf "$here/kernel/out" "$here/kernel/source"
}

grep -q '^CONFIG_RUST=y' "$headers/.config" || fail "it has no Rust"
tree=$headers
if [ ! -e "$headers/rust/libkernel.rmeta" ]; then
	check_tools
	make_metadata
	make_tree
fi
echo 'obj-m += rust/' >"$here/Kbuild"
make -j"$(nproc)" -C "$tree" M="$here" modules
