// SPDX-License-Identifier: GPL-2.0
/* The hardware cursor: image, hotspot, position. */
#include <drm_fourcc.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"

#define SIZE 64

#define TRACING		"/sys/kernel/tracing"
#define EVENTS		TRACING "/events/virtgpu"

/* The number of moves that the driver's timer has to send. */
#define LATE_MOVES	3
/* How many times a commit may return too late. */
#define ATTEMPTS	5
/* Half a frame of a mode with one frame per second, less a jiffy. */
#define HALF_A_FRAME	0.49

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

/* The colours of half-transparent pixels are premultiplied, as the plane expects. */
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

/* Shows a cursor and returns its image. */
static struct image start_with_cursor(uint32_t seed, int hot_x, int hot_y)
{
	struct image picture;

	start();
	picture = cursor_image(seed);
	set(cursor_buffer(&picture), hot_x, hot_y);
	judge_cursor(0, &picture, hot_x, hot_y);
	return picture;
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

	/* Many images without a pause: the last one must be shown. */
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

/* More moves than can be shown: the last one must win. */
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

static void tracing_off(void *unused)
{
	(void)unused;
	write_file(EVENTS "/enable", "0");
}

/* Returns whether the trace has two moves, the second sent by the timer half a frame later. */
static bool second_was_late(void)
{
	FILE *file = fopen(TRACING "/trace", "r");
	double first = 0, last = 0;
	bool by_worker = false;
	int orders = 0;
	char line[512];

	check(file, TRACING "/trace: %s", strerror(errno));
	while (orders < 2 && fgets(line, sizeof(line), file)) {
		char *name = strstr(line, ": virtgpu_cmd_queue:"), *time = name;

		if (!name || !strstr(name, "queue=cursor"))
			continue;
		while (time > line && time[-1] != ' ')
			time--;
		first = last;
		last = strtod(time, NULL);
		by_worker = strstr(line, "kworker/");
		orders++;
	}
	fclose(file);
	return orders == 2 && by_worker && last - first > HALF_A_FRAME;
}

/* Sets a mode with one frame per second, so that the test does not depend on the machine's speed. */
static void set_slow_mode(void)
{
	drmModeModeInfo slow = head.mode;

	slow.clock = (slow.htotal * slow.vtotal + 999) / 1000;
	kms_set_mode(&head, &slow,
		     kms_buffer(head.fd, slow.hdisplay, slow.vdisplay, DRM_FORMAT_XRGB8888));
}

/* Two moves within half a frame: the driver sends the second one later. */
static void late_move(void)
{
	int i;

	if (driver_is_stock())
		skip("the kernel's own driver sends every move at once");
	start_with_cursor(10, 0, 0);
	set_slow_mode();
	write_file(EVENTS "/enable", "1");
	at_end(tracing_off, NULL);
	for (i = 1; i <= LATE_MOVES; i++) {
		/* Long enough that the first of the two moves is sent at once. */
		sleep(1);
		write_file(TRACING "/trace", "");
		move(i, 0);
		move(i, 100);
		judge(NULL, 0, "cursor-at 0 %d 100", i);
		check(second_was_late(), "move %d was not late", i);
	}
}

static void off(void)
{
	start_with_cursor(7, 0, 0);
	check(!drmModeSetCursor(head.fd, head.crtc, 0, 0, 0), "cursor off: %s", strerror(errno));
	judge(NULL, 0, "cursor-off 0");
}

static void head_off(void)
{
	start_with_cursor(8, 0, 0);
	kms_off(&head);
	judge(NULL, 0, "cursor-off 0");
}

static void other_sizes(void)
{
	struct buffer *buffer;

	start();
	buffer = kms_buffer(head.fd, 32, 32, DRM_FORMAT_ARGB8888);
	check(drmModeSetCursor(head.fd, head.crtc, buffer->handle, 32, 32) && errno == EINVAL,
	      "a 32x32 cursor, which the host cannot show, is not EINVAL");
}

/* Shows a framebuffer on the cursor plane; returns 0 or a negative errno. */
static int try_plane(const struct buffer *buffer, uint32_t flags)
{
	const struct {
		const char *name;
		uint64_t value;
	} values[] = {
		{ "FB_ID", buffer->fb }, { "CRTC_ID", head.crtc }, { "SRC_X", 0 }, { "SRC_Y", 0 },
		{ "SRC_W", SIZE << 16 }, { "SRC_H", SIZE << 16 }, { "CRTC_X", 0 }, { "CRTC_Y", 0 },
		{ "CRTC_W", SIZE }, { "CRTC_H", SIZE },
	};
	struct request request = kms_request(head.fd);
	size_t i;

	for (i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		drmModeAtomicAddProperty(request.atomic, head.cursor,
					 kms_prop(head.fd, head.cursor, values[i].name),
					 values[i].value);
	return kms_commit(&request, flags);
}

/* The host cannot show an image with a gap between its rows. */
static void pitch(void)
{
	struct image part = cursor_image(10);
	struct buffer *wide, *window;
	int ret;

	start();
	check(head.cursor, "no cursor plane");
	wide = kms_buffer(head.fd, 2 * SIZE, SIZE, DRM_FORMAT_ARGB8888);
	window = kms_window(wide, 0, 0, SIZE, SIZE);
	ret = try_plane(window, 0);
	check(ret == -EINVAL, "a cursor with gaps between its rows is not EINVAL but %d", ret);
	ret = try_plane(cursor_buffer(&part), 0);
	check(!ret, "a cursor without gaps: %s", strerror(-ret));
	judge_cursor(0, &part, 0, 0);
}

/* The next master may not see the cursor plane, so the old master's cursor must be hidden. */
static void master(void)
{
	struct image picture = start_with_cursor(11, 3, 4);

	check(!drmDropMaster(head.fd), "drop master: %s", strerror(errno));
	judge(NULL, 0, "cursor-off 0");

	/* The same master comes back, and moves the cursor. */
	check(!drmSetMaster(head.fd), "set master: %s", strerror(errno));
	move(50, 60);
	judge_cursor(0, &picture, 3, 4);
	judge(NULL, 0, "cursor-at 0 50 60");
}

static struct buffer *screens[2], *cursors[2];

static int flip(int which, uint32_t flags)
{
	struct request request = kms_request(head.fd);

	kms_request_flip(&request, &head, screens[which], NULL, 0);
	return kms_commit(&request, flags);
}

static int flip_cursor(int which, uint32_t flags)
{
	return try_plane(cursors[which], flags);
}

/* Returns whether a non-blocking commit returns before the commit before it is done. */
static bool comes_back(int (*first)(int which, uint32_t flags),
		       int (*second)(int which, uint32_t flags), int i)
{
	struct pollfd poller = { .fd = head.fd, .events = POLLIN };
	bool is_back;
	int ret;

	/* Just after a vblank, the next one is a second away. */
	ret = first(i % 2, DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT);
	check(!ret, "first commit: %s", strerror(-ret));
	kms_wait_for_flips(head.fd, 1);
	ret = first((i + 1) % 2, DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT);
	check(!ret, "second commit: %s", strerror(-ret));
	ret = second(i % 2, DRM_MODE_ATOMIC_NONBLOCK);
	check(!ret || ret == -EBUSY, "a commit after another one: %s", strerror(-ret));
	is_back = !poll(&poller, 1, 0);
	kms_wait_for_flips(head.fd, 1);
	/* This blocking commit also waits for the accepted one. */
	ret = second(i % 2, 0);
	check(!ret, "a blocking commit: %s", strerror(-ret));
	return is_back;
}

/* On a slow machine the vblank may come before the commit returns, but not every time. */
static void check_no_wait(int (*first)(int which, uint32_t flags),
			  int (*second)(int which, uint32_t flags), const char *what)
{
	int i;

	for (i = 0; i < ATTEMPTS; i++)
		if (comes_back(first, second, i))
			return;
	fail("%s waits for the vblank although it is non-blocking", what);
}

static void after_flip(void)
{
	struct image images[2] = { cursor_image(12), cursor_image(13) };
	int i;

	start();
	check(head.cursor, "no cursor plane");
	set_slow_mode();
	for (i = 0; i < 2; i++) {
		screens[i] = kms_buffer(head.fd, head.mode.hdisplay, head.mode.vdisplay,
					DRM_FORMAT_XRGB8888);
		cursors[i] = cursor_buffer(&images[i]);
	}
	check_no_wait(flip, flip_cursor, "a cursor after a flip");
	check_no_wait(flip_cursor, flip, "a flip after a cursor");
	check(!flip_cursor(0, 0), "a cursor at last");
	judge_cursor(0, &images[0], 0, 0);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "image", "cursor images, also in quick succession", image },
		{ "hotspot", "the hotspot, also if nothing else changes", hotspot },
		{ "move", "positions, also negative ones", moves },
		{ "burst", "many moves, the last one wins", burst },
		{ "late-move", "moves that are delayed because they came too soon", late_move },
		{ "after-flip", "non-blocking commits do not wait for the vblank", after_flip },
		{ "off", "no cursor", off },
		{ "head-off", "no cursor on a head that is off", head_off },
		{ "pitch", "an image with gaps between its rows is refused", pitch },
		{ "master", "the cursor of a former master is hidden", master },
		{ "other-sizes", "a size that the host cannot show is refused", other_sizes },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
