// SPDX-License-Identifier: GPL-2.0
/* Debugging aids of the driver: tracepoints, debugfs and the panic screen. */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
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
#include "lib/panicscreen.h"
#include "lib/render.h"
#include "../uapi/virtgpu_drm.h"

#define TRACING		"/sys/kernel/tracing"
#define EVENTS		TRACING "/events/virtgpu"

static void tracing_off(void *data)
{
	(void)data;
	write_file(EVENTS "/enable", "0");
}

/* Counts lines of a file that contain both strings. */
static int count_lines(const char *path, const char *a, const char *b)
{
	FILE *file = fopen(path, "r");
	char line[512];
	int count = 0;

	check(file, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file))
		count += strstr(line, a) && strstr(line, b);
	fclose(file);
	return count;
}

static int count_in_debugfs(const char *name, const char *a, const char *b)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", kms_debugfs(), name);
	return count_lines(path, a, b);
}

/*
 * Waits for the host: asking for a buffer's resource creates it. Answers to frames are handled together
 * with the next command that is waited for.
 */
static void make_resource(int fd)
{
	struct drm_virtgpu_resource_info args = {
		.bo_handle = kms_buffer(fd, 64, 64, DRM_FORMAT_XRGB8888)->handle,
	};

	check(!drmIoctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &args), "resource info: %s",
	      strerror(errno));
}

static void tracepoints(void)
{
	struct head head;
	drmModeModeInfo mode;

	if (driver_is_stock())
		skip("the kernel's own driver has other tracepoints");
	head = kms_head(kms_open(), 0);
	mode = kms_preferred(&head);
	/* The console on another head would draw its cursor. */
	write_file("/sys/class/graphics/fbcon/cursor_blink", "0");
	usleep(200000);
	make_resource(head.fd);
	write_file(TRACING "/trace", "");
	write_file(EVENTS "/enable", "1");
	at_end(tracing_off, NULL);
	kms_show(&head, &mode, 1);
	kms_off(&head);
	usleep(200000);
	make_resource(head.fd);

	check(count_lines(TRACING "/trace", "virtgpu_cmd_queue:", "cmd=RESOURCE_FLUSH(0x104)"),
	      "no flush was traced");
	check(count_lines(TRACING "/trace", "virtgpu_cmd_response:", "cmd=RESOURCE_FLUSH(0x104)"),
	      "no response to a flush was traced");
	check(count_lines(TRACING "/trace", "virtgpu_cmd_queue:", "queue=control") ==
	      count_lines(TRACING "/trace", "virtgpu_cmd_response:", "queue=control"),
	      "not every command has a response");
	check(!count_lines(TRACING "/trace", "virtgpu_cmd_response:", "status=-"),
	      "a command failed");
}

static void debugfs(void)
{
	long before;
	struct head head;
	drmModeModeInfo mode;

	if (driver_is_stock())
		skip("the kernel's own driver has other files in debugfs");
	check(count_in_debugfs("virtgpu-queues", "control:", "running") == 1, "control queue");
	check(count_in_debugfs("virtgpu-queues", "cursor:", "running") == 1, "cursor queue");
	check(count_in_debugfs("virtgpu-queues", "resets: ", "") == 1, "resets");
	check(count_in_debugfs("virtgpu-queues", "contexts: 0", "") == 1, "contexts without a renderer");
	check(count_in_debugfs("virtgpu-queues", "late fences: 0", "") == 1, "late fences");
	check(count_in_debugfs("virtgpu-capabilities", "virtio 1: ", "yes") == 1, "virtio 1");
	check(count_in_debugfs("virtgpu-capabilities", "host-visible memory: 0", "bytes") == 1,
	      "host-visible memory of a device that has none");

	before = host_resources();
	head = kms_head(kms_open(), 0);
	mode = kms_preferred(&head);
	kms_show(&head, &mode, 1);
	check(host_resources() == before, "%ld resources, then %ld with a buffer in the console's image",
	      before, host_resources());
	kms_set_mode(&head, &mode, kms_buffer(head.fd, mode.hdisplay + 64, mode.vdisplay,
					      DRM_FORMAT_XRGB8888));
	check(host_resources() == before + 1, "%ld resources, then %ld with one more", before,
	      host_resources());
	check(count_in_debugfs("virtgpu-capabilities", "scanout 0: on", "resource ") == 1,
	      "a head that is on");
}

/*
 * The workqueue that handles answers must have a rescuer thread, because an answer may be needed to
 * free memory.
 */
static void rescuer(void)
{
	if (driver_is_stock())
		skip("the kernel's own driver has no workqueue");
	kms_open();
	shell("cat /proc/[0-9]*/comm 2>/dev/null | grep -qx kworker/R-virtgpu");
}

