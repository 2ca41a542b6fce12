// SPDX-License-Identifier: GPL-2.0
/*
 * A device that is not to be trusted: wrong, silent, late. The host's end is qemu/fakegpu.py,
 * which does as it is told here; in any other guest these tests skip.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"

/* What a commit may take while the device is wrong: time-outs of 1 s (command_timeout=1), a few of them. */
#define PATIENCE	8.0
/* What the driver may take to bring a device back. */
#define RECOVERY	10.0

static void be_good(void *unused)
{
	(void)unused;
	judge(NULL, 0, "fault none");
	judge(NULL, 0, "fake-scanouts 1");
	judge(NULL, 0, "fake-display 1024 768");
	judge(NULL, 0, "fake-edid");
}

static void load_again(void *unused)
{
	be_good(unused);
	module_restore();
}

static void hostile(void)
{
	if (!getenv("VIRTGPU_FAKE"))
		skip("the device is QEMU's own, which does not lie");
	at_end(be_good, NULL);
	be_good(NULL);
}

/* A driver that is not there, a device that is good: as every other test wants it. */
static void unloaded(void)
{
	hostile();
	at_end(load_again, NULL);
	module_unload();
}

/* Draws another pattern and flips; the time it took is the driver's, not the host's. */
static void screen_flip(struct screen *screen, uint32_t seed)
{
	struct buffer *next = screen->buffers[screen->current ^= 1];
	double start;

	image_pattern(&screen->image, seed, image_all(&screen->image));
	kms_draw(next, &screen->image, image_all(&screen->image));
	start = now();
	kms_flip(&screen->head, next, NULL, 0);
	check(now() - start < PATIENCE, "a flip took %.1f s", now() - start);
}

/* Two buffers and a mode, while the device still behaves. */
static struct screen screen_new(uint32_t seed)
{
	struct screen screen = kms_screen(seed);

	/* Each shown once: no resource is left to be created when the device is wrong. */
	screen_flip(&screen, seed);
	screen_flip(&screen, seed);
	judge_picture(0, &screen.image);
	return screen;
}

/* Without any help of ours the host has to come to show what was last committed. */
static void screen_recovers(const struct screen *screen)
{
	judge_picture_within(0, &screen->image, RECOVERY);
}

static void lies(void)
{
	static const char *const names[] = { "refuse", "garbage", "huge-type", "empty", "short",
					     "long" };
	struct screen screen;
	unsigned int i;

	hostile();
	screen = screen_new(1);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		drmModeModeInfo mode = screen.head.mode;
		struct drm_mode_create_dumb create = {
			.width = mode.hdisplay, .height = mode.vdisplay, .bpp = 32,
		};
		uint32_t handle, fb = 0;

		judge(NULL, 0, "fault %s", names[i]);
		screen_flip(&screen, 2 + i);
		screen_flip(&screen, 3 + i);

		/* Whatever of this works or not, it has to come back. */
		if (!drmIoctl(screen.head.fd, DRM_IOCTL_MODE_CREATE_DUMB, &create)) {
			handle = create.handle;
			drmModeAddFB2(screen.head.fd, create.width, create.height,
				      DRM_FORMAT_XRGB8888, (uint32_t [4]) { handle },
				      (uint32_t [4]) { create.pitch }, (uint32_t [4]) { 0 },
				      &fb, 0);
			if (fb) {
				/* Only a length that is too long leaves the answer readable. */
				check(!drmModeSetCrtc(screen.head.fd, screen.head.crtc, fb, 0, 0,
						      &screen.head.connector, 1, &mode) ==
				      !strcmp(names[i], "long"), "%s: a buffer the host does not "
				      "have is shown, or one that it has is not", names[i]);
				drmModeRmFB(screen.head.fd, fb);
			}
			drmCloseBufferHandle(screen.head.fd, handle);
		}

		judge(NULL, 0, "fault none");
		kms_set_mode(&screen.head, &mode, screen.buffers[screen.current]);
		screen_flip(&screen, 4 + i);
		judge_picture(0, &screen.image);
	}
}

static void silent(const char *fault)
{
	struct screen screen;
	double start;
	int i;

	hostile();
	screen = screen_new(1);
	judge(NULL, 0, "fault %s", fault);
	start = now();
	for (i = 0; i < 20; i++)
		screen_flip(&screen, 2 + i);
	check(now() - start < 2 * PATIENCE, "20 flips took %.1f s of a device known to be silent",
	      now() - start);
	judge(NULL, 0, "fault none");
	/* Late answers alone have to bring the last frame; lost ones need one that is answered. */
	if (strcmp(fault, "mute"))
		screen_flip(&screen, 100);
	screen_recovers(&screen);
	screen_flip(&screen, 101);
	screen_recovers(&screen);
}

