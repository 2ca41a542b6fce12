#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Adds busybox and the modules that the first stage needs to a tree, and packs it.
#
#     initramfs.sh TREE MODULES VERSION FILE      MODULES is the folder with lib/modules/VERSION
set -e
tree=$1 from=$2 version=$3 file=$4
to=$tree/lib/modules/$version
cp /bin/busybox "$tree/bin/"
# Until 6.13, ext4 asks for the checksum by name, which nothing in the initramfs would load.
for name in virtio_blk crc32c_generic ext4; do
	modprobe -q -d "$from" -S "$version" --show-depends "$name" || [ "$name" = crc32c_generic ]
done | sed -n 's/^insmod //p' | sort -u | while read -r path; do
	case $path in
	*.xz) xz -dc "$path" >"$to/$(basename "$path" .xz)" ;;
	*.zst) zstd -qdc "$path" >"$to/$(basename "$path" .zst)" ;;
	*) cp "$path" "$to/" ;;
	esac
done
depmod -b "$tree" "$version"
cd "$tree"
find . | cpio -o -H newc --quiet | zstd -q -3 >"$file"
