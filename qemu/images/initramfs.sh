#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Adds busybox and the modules that the first stage needs to a tree, and packs it.
#
#     initramfs.sh TREE MODULES VERSION FILE      MODULES is the folder with lib/modules/VERSION
set -e
tree=$1 from=$2 version=$3 file=$4
to=$tree/lib/modules/$version
cp /bin/busybox "$tree/bin/"
{
	for name in virtio_blk ext4; do
		modprobe -d "$from" -S "$version" --show-depends "$name"
	done
	# Until 6.13, ext4 requests this module by name, and nothing in the initramfs would load it. Later
	# kernels do not have it.
	modprobe -q -d "$from" -S "$version" --show-depends crc32c_generic || :
} | sed -n 's/^insmod //p' | sort -u | while read -r path; do
	case $path in
	*.xz) xz -dc "$path" >"$to/$(basename "$path" .xz)" ;;
	*.zst) zstd -qdc "$path" >"$to/$(basename "$path" .zst)" ;;
	*) cp "$path" "$to/" ;;
	esac
done
depmod -b "$tree" "$version"
cd "$tree"
find . | cpio -o -H newc --quiet | zstd -q -3 >"$file"
