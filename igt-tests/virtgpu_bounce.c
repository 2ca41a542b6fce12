// SPDX-License-Identifier: GPL-2.0
/*
 * The cost of bounce buffers, and what happens if there are too few. Needs a guest in which all DMA
 * uses them, see "bounce" in qemu/harness/variants.py.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "lib/bounce.h"
#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"

#define CLIP		16
#define CLIPS		8
/* The rows of a clip are 1 KiB; commands and answers use bounce buffers, too. */
#define MAX_BYTES	8192L
/* Its pixels alone need more than the default of 64 MiB of bounce buffers. */
#define HUGE_WIDTH	5120
#define HUGE_HEIGHT	4096

static void small_clip(void)
{
	drmModeModeInfo mode = kms_mode(3840, 2160);
	struct head head = kms_head(kms_open(), 0);
	struct image image = image_new(mode.hdisplay, mode.vdisplay);
	struct buffer *buffer;
	long before, copied;
	int i;

	image_pattern(&image, 1, image_all(&image));
	buffer = kms_buffer(head.fd, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888);
	kms_draw(buffer, &image, image_all(&image));
	kms_set_mode(&head, &mode, buffer);
	judge_picture(0, &image);

	bounce_start();
	for (i = 0; i < CLIPS; i++) {
		struct rect clip = { 100 + i * 300, 50 + i * 200, CLIP, CLIP };

		image_pattern(&image, 2 + i, clip);
		kms_draw(buffer, &image, clip);
		before = bounce_bytes();
		kms_flip(&head, buffer, &clip, 1);
		copied = bounce_bytes() - before;
		check(copied >= CLIP * CLIP * 4, "%ld bytes were copied, the clip is larger",
		      copied);
		check(copied <= MAX_BYTES, "%ld bytes were copied for a clip of %dx%d", copied, CLIP,
		      CLIP);
	}
	judge_picture(0, &image);
}

static void no_room(void)
{
	drmModeModeInfo huge = kms_mode(HUGE_WIDTH, HUGE_HEIGHT), low = kms_mode(800, 600);
	int fd = kms_open(), ret;
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image;
	struct buffer *buffer;

	image = kms_show(&head, &mode, 1);
	judge_picture(0, &image);

	buffer = kms_buffer(fd, HUGE_WIDTH, HUGE_HEIGHT, DRM_FORMAT_XRGB8888);
	ret = drmModeSetCrtc(fd, head.crtc, buffer->fb, 0, 0, &head.connector, 1, &huge);
	check(ret == -ENOMEM || (ret && errno == ENOMEM),
	      "a mode without enough bounce buffers: %d (%s), not ENOMEM", ret, strerror(errno));
	judge_picture(0, &image);
	kms_destroy(buffer);

	image = kms_show(&head, &low, 2);
	judge_picture(0, &image);
	image = kms_show(&head, &mode, 3);
	judge_picture(0, &image);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "small-clip", "a small clip of a large buffer copies only a few bytes", small_clip },
		{ "no-room", "a buffer larger than all bounce buffers", no_room },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
