// SPDX-License-Identifier: GPL-2.0
/*
 * QEMU's device with memory for one picture of the screen's size (max_hostmem=). Needs such a guest,
 * see "hostmem" in qemu/harness/variants.py.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"
#include "lib/scanout.h"

/* Seconds until the console must be shown again. */
#define CONSOLE		10
/* A picture that does not fit into the device's memory. */
#define LARGE_WIDTH	2560
#define LARGE_HEIGHT	1440

/* A program shows two buffers of the screen's size alternately. They have different formats. */
static void large_program(void)
{
	struct screen screen = kms_screen(1);
	struct head *head = &screen.head;
	struct rect all = image_all(&screen.image), part = { 10, 20, 30, 40 };
	struct buffer *other = kms_buffer(head->fd, head->mode.hdisplay, head->mode.vdisplay,
					  DRM_FORMAT_ARGB8888);
	int i;

	judge_picture(0, &screen.image);
	for (i = 0; i < 3; i++) {
		/* Only a part changes, but the driver must upload the whole picture. */
		image_pattern(&screen.image, 2 + i, part);
		kms_draw(other, &screen.image, all);
		kms_flip(head, other, &part, 1);
		judge_picture(0, &screen.image);
		image_pattern(&screen.image, 12 + i, part);
		kms_draw(screen.buffers[0], &screen.image, all);
		kms_flip(head, screen.buffers[0], &part, 1);
		judge_picture(0, &screen.image);
	}
}

/* A program shows a small picture in a smaller mode. */
static void small_program(void)
{
	drmModeModeInfo mode = kms_mode(320, 224);
	struct head head = kms_head(kms_open(), 0);
	struct image image = kms_show(&head, &mode, 20);

	judge_picture(0, &image);
}

/* Switches to the console. The host must show what the guest scans out when nobody draws to it. */
static void console(void)
{
	double deadline = now() + CONSOLE;
	struct image image;

	shell("chvt 2; printf '\\033[?25lsecond\\n' >/dev/tty2; "
	      "chvt 1; printf '\\033[?25lfirst\\n' >/dev/tty1");
	do
		image = scanout_read(0, false, NULL);
	while (!judge_try(image.pixels, (size_t)image.width * image.height * 4, "picture 0 %u %u",
			  image.width, image.height) && now() < deadline);
	judge_picture(0, &image);
}

/* Programs and the console, one after the other. */
static void programs(void)
{
	int i;

	for (i = 0; i < 2; i++) {
		scope(large_program);
		scope(console);
		scope(small_program);
		scope(console);
		scope(small_program);
	}
}

/*
 * One program shows buffers of three sizes in turn. The two large ones do not fit into the memory
 * together, so while the small one is shown, the driver must free the image of a large one.
 */
static void sizes(void)
{
	static const struct {
		int width, height;
	} sizes[] = { { 1280, 800 }, { 320, 224 }, { 1280, 1024 } };
	enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
	struct head head = kms_head(kms_open(), 0);
	struct buffer *buffers[COUNT];
	struct image images[COUNT];
	int i;

	for (i = 0; i < COUNT; i++) {
		images[i] = image_new(sizes[i].width, sizes[i].height);
		image_pattern(&images[i], 30 + i, image_all(&images[i]));
		buffers[i] = kms_buffer(head.fd, sizes[i].width, sizes[i].height,
					DRM_FORMAT_XRGB8888);
		kms_draw(buffers[i], &images[i], image_all(&images[i]));
	}
	for (i = 0; i < 3 * COUNT; i++) {
		drmModeModeInfo mode = kms_mode(sizes[i % COUNT].width, sizes[i % COUNT].height);

		kms_set_mode(&head, &mode, buffers[i % COUNT]);
		judge_picture(0, &images[i % COUNT]);
	}
}

/* A picture does not fit into the device's memory. The current picture must stay. */
static void too_large(void)
{
	drmModeModeInfo large = kms_mode(LARGE_WIDTH, LARGE_HEIGHT);
	struct screen screen = kms_screen(1);
	struct head *head = &screen.head;
	struct buffer *buffer = kms_buffer(head->fd, LARGE_WIDTH, LARGE_HEIGHT,
					   DRM_FORMAT_XRGB8888);
	int i, ret;

	for (i = 0; i < 2; i++) {
		ret = drmModeSetCrtc(head->fd, head->crtc, buffer->fb, 0, 0, &head->connector, 1,
				     &large);
		check(ret && errno == ENOMEM, "a mode without memory: %d (%s), not ENOMEM", ret,
		      strerror(errno));
		judge_picture_within(0, &screen.image, CONSOLE);
	}
	image_pattern(&screen.image, 2, image_all(&screen.image));
	kms_draw(screen.buffers[0], &screen.image, image_all(&screen.image));
	kms_flip(head, screen.buffers[0], NULL, 0);
	judge_picture(0, &screen.image);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "programs", "programs and the console are shown in turn", programs },
		{ "sizes", "a program shows buffers of several sizes", sizes },
		{ "too-large", "a picture does not fit into the device's memory", too_large },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
