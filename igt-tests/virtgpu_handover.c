// SPDX-License-Identifier: GPL-2.0
/*
 * The firmware's framebuffer on a VGA device: the driver must take it over. Needs a guest whose kernel
 * found such a framebuffer, see "vga" in qemu/harness/variants.py.
 */
#include <unistd.h>

#include "lib/harness.h"
#include "lib/kms.h"
#include "lib/module.h"

static void vesafb(void)
{
	kms_open();
	/* Make sure that there was such a framebuffer. */
	shell("dmesg | grep -q 'fb0: VESA VGA frame buffer device'");
	shell("dmesg | grep -q 'fb0: virtio_gpudrmfb frame buffer device'");
	check(access("/sys/bus/platform/devices/vesa-framebuffer.0", F_OK),
	      "the firmware's framebuffer is still a device");
	shell("! grep -q vesafb /proc/iomem");
	shell("[ $(wc -l </proc/fb) = 1 ]");
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "vesafb", "vesafb is removed when the driver is loaded", vesafb },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
