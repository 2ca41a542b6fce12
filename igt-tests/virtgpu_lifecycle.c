// SPDX-License-Identifier: GPL-2.0
/* Coming and going: unbind, unplug and unload, with files, maps and buffers still open. */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"

#define RELOADS		100
/* Slack for what the kernel keeps on its own: 22 KiB a turn. */
#define LEAK_LIMIT_KIB	(2 * 1024)

/* Adds up the numbers that follow @format in a file of /proc. */
static long sum_in_file(const char *path, const char *format)
{
	FILE *file = fopen(path, "r");
	char line[256];
	long sum = 0, number;

	check(file, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, format, &number) == 1)
			sum += number;
	fclose(file);
	return sum;
}

static long available_kib(void)
{
	shell("udevadm settle; sync; echo 3 >/proc/sys/vm/drop_caches; sleep 1");
	/*
	 * Pages that wait in a CPU's own list are free but not counted as such, and the lists
	 * grow by megabytes with the size of what is loaded and unloaded.
	 */
	return sum_in_file("/proc/meminfo", "MemAvailable: %ld kB") +
	       sum_in_file("/proc/zoneinfo", " count: %ld") * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A picture on screen by a new master, judged. */
static void show_picture(uint32_t seed)
{
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image = kms_show(&head, &mode, seed);

	judge_picture(0, &image);
}

static void reload(void)
{
	long before = 0, after;
	int i;

	module_name();
	for (i = 0; i < RELOADS; i++) {
		/* What is only set up once is set up by now. */
		if (i == 10)
			before = available_kib();
		module_unload();
		module_load();
		shell("udevadm settle");
	}
	after = available_kib();
	printf("%ld KiB available after 10 turns, %ld after %d\n", before, after, RELOADS);
	check(before - after < LEAK_LIMIT_KIB, "%ld KiB are gone", before - after);
	show_picture(1);
}

/* Unbinds the virtio device and gives its name, to bind it again. */
static void driver_path(char *path, size_t size, const char *file)
{
	snprintf(path, size, "/sys/bus/virtio/drivers/%s/%s", module_name(), file);
}

static void device_name(char *name, size_t size)
{
	char link[128], target[PATH_MAX], command[PATH_MAX + 64];
	FILE *list;

	snprintf(link, sizeof(link), "/sys/class/drm/%s/device", basename((char *)kms_path()));
	check(realpath(link, target), "%s: %s", link, strerror(errno));
	snprintf(command, sizeof(command), "cd %s && ls -d virtio*", target);
	list = popen(command, "r");
	check(list && fgets(name, size, list), "no virtio device in %s", target);
	pclose(list);
	strtok(name, "\n");
}

/* Imports a buffer of vgem's; not all drivers can. Returns vgem, to be closed after all else. */
static int hold_import(int fd)
{
	int vgem = drmOpenWithType("vgem", NULL, DRM_NODE_PRIMARY), dmabuf;
	struct drm_mode_create_dumb create = { .width = 512, .height = 512, .bpp = 32 };
	uint32_t handle;

	if (vgem < 0)
		return vgem;
	check(!drmIoctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create), "a buffer of vgem's");
	check(!drmPrimeHandleToFD(vgem, create.handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), "export");
	if (drmPrimeFDToHandle(fd, dmabuf, &handle))
		printf("no import: %s\n", strerror(errno));
	close(dmabuf);
	return vgem;
}

/* Everything an application may still hold when its device goes. */
static void with_files_open(void (*gone)(void), void (*back)(void))
{
	int fd = kms_open();
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image = image_new(mode.hdisplay, mode.vdisplay);
	struct buffer *buffer = kms_buffer(fd, image.width, image.height, DRM_FORMAT_XRGB8888);
	struct drm_mode_create_dumb create = { .width = 64, .height = 64, .bpp = 32 };
	int dmabuf, vgem = hold_import(fd);

	image_pattern(&image, 1, image_all(&image));
	kms_draw(buffer, &image, image_all(&image));
	kms_set_mode(&head, &mode, buffer);
	judge_picture(0, &image);
	check(!drmPrimeHandleToFD(fd, buffer->handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), "export");

	gone();

	/* Memory stays; the device answers, with an error. */
	memset(buffer->map, 0x55, buffer->size);
	check(drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create) && errno == ENODEV,
	      "a device that is gone creates buffers");
	drmModeRmFB(fd, buffer->fb);
	munmap(buffer->map, buffer->size);
	buffer->map = NULL;
	buffer->fb = 0;
	close(dmabuf);
	if (vgem >= 0)
		close(vgem);

	back();
	show_picture(2);
}

static char virtio_name[64];

static void unbind(void)
{
	char path[128];

	device_name(virtio_name, sizeof(virtio_name));
	driver_path(path, sizeof(path), "unbind");
	write_file(path, virtio_name);
}

static void bind(void)
{
	char path[128];

	driver_path(path, sizeof(path), "bind");
	write_file(path, virtio_name);
	module_wait(true);
}

static void rebind(void)
{
	with_files_open(unbind, bind);
}

/* QEMU does not let go of a virtio GPU at run time; the guest's PCI core does. */
static void unplug(void)
{
	char link[64], path[PATH_MAX + 8], target[PATH_MAX];

	snprintf(link, sizeof(link), "/sys/class/drm/%s/device", basename((char *)kms_path()));
	check(realpath(link, target), "%s: %s", link, strerror(errno));
	snprintf(path, sizeof(path), "%s/remove", target);
	write_file(path, "1");
	module_wait(false);
}

static void rescan(void)
{
	write_file("/sys/bus/pci/rescan", "1");
	module_wait(true);
}

static void hotunplug(void)
{
	with_files_open(unplug, rescan);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "rebind", "unbind and bind with files open", rebind },
		{ "hotunplug", "the PCI device taken out and found again, with files open", hotunplug },
		{ "reload", "the module unloaded and loaded 100 times", reload },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
