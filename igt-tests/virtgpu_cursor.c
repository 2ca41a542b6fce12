// SPDX-License-Identifier: GPL-2.0
/* The hardware cursor: image, hotspot, position. */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"

#define SIZE 64

static struct head head;

static void start(void)
{
	int fd = kms_open();
	drmModeModeInfo mode;
	struct buffer *screen;

	judge(NULL, 0, "watch 0");
	head = kms_head(fd, 0);
	mode = kms_preferred(&head);
	screen = kms_buffer(fd, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888);
	kms_set_mode(&head, &mode, screen);
}

/* Half transparent pixels hold premultiplied colours, as the plane wants them. */
static struct image cursor_image(uint32_t seed)
{
	struct image image = image_new(SIZE, SIZE);
	uint32_t x, y;

	for (y = 0; y < SIZE; y++)
		for (x = 0; x < SIZE; x++)
			image.pixels[y * SIZE + x] = x < y ? 0xff000000 | pattern(seed, x, y) :
				x < 40 ? 0x80000000 | (pattern(seed, x, y) & 0x7f7f7f) : 0;
	return image;
}

static struct buffer *cursor_buffer(const struct image *image)
{
	struct buffer *buffer = kms_buffer(head.fd, SIZE, SIZE, DRM_FORMAT_ARGB8888);

	kms_draw(buffer, image, image_all(image));
	return buffer;
}

static void set(const struct buffer *buffer, int hot_x, int hot_y)
{
	check(!drmModeSetCursor2(head.fd, head.crtc, buffer->handle, SIZE, SIZE, hot_x, hot_y),
	      "set cursor: %s", strerror(errno));
}

static void move(int x, int y)
{
	check(!drmModeMoveCursor(head.fd, head.crtc, x, y), "move cursor: %s", strerror(errno));
}

static void image(void)
{
	struct image first, second;
	int i;

	start();
	first = cursor_image(1);
	second = cursor_image(2);
	set(cursor_buffer(&first), 0, 0);
	judge_cursor(0, &first, 0, 0);
	set(cursor_buffer(&second), 0, 0);
	judge_cursor(0, &second, 0, 0);

	/* One after the other without a pause: the last one counts. */
	for (i = 3; i < 20; i++) {
		first = cursor_image(i);
		set(cursor_buffer(&first), 0, 0);
	}
	judge_cursor(0, &first, 0, 0);
}

static void hotspot(void)
{
	struct image picture;
	struct buffer *buffer;

	start();
	picture = cursor_image(5);
	buffer = cursor_buffer(&picture);
	set(buffer, 7, 11);
	judge_cursor(0, &picture, 7, 11);
	set(buffer, 63, 0);
	judge_cursor(0, &picture, 63, 0);
}

static void moves(void)
{
	struct image picture;
	int i;

	start();
	picture = cursor_image(6);
	set(cursor_buffer(&picture), 0, 0);
	for (i = 0; i < 100; i++)
		move(i * 3, i * 2);
	judge(NULL, 0, "cursor-at 0 297 198");
	judge_cursor(0, &picture, 0, 0);
	move(-10, -20);
	judge(NULL, 0, "cursor-at 0 -10 -20");
}

/* More moves than anybody could see: the last one counts. */
static void burst(void)
{
	struct image picture;
	int i;

	start();
	picture = cursor_image(9);
	set(cursor_buffer(&picture), 0, 0);
	for (i = 0; i < 500; i++)
		move(i % 300, i % 200);
	move(123, 45);
	judge(NULL, 0, "cursor-at 0 123 45");
	judge_cursor(0, &picture, 0, 0);
}

static void off(void)
{
	struct image picture;

	start();
	picture = cursor_image(7);
	set(cursor_buffer(&picture), 0, 0);
	judge_cursor(0, &picture, 0, 0);
	check(!drmModeSetCursor(head.fd, head.crtc, 0, 0, 0), "cursor off: %s", strerror(errno));
	judge(NULL, 0, "cursor-off 0");
}

static void head_off(void)
{
	struct image picture;

	start();
	picture = cursor_image(8);
	set(cursor_buffer(&picture), 0, 0);
	judge_cursor(0, &picture, 0, 0);
	kms_off(&head);
	judge(NULL, 0, "cursor-off 0");
}

static void other_sizes(void)
{
	struct buffer *buffer;

	start();
	buffer = kms_buffer(head.fd, 32, 32, DRM_FORMAT_ARGB8888);
	check(drmModeSetCursor(head.fd, head.crtc, buffer->handle, 32, 32),
	      "a 32x32 cursor, which the host would not show, is accepted");
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "image", "cursor images, also in quick succession", image },
		{ "hotspot", "the hotspot, also when only it changes", hotspot },
		{ "move", "positions, also negative ones", moves },
		{ "burst", "many moves, of which the last counts", burst },
		{ "off", "no cursor", off },
		{ "head-off", "no cursor on a head that is off", head_off },
		{ "other-sizes", "a size the host cannot show is refused", other_sizes },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