static void late(void)
{
	silent("mute");
}

static void lost(void)
{
	silent("lose");
}

static void lost_flushes(void)
{
	silent("lose FLUSH");
}

/* How long it takes to ask for many moves. */
static double move_cursor(const struct screen *screen)
{
	double start = now();
	int i;

	for (i = 0; i < 200; i++)
		check(!drmModeMoveCursor(screen->head.fd, screen->head.crtc, i, i),
		      "move cursor: %s", strerror(errno));
	return now() - start;
}

/* A new image is not waited for, either, nor is the host's copy of it that is still to be made. */
static void silent_image(void)
{
	struct screen screen;
	double start;
	int i;

	hostile();
	screen = screen_new(1);
	judge(NULL, 0, "fault mute");
	start = now();
	for (i = 0; i < 8; i++) {
		struct buffer *cursor = kms_buffer(screen.head.fd, 64, 64, DRM_FORMAT_ARGB8888);

		check(!drmModeSetCursor(screen.head.fd, screen.head.crtc, cursor->handle, 64, 64),
		      "set cursor: %s", strerror(errno));
	}
	check(now() - start < 4, "8 new images took %.1f s: they wait for the host",
	      now() - start);
	judge(NULL, 0, "fault none");
	screen_flip(&screen, 2);
	screen_recovers(&screen);
}

/* Nobody waits for a cursor, and still it must be noticed when none is ever answered. */
static void silent_cursor(void)
{
	struct screen screen;
	struct buffer *cursor;
	double usual, lost;

	/* A reset still due to an earlier test would take the lost order back. */
	unloaded();
	module_load();
	screen = screen_new(1);
	cursor = kms_buffer(screen.head.fd, 64, 64, DRM_FORMAT_ARGB8888);
	check(!drmModeSetCursor(screen.head.fd, screen.head.crtc, cursor->handle, 64, 64),
	      "set cursor: %s", strerror(errno));
	usual = move_cursor(&screen);
	judge(NULL, 0, "fault lose MOVE_CURSOR");
	lost = move_cursor(&screen);
	check(lost < 0.2 + 2 * usual, "200 moves took %.1f s instead of %.1f: they wait for the host",
	      lost, usual);

	shell("dmesg -C");
	sleep(2);
	drmModeMoveCursor(screen.head.fd, screen.head.crtc, 5, 5);
	shell("dmesg | grep -q 'cursor command got lost'");
	judge(NULL, 0, "fault none");
	screen_flip(&screen, 2);
	screen_recovers(&screen);
}

static void broken_ring(const char *fault)
{
	struct screen screen;

	hostile();
	screen = screen_new(1);
	judge(NULL, 0, "fault %s FLUSH", fault);
	screen_flip(&screen, 2);
	judge(NULL, 0, "fault none");
	screen_flip(&screen, 3);
	screen_recovers(&screen);
	screen_flip(&screen, 4);
	screen_recovers(&screen);
}

static void wrong_chain(void)
{
	broken_ring("wrong-chain");
}

static void twice(void)
{
	broken_ring("twice");
}

