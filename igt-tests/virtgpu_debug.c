// SPDX-License-Identifier: GPL-2.0
/* What the driver tells people who look into it: tracepoints, debugfs and the panic screen. */
#include <drm_fourcc.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"
#include "lib/panicscreen.h"
#include "../uapi/virtgpu_drm.h"

#define TRACING		"/sys/kernel/tracing"
#define EVENTS		TRACING "/events/virtgpu"

static void tracing_off(void *data)
{
	(void)data;
	write_file(EVENTS "/enable", "0");
}

/* Lines of a file that have both strings in them. */
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
 * Waits for the host, which makes a buffer's own resource for whoever asks for its number. Answers
 * to frames are noticed with the next command that somebody waits for.
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
	/* The console, on another head, draws its cursor now and then. */
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
	      "no answer to a flush was traced");
	check(count_lines(TRACING "/trace", "virtgpu_cmd_queue:", "queue=control") ==
	      count_lines(TRACING "/trace", "virtgpu_cmd_response:", "queue=control"),
	      "not every command has its answer");
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
	check(count_in_debugfs("virtgpu-capabilities", "virtio 1: ", "yes") == 1, "virtio 1");
	check(count_in_debugfs("virtgpu-capabilities", "host-visible memory: 0", "bytes") == 1,
	      "shared memory of a device that has none");

	before = host_resources();
	head = kms_head(kms_open(), 0);
	mode = kms_preferred(&head);
	kms_show(&head, &mode, 1);
	check(host_resources() == before, "%ld resources, and %ld with one in the console's image",
	      before, host_resources());
	kms_set_mode(&head, &mode, kms_buffer(head.fd, mode.hdisplay + 64, mode.vdisplay,
					      DRM_FORMAT_XRGB8888));
	check(host_resources() == before + 1, "%ld resources, then %ld with one more", before,
	      host_resources());
	check(count_in_debugfs("virtgpu-capabilities", "scanout 0: on", "resource ") == 1,
	      "a head that is on");
}

/* The panic screen replaces the picture, and leaves a device that goes on. */
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

/* The panic screen is drawn from a buffer's first pixel on, which here is none of the picture's. */
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

/* Memory may come free only with an answer, so the works that take answers have a thread for that. */
static void rescuer(void)
{
	if (driver_is_stock())
		skip("the kernel's own driver has no workqueue");
	kms_open();
	shell("cat /proc/[0-9]*/comm 2>/dev/null | grep -qx kworker/R-virtgpu");
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "tracepoints", "every command is traced, and its answer", tracepoints },
		{ "debugfs", "queues, capabilities and resources", debugfs },
		{ "panic-screen", "the panic screen, several times", panic_shown },
		{ "panic-window", "no panic screen over a part of a buffer", panic_not_shown },
		{ "rescuer", "answers are taken without memory for a new thread", rescuer },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
