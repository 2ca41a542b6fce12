// SPDX-License-Identifier: GPL-2.0
/* What is shown: modes, heads, formats, flips. Every picture is judged on the host. */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"

static void every_mode(void)
{
	int fd = kms_open(), i, j;
	struct head head = kms_head(fd, 0);
	drmModeConnector *connector = kms_probe(&head);
	drmModeModeInfo modes[128];
	int num_modes = 0;

	/* Timings of one size look alike on the host. */
	for (i = 0; i < connector->count_modes && num_modes < 128; i++) {
		for (j = 0; j < num_modes; j++)
			if (modes[j].hdisplay == connector->modes[i].hdisplay &&
			    modes[j].vdisplay == connector->modes[i].vdisplay)
				break;
		if (j == num_modes)
			modes[num_modes++] = connector->modes[i];
	}
	drmModeFreeConnector(connector);

	for (i = 0; i < num_modes; i++) {
		struct image image = image_new(modes[i].hdisplay, modes[i].vdisplay);
		struct buffer *buffer = kms_buffer(fd, image.width, image.height,
						   DRM_FORMAT_XRGB8888);

		image_pattern(&image, i, image_all(&image));
		kms_draw(buffer, &image, image_all(&image));
		kms_set_mode(&head, &modes[i], buffer);
		judge_picture(0, &image);
		kms_off(&head);
		kms_destroy(buffer);
	}
	printf("%d sizes\n", num_modes);
}

static void two_heads(void)
{
	int fd = kms_open();
	struct head first = kms_head(fd, 0), second = kms_head(fd, 1);
	drmModeModeInfo mode0 = kms_preferred(&first), mode1 = kms_preferred(&second);
	struct image image0 = kms_show(&first, &mode0, 1), image1 = kms_show(&second, &mode1, 2);

	judge_picture(0, &image0);
	judge_picture(1, &image1);
}

static void clone(void)
{
	int fd = kms_open();
	struct head first = kms_head(fd, 0), second = kms_head(fd, 1);
	drmModeModeInfo mode0 = kms_preferred(&first), mode1 = kms_preferred(&second);
	struct image image;
	struct buffer *buffer;

	if (mode0.hdisplay != mode1.hdisplay || mode0.vdisplay != mode1.vdisplay)
		skip("the heads differ in size");
	image = image_new(mode0.hdisplay, mode0.vdisplay);
	buffer = kms_buffer(fd, image.width, image.height, DRM_FORMAT_XRGB8888);
	image_pattern(&image, 3, image_all(&image));
	kms_draw(buffer, &image, image_all(&image));
	kms_set_mode(&first, &mode0, buffer);
	kms_set_mode(&second, &mode1, buffer);
	judge_picture(0, &image);
	judge_picture(1, &image);
}

static void formats(void)
{
	int fd = kms_open();
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	drmModePlane *plane = drmModeGetPlane(fd, head.primary);
	uint32_t fourccs[64], i, count = plane->count_formats;

	memcpy(fourccs, plane->formats, count * sizeof(*fourccs));
	drmModeFreePlane(plane);
	for (i = 0; i < count; i++) {
		struct image image = image_new(mode.hdisplay, mode.vdisplay);
		struct buffer *buffer = kms_buffer(fd, image.width, image.height, fourccs[i]);

		printf("format %.4s\n", (char *)&fourccs[i]);
		image_pattern(&image, i, image_all(&image));
		kms_draw(buffer, &image, image_all(&image));
		if (i)
			kms_flip(&head, buffer, NULL, 0);
		else
			kms_set_mode(&head, &mode, buffer);
		judge_picture(0, &image);
	}
	printf("%u formats\n", count);
}

static void format_change(void)
{
	int fd = kms_open();
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image = image_new(mode.hdisplay, mode.vdisplay);
	struct buffer *buffer = kms_buffer(fd, image.width, image.height, DRM_FORMAT_XRGB8888);
	struct buffer *other = kms_window(buffer, 0, 0, image.width, image.height);
	uint32_t handles[4] = { buffer->handle }, pitches[4] = { buffer->pitch }, offsets[4] = {};

	/* The same bytes, read as another format. */
	drmModeRmFB(fd, other->fb);
	check(!drmModeAddFB2(fd, image.width, image.height, DRM_FORMAT_XBGR8888, handles, pitches,
			     offsets, &other->fb, 0), "XBGR8888: %s", strerror(errno));
	image_pattern(&image, 9, image_all(&image));
	kms_draw(buffer, &image, image_all(&image));
	kms_set_mode(&head, &mode, buffer);
	judge_picture(0, &image);

	for (uint32_t i = 0; i < image.width * image.height; i++) {
		uint32_t p = image.pixels[i];

		image.pixels[i] = (p & 0xff) << 16 | (p & 0xff00) | p >> 16;
	}
	kms_flip(&head, other, NULL, 0);
	judge_picture(0, &image);
}

static void flips(void)
{
	int fd = kms_open(), i;
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image images[3];
	struct buffer *buffers[3];

	judge(NULL, 0, "watch 0");
	for (i = 0; i < 3; i++) {
		images[i] = image_new(mode.hdisplay, mode.vdisplay);
		image_pattern(&images[i], i, image_all(&images[i]));
		buffers[i] = kms_buffer(fd, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888);
	}
	kms_set_mode(&head, &mode, buffers[0]);
	for (i = 0; i < 12; i++) {
		/* Another picture in every buffer each time round. */
		struct image *image = &images[(i + i / 3) % 3];

		kms_draw(buffers[i % 3], image, image_all(image));
		kms_flip(&head, buffers[i % 3], NULL, 0);
		if (i % 3 == 2)
			judge_picture(0, image);
	}
}

static void window(void)
{
	int fd = kms_open();
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct buffer *big = kms_buffer(fd, mode.hdisplay + 100, mode.vdisplay + 50,
					DRM_FORMAT_XRGB8888);
	struct buffer *part = kms_window(big, 60, 30, mode.hdisplay, mode.vdisplay);
	struct image image = image_new(mode.hdisplay, mode.vdisplay);

	image_pattern(&image, 5, image_all(&image));
	kms_draw(part, &image, image_all(&image));
	kms_set_mode(&head, &mode, part);
	judge_picture(0, &image);
}

static void off_and_on(void)
{
	int fd = kms_open(), i;
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);

	for (i = 0; i < 3; i++) {
		struct image image = kms_show(&head, &mode, 10 + i);

		judge_picture(0, &image);
		kms_off(&head);
	}
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "every-mode", "a pattern at every size the connector offers", every_mode },
		{ "two-heads", "a pattern of its own on each of two heads", two_heads },
		{ "clone", "one buffer on two heads", clone },
		{ "formats", "every format of the primary plane", formats },
		{ "format-change", "one buffer shown in two formats", format_change },
		{ "flips", "a sequence of page flips over three buffers", flips },
		{ "window", "a framebuffer inside a larger buffer", window },
		{ "off-and-on", "a head switched off and on", off_and_on },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
