// SPDX-License-Identifier: GPL-2.0
/*
 * Has the planes of a device draw the panic screen, as in a panic, and lets the kernel go on. The
 * device is a file of the process that loads the module.
 */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kmsg_dump.h>
#include <linux/module.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_plane.h>

static int fd = -1;
module_param(fd, int, 0400);
MODULE_PARM_DESC(fd, "the DRM device");

static int __init panicscreen_init(void)
{
	struct kmsg_dump_detail detail = {
		.reason = KMSG_DUMP_PANIC, .description = "a panic that a test asked for",
	};
	struct file *file = fget(fd);
	const struct drm_file *client;
	struct drm_plane *plane;

	if (!file)
		return -EBADF;
	client = file->private_data;
	drm_for_each_plane(plane, client->minor->dev)
		if (plane->kmsg_panic.dump)
			plane->kmsg_panic.dump(&plane->kmsg_panic, &detail);
	fput(file);
	return 0;
}
module_init(panicscreen_init);

static void __exit panicscreen_exit(void)
{
}
module_exit(panicscreen_exit);

MODULE_DESCRIPTION("The panic screen without a panic, for tests");
MODULE_LICENSE("GPL");