/* Returns the size in bytes that a key of a file's fdinfo has, or -1 if there is no such key. */
static long fdinfo_size(int fd, const char *key)
{
	char path[64], line[256], unit[8] = "";
	long size, found = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	check(file, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, strlen(key)) || line[strlen(key)] != ':')
			continue;
		check(sscanf(line + strlen(key) + 1, "%ld %7s", &size, unit) >= 1, "%s", line);
		found = size * (!strcmp(unit, "MiB") ? 1 << 20 : !strcmp(unit, "KiB") ? 1 << 10 : 1);
	}
	fclose(file);
	return found;
}

#define check_size(fd, key, wanted) do { \
		long found_ = fdinfo_size(fd, key), wanted_ = wanted; \
		check(found_ == wanted_, "%s: %ld bytes instead of %ld", key, found_, wanted_); \
	} while (0)

/* Tools like nvtop read who uses how much memory from here. */
static void fdinfo(void)
{
	struct drm_prime_handle foreign = { .fd = -1 };
	int fd = kms_open(), other;
	uint32_t handle, pitch;
	uint64_t size, offset;
	char path[64];
	void *map;

	if (driver_is_stock())
		skip("the kernel's own driver has nothing in fdinfo");
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	check(count_lines(path, "drm-driver:\t", "virtio_gpu\n") == 1, "no driver's name");
	check(count_lines(path, "drm-client-id:\t", "") == 1, "no number of the client");
	check(count_lines(path, "drm-pdev:\t", ":") == 1, "no PCI device");
	check_size(fd, "drm-total-memory", 0);

	check(!drmModeCreateDumbBuffer(fd, 256, 256, 32, 0, &handle, &pitch, &size), "dumb buffer");
	check_size(fd, "drm-total-memory", size);
	check_size(fd, "drm-shared-memory", 0);
	check(fdinfo_size(fd, "drm-resident-memory") <= 0, "memory that nobody has used is resident");

	check(!drmModeMapDumbBuffer(fd, handle, &offset), "offset: %s", strerror(errno));
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	check(map != MAP_FAILED, "mmap: %s", strerror(errno));
	memset(map, 1, size);
	check_size(fd, "drm-resident-memory", size);
	munmap(map, size);

	other = render_open();
	check_size(other, "drm-total-memory", 0);
	check(!drmPrimeHandleToFD(fd, handle, DRM_CLOEXEC, &foreign.fd), "export");
	check(!drmPrimeFDToHandle(other, foreign.fd, &foreign.handle), "import");
	close(foreign.fd);
	check_size(other, "drm-total-memory", size);
	check_size(other, "drm-shared-memory", size);
	check_size(fd, "drm-shared-memory", size);
	close(other);

	check(!drmModeDestroyDumbBuffer(fd, handle), "destroy");
	check_size(fd, "drm-total-memory", 0);
}

/* The panic screen replaces the picture, and the device continues to work after it. */
static void panic_shown(void)
{
	struct screen screen = kms_screen(1);
	int i;

	for (i = 0; i < 3; i++) {
		struct buffer *next = screen.buffers[screen.current ^= 1];

		image_pattern(&screen.image, 2 + i, image_all(&screen.image));
		kms_draw(next, &screen.image, image_all(&screen.image));
		kms_flip(&screen.head, next, NULL, 0);
		judge_picture(0, &screen.image);
		panic_screen(screen.head.fd);
		judge(NULL, 0, "panic-screen 0");
	}
}

/*
 * The panic screen is drawn from the first pixel of a buffer, which is not visible here. The driver must
 * not draw it then.
 */
static void panic_not_shown(void)
{
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image = image_new(mode.hdisplay, mode.vdisplay);
	struct buffer *window;

	window = kms_window(kms_buffer(head.fd, mode.hdisplay + 64, mode.vdisplay + 64,
				       DRM_FORMAT_XRGB8888), 16, 16, mode.hdisplay, mode.vdisplay);
	image_pattern(&image, 1, image_all(&image));
	kms_draw(window, &image, image_all(&image));
	kms_set_mode(&head, &mode, window);
	judge_picture(0, &image);
	panic_screen(head.fd);
	judge_picture(0, &image);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "tracepoints", "commands and their responses are traced", tracepoints },
		{ "debugfs", "queues, capabilities and resources", debugfs },
		{ "fdinfo", "a file's memory: all, resident, shared", fdinfo },
		{ "rescuer", "answers are handled without memory for a new thread", rescuer },
		{ "panic-screen", "the panic screen is shown several times", panic_shown },
		{ "panic-window", "no panic screen if only a part of a buffer is shown",
		  panic_not_shown },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