static void any_lie(void)
{
	struct screen screen;
	int i;

	hostile();
	srandom(1);
	screen = screen_new(1);
	judge(NULL, 0, "fault any-lie any 20");
	for (i = 0; i < 60; i++) {
		if (random() % 4 == 0) {
			struct drm_mode_create_dumb create = {
				.width = 1 + random() % 256, .height = 1 + random() % 256,
				.bpp = 32,
			};

			if (!drmIoctl(screen.head.fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
				drmCloseBufferHandle(screen.head.fd, create.handle);
		}
		screen_flip(&screen, 2 + i);
	}
	judge(NULL, 0, "fault none");
	screen_flip(&screen, 100);
	screen_flip(&screen, 101);
	screen_recovers(&screen);
}

static uint32_t expected_width, expected_height;

static void show_expected(void)
{
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image;

	check(!expected_width ||
	      (mode.hdisplay == expected_width && mode.vdisplay == expected_height),
	      "prefers %ux%u, not %ux%u", mode.hdisplay, mode.vdisplay, expected_width,
	      expected_height);
	image = kms_show(&head, &mode, 1);
	judge_picture(0, &image);
}

/* Loads the driver on a device as it now is; whatever that says, a mode can be set. */
static void load_and_show(uint32_t width, uint32_t height)
{
	module_load();
	expected_width = width;
	expected_height = height;
	scope(show_expected);
}

static void edid_lies(void)
{
	static const uint32_t sizes[] = { 0, 1, 127, 128, 256, 1024, 1025, 0xffffffff };
	uint8_t edid[128];
	unsigned int i, j;

	unloaded();
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		for (j = 0; j < sizeof(edid); j++)
			edid[j] = i & 1 ? 0xff : 37 * j + i;
		judge(edid, sizeof(edid), "fake-edid %u %zu", sizes[i], sizeof(edid));
		load_and_show(1024, 768);
		module_unload();
	}
}

static void display_lies(void)
{
	static const uint32_t sizes[][2] = {
		{ 0, 0 }, { 1, 1 }, { 0xffffffff, 0xffffffff }, { 0x80000000, 1 }, { 0xffff, 0xffff },
		{ 1024, 0 },
	};
	unsigned int i;

	unloaded();
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		judge(NULL, 0, "fake-display %u %u", sizes[i][0], sizes[i][1]);
		load_and_show(0, 0);
		module_unload();
	}
}

static void config_lies(void)
{
	static const uint32_t counts[] = { 17, 0x10000, 0xffffffff };
	unsigned int i;

	unloaded();
	for (i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		judge(NULL, 0, "fake-scanouts %u", counts[i]);
		module_insert();
		check(!kms_path(), "a device with %u scanouts came up", counts[i]);
		module_unload();
	}

	judge(NULL, 0, "fake-scanouts 0");
	module_load();
	module_unload();
}

static void silent_probe(void)
{
	static const char *const commands[] = { "any", "GET_DISPLAY_INFO", "GET_EDID" };
	unsigned int i;

	unloaded();
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		double start = now();

		judge(NULL, 0, "fault lose %s", commands[i]);
		module_insert();
		check(now() - start < RECOVERY, "probing took %.1f s", now() - start);
		module_unload();
		judge(NULL, 0, "fault none");
		load_and_show(1024, 768);
		module_unload();
	}
}

static void silent_probe_late(void)
{
	unloaded();
	judge(NULL, 0, "fault mute");
	module_insert();
	judge(NULL, 0, "fault none");
	module_unload();
	load_and_show(1024, 768);
	module_unload();
}

static void show_then_silence(void)
{
	struct screen screen = screen_new(1);

	judge(NULL, 0, "fault mute");
	screen_flip(&screen, 2);
}

static void silent_unload(void)
{
	double start;

	hostile();
	scope(show_then_silence);
	start = now();
	at_end(load_again, NULL);
	module_unload();
	check(now() - start < 2 * PATIENCE, "unloading took %.1f s", now() - start);
	judge(NULL, 0, "fault none");
	load_and_show(1024, 768);
	module_unload();
}

static void silent_suspend(void)
{
	struct screen screen;

	hostile();
	screen = screen_new(1);
	write_file("/sys/power/pm_test", "devices");
	judge(NULL, 0, "fault mute");
	screen_flip(&screen, 2);
	write_file("/sys/power/state", "freeze");
	judge(NULL, 0, "fault none");
	write_file("/sys/power/pm_test", "none");
	screen_flip(&screen, 3);
	screen_recovers(&screen);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "lies", "answers that are errors, garbage, too short, too long", lies },
		{ "late", "no answers for a while, then all of them", late },
		{ "lost", "answers that never come, then others that do", lost },
		{ "lost-flushes", "only frames are never finished", lost_flushes },
		{ "silent-cursor", "cursors are never answered", silent_cursor },
		{ "silent-image", "neither are new images of cursors", silent_image },
		{ "wrong-chain", "an answer to what was never asked", wrong_chain },
		{ "twice", "one answer given twice", twice },
		{ "any-lie", "any of these in one case of five", any_lie },
		{ "edid-lies", "an EDID of absurd size or contents", edid_lies },
		{ "display-lies", "heads of absurd sizes", display_lies },
		{ "config-lies", "absurd numbers of heads", config_lies },
		{ "silent-probe", "no answers while the driver is loaded, nor later", silent_probe },
		{ "silent-probe-late", "answers after the driver gave up", silent_probe_late },
		{ "silent-unload", "unloaded while there are no answers", silent_unload },
		{ "silent-suspend", "suspended while there are no answers", silent_suspend },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
