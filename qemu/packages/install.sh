#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Makes a system load virtgpu instead of the kernel's virtio_gpu, or no longer, as the package does:
#
#     install.sh add|remove [ROOT]
set -eu
action=$1 root=${2:-}
here=$(dirname "$0")/dkms
hooks=$root/etc/initramfs-tools/hooks
dracut=$root/etc/dracut.conf.d

case $action in
add)
	install -D -m 644 "$here/virtgpu-replaces.conf" "$root/etc/modprobe.d/virtgpu-replaces.conf"
	[ -e "$root/etc/modprobe.d/virtgpu.conf" ] ||
		install -m 644 "$here/virtgpu.conf" "$root/etc/modprobe.d/virtgpu.conf"
	[ ! -d "$hooks" ] ||
		install -m 755 "$here/debian/virtgpu-dkms.initramfs-hook" "$hooks/virtgpu"
	[ ! -d "$dracut" ] || install -m 644 "$here/virtgpu-dracut.conf" "$dracut/virtgpu.conf"
	;;
remove)
	rm -f "$root/etc/modprobe.d/virtgpu-replaces.conf" "$root/etc/modprobe.d/virtgpu.conf" \
		"$hooks/virtgpu" "$dracut/virtgpu.conf"
	for module in "$root"/lib/modules/*/updates/virtgpu.ko*; do
		[ -e "$module" ] || continue
		rm "$module"
		version=${module#"$root"/lib/modules/}
		depmod ${root:+-b "$root"} "${version%%/*}"
	done
	;;
esac
echo "Now rebuild the initramfs (\`update-initramfs -u -k all\` or \`dracut --regenerate-all --force\`)," \
	"and reboot."
