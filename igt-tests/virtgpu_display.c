// SPDX-License-Identifier: GPL-2.0
/* Modes, heads, formats and flips. The judge compares every picture. */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"

/* The protocol has 8 formats with 32 bits per pixel. */
#define FORMATS		8
/* Every monitor has at least this many sizes, because of the standard modes. */
#define LEAST_SIZES	5

static void every_mode(void)
{
	int fd = kms_open(), i, j;
	struct head head = kms_head(fd, 0);
	drmModeConnector *connector = kms_probe(&head);
	drmModeModeInfo modes[128];
	int num_modes = 0;

	/* Modes of one size are equal on the host. */
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
	check(num_modes >= LEAST_SIZES, "only %d sizes", num_modes);
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
	drmModeModeInfo mode = kms_preferred(&first);
	struct image image = image_new(mode.hdisplay, mode.vdisplay);
	struct buffer *buffer;

	buffer = kms_buffer(fd, image.width, image.height, DRM_FORMAT_XRGB8888);
	image_pattern(&image, 3, image_all(&image));
	kms_draw(buffer, &image, image_all(&image));
	kms_set_mode(&first, &mode, buffer);
	kms_set_mode(&second, &mode, buffer);
	judge_picture(0, &image);
	judge_picture(1, &image);
}

static void formats(void)
{
	int fd = kms_open();
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	uint32_t fourccs[KMS_MAX_FORMATS];
	int i, count = kms_formats(&head, fourccs);

	check(count >= FORMATS, "%d formats, the protocol has %d of this size", count, FORMATS);
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
	printf("%d formats\n", count);
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

	/* The same bytes in another format. */
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
		/* Each buffer gets another picture in each round. */
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

/* Shows other parts of one framebuffer without a change of the mode. */
static void pan(void)
{
	static const uint32_t places[][2] = { { 0, 0 }, { 60, 30 }, { 100, 50 }, { 0, 50 }, { 0, 0 } };
	int fd = kms_open();
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct buffer *buffer = kms_buffer(fd, mode.hdisplay + 100, mode.vdisplay + 50,
					   DRM_FORMAT_XRGB8888);
	struct image whole = image_new(buffer->width, buffer->height);
	struct image part = image_new(mode.hdisplay, mode.vdisplay);
	size_t i;
	uint32_t row;

	image_pattern(&whole, 12, image_all(&whole));
	kms_draw(buffer, &whole, image_all(&whole));
	for (i = 0; i < sizeof(places) / sizeof(*places); i++) {
		uint32_t x = places[i][0], y = places[i][1];

		check(!drmModeSetCrtc(fd, head.crtc, buffer->fb, x, y, &head.connector, 1, &mode),
		      "pan to %u,%u: %s", x, y, strerror(errno));
		for (row = 0; row < part.height; row++)
			memcpy(part.pixels + row * part.width,
			       whole.pixels + (y + row) * whole.width + x, part.width * 4);
		judge_picture(0, &part);
	}
}

/* Destroys and replaces three buffers in turn; the others must stay correct. */
static void replaced(void)
{
	int fd = kms_open(), i;
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image = image_new(mode.hdisplay, mode.vdisplay);
	struct buffer *buffers[3];

	for (i = 0; i < 3; i++)
		buffers[i] = kms_buffer(fd, image.width, image.height, DRM_FORMAT_XRGB8888);
	kms_set_mode(&head, &mode, buffers[0]);
	kms_flip(&head, buffers[1], NULL, 0);
	kms_flip(&head, buffers[2], NULL, 0);
	for (i = 0; i < 6; i++) {
		struct buffer **oldest = &buffers[i % 3], *next = buffers[(i + 1) % 3];

		kms_destroy(*oldest);
		image_pattern(&image, 20 + 2 * i, image_all(&image));
		kms_draw(next, &image, image_all(&image));
		kms_flip(&head, next, NULL, 0);
		judge_picture(0, &image);

		*oldest = kms_buffer(fd, image.width, image.height, DRM_FORMAT_XRGB8888);
		image_pattern(&image, 21 + 2 * i, image_all(&image));
		kms_draw(*oldest, &image, image_all(&image));
		kms_flip(&head, *oldest, NULL, 0);
		judge_picture(0, &image);
	}
}

/* Returns the connector's mode with the fewest rows. */
static drmModeModeInfo lowest_mode(const struct head *head)
{
	drmModeConnector *connector = kms_probe(head);
	drmModeModeInfo mode = connector->modes[0];
	int i;

	for (i = 1; i < connector->count_modes; i++)
		if (connector->modes[i].vdisplay < mode.vdisplay)
			mode = connector->modes[i];
	drmModeFreeConnector(connector);
	return mode;
}

/* A framebuffer for three wide heads side by side, of which the right third is shown. */
static void wide(void)
{
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode = lowest_mode(&head);
	struct image image = image_new(3 * 3840, mode.vdisplay);
	struct image part = image_new(mode.hdisplay, mode.vdisplay);
	struct buffer *buffer;
	uint32_t y;

	buffer = kms_buffer(head.fd, image.width, image.height, DRM_FORMAT_XRGB8888);
	image_pattern(&image, 6, image_all(&image));
	kms_draw(buffer, &image, image_all(&image));
	head.x = 2 * 3840;
	kms_set_mode(&head, &mode, buffer);
	for (y = 0; y < part.height; y++)
		memcpy(&part.pixels[y * part.width], &image.pixels[y * image.width + head.x],
		       part.width * sizeof(*part.pixels));
	judge_picture(0, &part);
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
		{ "two-heads", "different patterns on two heads", two_heads },
		{ "clone", "one buffer on two heads", clone },
		{ "formats", "every format of the primary plane", formats },
		{ "format-change", "one buffer shown in two formats", format_change },
		{ "flips", "a sequence of page flips over three buffers", flips },
		{ "window", "a framebuffer inside a larger buffer", window },
		{ "pan", "other parts of one framebuffer", pan },
		{ "replaced", "buffers are destroyed and replaced", replaced },
		{ "wide", "the right part of a framebuffer that is wider than 8192", wide },
		{ "off-and-on", "a head switched off and on", off_and_on },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
