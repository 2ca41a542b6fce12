// SPDX-License-Identifier: GPL-2.0
/*
 * A device that gives wrong, late or no answers. The device is qemu/device/fakegpu.py, which the subtests
 * control.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fake.h"
#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"
#include "lib/panicscreen.h"
#include "../uapi/virtgpu_drm.h"

/* A commit may take a few time-outs of 1 s (command_timeout=1) while the device is faulty. */
#define PATIENCE	8.0
/* Seconds until the driver has restored a device. */
#define RECOVERY	10.0

static void hostile(void)
{
	fake_start();
	judge(NULL, 0, "fake-scanouts 1");
}

static void load_again(void *unused)
{
	(void)unused;
	judge(NULL, 0, "fault none");
	judge(NULL, 0, "fake-scanouts 1");
	judge(NULL, 0, "fake-display 1024 768");
	judge(NULL, 0, "fake-edid");
	module_restore();
}

/* Unloads the driver; the end of the subtest restores driver and device. */
static void unloaded(void)
{
	hostile();
	at_end(load_again, NULL);
	module_unload();
}

/* Draws another pattern and flips; only the flip is timed. */
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

/* Sets a mode with two buffers, before the device becomes faulty. */
static struct screen screen_new(uint32_t seed)
{
	struct screen screen = kms_screen(seed);

	/* Show each buffer once, so that no resource must be created on the faulty device. */
	screen_flip(&screen, seed);
	screen_flip(&screen, seed);
	judge_picture(0, &screen.image);
	return screen;
}

/* The host must show the last commit without another one. */
static void screen_recovers(const struct screen *screen)
{
	judge_picture_within(0, &screen->image, RECOVERY);
}

static void cursor_recovers(const struct image *image)
{
	double deadline = now() + RECOVERY;

	while (!judge_try(image->pixels, 64 * 64 * 4, "cursor 0 0 0") && now() < deadline)
		usleep(50000);
	judge_cursor(0, image, 0, 0);
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

		/* These calls may fail, but must return. */
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
				      !strcmp(names[i], "long"), "%s: a refused buffer is shown, "
				      "or an accepted one is not", names[i]);
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

/* User space must not get the id of a resource that the host has refused. */
static void refused_resource(void)
{
	struct drm_virtgpu_resource_create create = {
		.target = 2, .format = 2, .width = 64, .height = 64, .depth = 1, .array_size = 1,
		.size = 64 * 64 * 4,
	};
	int fd;

	hostile();
	fd = kms_open();
	judge(NULL, 0, "fault refuse CREATE");
	check(drmIoctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create),
	      "a resource that the host refused is created");
	judge(NULL, 0, "fault none");
	check(!drmIoctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create), "resource: %s",
	      strerror(errno));
}

/* An answer that is too short gives no information: the host may have carried out the command. */
static void half_answers(void)
{
	struct screen screen;
	struct buffer *cursor;

	hostile();
	screen = screen_new(1);
	judge(NULL, 0, "fault short");
	cursor = kms_buffer(screen.head.fd, 64, 64, DRM_FORMAT_ARGB8888);
	drmModeSetCursor(screen.head.fd, screen.head.crtc, cursor->handle, 64, 64);
	/* After two frames the driver has handled all earlier answers. */
	screen_flip(&screen, 2);
	screen_flip(&screen, 3);
	drmModeSetCursor(screen.head.fd, screen.head.crtc, 0, 0, 0);
	kms_destroy(cursor);
	judge(NULL, 0, "fault none");
	fake_same_resources(RECOVERY);
	screen_flip(&screen, 4);
	screen_recovers(&screen);
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
	/* Late answers must bring the last frame; after lost ones another frame is needed. */
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

/* Shows a new buffer as the cursor, with @image unless it is NULL. */
static void set_cursor(const struct screen *screen, const struct image *image)
{
	struct buffer *cursor = kms_buffer(screen->head.fd, 64, 64, DRM_FORMAT_ARGB8888);

	if (image)
		kms_draw(cursor, image, image_all(image));
	check(!drmModeSetCursor(screen->head.fd, screen->head.crtc, cursor->handle, 64, 64),
	      "set cursor: %s", strerror(errno));
}

/* Moves the cursor many times; returns the duration. */
static double move_cursor(const struct screen *screen)
{
	double start = now();
	int i;

	for (i = 0; i < 200; i++)
		check(!drmModeMoveCursor(screen->head.fd, screen->head.crtc, i, i),
		      "move cursor: %s", strerror(errno));
	return now() - start;
}

/* A new cursor image must not wait for the host, nor for the creation of its resource. */
static void silent_image(void)
{
	struct screen screen;
	double start;
	int i;

	hostile();
	screen = screen_new(1);
	judge(NULL, 0, "fault mute");
	start = now();
	for (i = 0; i < 8; i++)
		set_cursor(&screen, NULL);
	check(now() - start < 4, "8 new images took %.1f s, so they wait for the host",
	      now() - start);
	judge(NULL, 0, "fault none");
	screen_flip(&screen, 2);
	screen_recovers(&screen);
}

/* Nothing waits for cursor commands, but the driver must notice if they are never answered. */
static void silent_cursor(void)
{
	struct screen screen;
	double usual, lost;

	/* Load the driver again, because a pending reset would return the lost command. */
	unloaded();
	module_load();
	screen = screen_new(1);
	set_cursor(&screen, NULL);
	usual = move_cursor(&screen);
	/* Wait for the image, because until then moves are sent as UPDATE_CURSOR. */
	judge(NULL, 0, "cursor-at 0 199 199");
	judge(NULL, 0, "fault lose MOVE_CURSOR");
	lost = move_cursor(&screen);
	check(lost < 0.2 + 2 * usual, "200 moves took %.1f s instead of %.1f, so they wait for the host",
	      lost, usual);

	shell("dmesg -C");
	sleep(2);
	drmModeMoveCursor(screen.head.fd, screen.head.crtc, 5, 5);
	shell("dmesg | grep -q 'no answer from the host to a cursor'");
	judge(NULL, 0, "fault none");
	screen_flip(&screen, 2);
	screen_recovers(&screen);
}

/* A panic screen must not wait, and must not overwrite commands of the previous one. */
static void silent_panic(void)
{
	struct screen screen;
	double start;
	int i;

	hostile();
	screen = screen_new(1);
	judge(NULL, 0, "fault mute");
	for (i = 0; i < 3; i++) {
		start = now();
		panic_screen(screen.head.fd);
		check(now() - start < 5, "a panic screen took %.1f s", now() - start);
	}
	judge(NULL, 0, "fault none");
	judge(NULL, 0, "panic-screen 0");
	screen_flip(&screen, 2);
	screen_recovers(&screen);
	panic_screen(screen.head.fd);
	judge(NULL, 0, "panic-screen 0");
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
	srandom(fake_seed());
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

/* Each kind of lie of qemu/device/liar.py alone. */
static void each_lie(void)
{
	struct screen screen;
	unsigned int kind;
	int i;

	hostile();
	screen = screen_new(1);
	for (kind = 0; kind < FAKE_LIES; kind++) {
		drmModeModeInfo mode = screen.head.mode;

		judge(NULL, 0, "lie 7 400 %u", 1u << kind);
		for (i = 0; i < 5; i++)
			screen_flip(&screen, kind * 8 + i);
		judge(NULL, 0, "lie-no-more");
		kms_set_mode(&screen.head, &mode, screen.buffers[screen.current]);
		screen_flip(&screen, kind * 8 + 5);
		screen_recovers(&screen);
	}
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

/* Loads the driver on the device as it is now; it must be possible to set a mode. */
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

static void usual_command_timeout(void *unused)
{
	(void)unused;
	module_set_parameter("command_timeout", "1");
}

/* A new command_timeout must apply at once, and be in the log message. */
static void patience(void)
{
	struct screen screen;
	struct buffer *next;
	double start;

	if (driver_is_stock())
		skip("the kernel's own driver has no command_timeout");
	hostile();
	screen = screen_new(1);
	next = kms_buffer(screen.head.fd, screen.image.width, screen.image.height,
			  DRM_FORMAT_ARGB8888);
	module_set_parameter("command_timeout", "3");
	at_end(usual_command_timeout, NULL);
	shell("dmesg -C");
	judge(NULL, 0, "fault lose");
	start = now();
	check(drmModeSetCrtc(screen.head.fd, screen.head.crtc, next->fb, 0, 0,
			     &screen.head.connector, 1, &screen.head.mode),
	      "a buffer is shown whose commands were never answered");
	check(now() - start > 2.5, "the host had %.1f s, not 3", now() - start);
	shell("dmesg | grep 'no answer from the host to [A-Z_0-9][A-Z_0-9]* in 3 s'");
	judge(NULL, 0, "fault none");
	screen_flip(&screen, 2);
	screen_recovers(&screen);
}

static void wait_for_property(const struct head *head, const char *name, uint64_t wanted)
{
	double deadline = now() + RECOVERY;
	uint64_t value = 0;

	do {
		drmModeFreeConnector(kms_probe(head));
		check(kms_connector_property(head, name, &value), "no property \"%s\"", name);
		if (value == wanted)
			return;
		usleep(50000);
	} while (now() < deadline);
	fail("\"%s\" is %llu, not %llu", name, (unsigned long long)value,
	     (unsigned long long)wanted);
}

/* Properties tell desktops the position of the host's window, and that they should follow it. */
static void position(void)
{
	struct head head;

	hostile();
	head = kms_head(kms_open(), 0);
	wait_for_property(&head, "hotplug_mode_update", 1);
	judge(NULL, 0, "fake-display 1024 768 1920 40");
	judge(NULL, 0, "fake-changed");
	wait_for_property(&head, "suggested X", 1920);
	wait_for_property(&head, "suggested Y", 40);
	/* Only the position changes. */
	judge(NULL, 0, "fake-display 1024 768 0 4294967295");
	judge(NULL, 0, "fake-changed");
	wait_for_property(&head, "suggested Y", 4294967295);
	wait_for_property(&head, "suggested X", 0);
}

/* The host's window changes, and the event is lost because the device is reset. */
static void stale_size(void)
{
	struct screen screen;

	hostile();
	screen = screen_new(1);
	judge(NULL, 0, "fake-display 800 600");
	judge(NULL, 0, "fault wrong-chain FLUSH");
	screen_flip(&screen, 2);
	judge(NULL, 0, "fault none");
	/* Flips do not wait for the host, so the next one finds the ring broken. */
	screen_flip(&screen, 3);
	screen_recovers(&screen);
	kms_wait_for_size(&screen.head, 800, 600);
}

static void config_lies(void)
{
	static const uint32_t counts[] = { 17, 0x10000, 0xffffffff };
	unsigned int i;

	unloaded();
	for (i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
		judge(NULL, 0, "fake-scanouts %u", counts[i]);
		module_insert();
		check(!kms_path(), "the driver accepted a device with %u scanouts", counts[i]);
		module_unload();
	}

	judge(NULL, 0, "fake-scanouts 0");
	module_load();
	module_unload();
}

static void silent_probe(void)
{
	static const struct {
		const char *command;
		/* Without the sizes of windows a head cannot be used; EDIDs are optional. */
		bool is_driven;
	} probes[] = { { "any", false }, { "GET_DISPLAY_INFO", false }, { "GET_EDID", true } };
	unsigned int i;

	unloaded();
	for (i = 0; i < sizeof(probes) / sizeof(*probes); i++) {
		double start = now();

		judge(NULL, 0, "fault lose %s", probes[i].command);
		module_insert();
		check(now() - start < RECOVERY, "probing took %.1f s", now() - start);
		check(!kms_path() == !probes[i].is_driven,
		      "without answers to %s there is %s device", probes[i].command,
		      probes[i].is_driven ? "no" : "a");
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

/* Waits until the kick is lost, because the device merges two kicks at the same time. */
static void kick_is_lost(int queue)
{
	double deadline = now() + RECOVERY;

	while (!judge_try(NULL, 0, "fake-lost-kicks %d", queue)) {
		check(now() < deadline, "no kick of queue %d came", queue);
		usleep(10000);
	}
}

/* The kick of the next frame must also deliver the lost command. */
static void lost_kick(void)
{
	struct screen screen;
	double start;
	int queue;

	hostile();
	screen = screen_new(1);
	/* Without an image the driver sends no cursor commands. */
	set_cursor(&screen, NULL);
	for (queue = 0; queue < 2; queue++) {
		judge(NULL, 0, "fake-lose-kicks %d 1", queue);
		screen_flip(&screen, 2 + queue);
		move_cursor(&screen);
		kick_is_lost(queue);
		start = now();
		screen_flip(&screen, 4 + queue);
		judge_picture_within(0, &screen.image, RECOVERY);
		check(now() - start < RECOVERY, "a lost kick cost %.1f s", now() - start);
	}
}

/* Answers that come before the driver gives the device up must not cause a reset. */
static void late_answers(void)
{
	struct screen screen;
	long resets;
	int i;

	if (driver_is_stock())
		skip("the kernel's own driver has no command_timeout");
	hostile();
	screen = screen_new(1);
	resets = judge_number("fake-resets");
	module_set_parameter("command_timeout", "5");
	at_end(usual_command_timeout, NULL);
	shell("dmesg -C");
	judge(NULL, 0, "fault mute");
	for (i = 0; i < 4; i++)
		screen_flip(&screen, 2 + i);
	shell("dmesg | grep -q 'no answer from the host'");
	judge(NULL, 0, "fault none");
	screen_recovers(&screen);
	/* By now the driver would have reset the device. */
	sleep(2);
	check(judge_number("fake-resets") == resets, "a device that answered late was reset");
	screen_flip(&screen, 10);
	screen_recovers(&screen);
}

/* A device that answers nothing is reset, and its state is restored. */
static void dead(void)
{
	struct image pointer = image_new(64, 64);
	struct screen screen;
	long resets;
	int i;

	hostile();
	screen = screen_new(1);
	image_pattern(&pointer, 9, image_all(&pointer));
	set_cursor(&screen, &pointer);
	cursor_recovers(&pointer);
	resets = judge_number("fake-resets");
	judge(NULL, 0, "fault mute");
	for (i = 0; i < 4; i++)
		screen_flip(&screen, 2 + i);
	fake_wait_for_resets(resets + 1, RECOVERY);
	judge(NULL, 0, "fault none");
	screen_recovers(&screen);
	cursor_recovers(&pointer);
	screen_flip(&screen, 10);
	screen_recovers(&screen);
}

static void stopped_while_shown(const char *how)
{
	struct screen screen;
	int i;

	hostile();
	screen = screen_new(1);
	for (i = 0; i < 2; i++) {
		screen_flip(&screen, 2 * i);
		/* Longer than command_timeout. */
		judge(NULL, 0, "%s 3", how);
		screen_flip(&screen, 2 * i + 1);
		screen_recovers(&screen);
	}
}

static void paused(void)
{
	stopped_while_shown("pause");
}

static void frozen(void)
{
	stopped_while_shown("freeze");
}

static void show_and_flip(void)
{
	struct screen screen = screen_new(1);
	struct buffer *cursor = kms_buffer(screen.head.fd, 64, 64, DRM_FORMAT_ARGB8888);
	int i;

	check(!drmModeSetCursor(screen.head.fd, screen.head.crtc, cursor->handle, 64, 64),
	      "set cursor: %s", strerror(errno));
	move_cursor(&screen);
	for (i = 0; i < 20; i++)
		screen_flip(&screen, 2 + i);
	screen_recovers(&screen);
}

static void be_usual(void *params)
{
	setenv("VIRTGPU_MODULE_PARAMS", params, 1);
	free(params);
}

/* Sets a long command_timeout for the next load, so that a missed wake-up takes long. */
static void be_patient(void)
{
	const char *params = getenv("VIRTGPU_MODULE_PARAMS");

	at_end(be_usual, strdup(params ?: ""));
	setenv("VIRTGPU_MODULE_PARAMS", "command_timeout=60", 1);
}

/* The device ignores the very first kick; the driver must kick again while it waits. */
static void lost_first_kick(void)
{
	unloaded();
	be_patient();
	judge(NULL, 0, "fake-lose-kicks 0 1");
	load_and_show(1024, 768);
	kick_is_lost(0);
	module_unload();
}

/* Rings that hold few commands. ATTACH_BACKING needs three descriptors. */
static void tiny_rings(void)
{
	static const unsigned int sizes[] = { 1, 2, 4, 8, 16 };
	unsigned int i;

	hostile();
	for (i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char shape[32];
		double start;

		snprintf(shape, sizeof(shape), "queue_size=%u", sizes[i]);
		fake_plug(shape);
		/* Not before fake_plug(), because the usual device needs the usual parameters. */
		if (!i)
			be_patient();
		start = now();
		module_insert();
		check(now() - start < 4, "%u descriptors: probing took %.1f s", sizes[i],
		      now() - start);
		if (sizes[i] < 3) {
			check(!kms_path(), "the driver accepted a device with %u descriptors", sizes[i]);
			shell("dmesg | tail -n 20 | grep -q 'descriptors'");
			continue;
		}
		module_wait(true);
		start = now();
		scope(show_and_flip);
		check(now() - start < 30, "%u descriptors: 20 flips took %.1f s", sizes[i],
		      now() - start);
	}
}

/* Any combination of features must work. */
static void features(void)
{
	unsigned int i;

	hostile();
	for (i = 0; i < 64; i += 5) {
		char shape[64];

		/* Bit 5 needs an alignment, which is always given, and so is the window. */
		snprintf(shape, sizeof(shape), "features=%u alignment=4096 window=16", i);
		fake_plug(shape);
		module_load();
		scope(show_and_flip);
	}
}

/* A program shows two pictures in turn, of which the host can hold only one. */
static void use_little_memory(void)
{
	struct screen screen = screen_new(1);
	struct head *head = &screen.head;
	struct buffer *other = kms_buffer(head->fd, head->mode.hdisplay, head->mode.vdisplay,
					  DRM_FORMAT_ARGB8888);
	struct rect part = { 10, 20, 30, 40 };
	uint32_t seed;

	for (seed = 2; seed < 8; seed += 2) {
		/* Only a part changes, but the whole picture must be uploaded. */
		image_pattern(&screen.image, seed, part);
		kms_draw(other, &screen.image, image_all(&screen.image));
		kms_flip(head, other, &part, 1);
		judge_picture(0, &screen.image);
		screen_flip(&screen, seed + 1);
		judge_picture(0, &screen.image);
	}
}

/* The host can never hold this buffer: the commit must fail, and the old picture must return. */
static void use_too_much(void)
{
	struct screen screen = screen_new(1);
	struct buffer *big = kms_buffer(screen.head.fd, 2048, 2048, DRM_FORMAT_XRGB8888);
	struct request request = kms_request(screen.head.fd);
	int ret;

	kms_request_flip(&request, &screen.head, big, NULL, 0);
	ret = kms_commit(&request, 0);
	check(ret == -ENOMEM, "a buffer that is too large is not ENOMEM but %d", ret);
	screen_recovers(&screen);
	screen_flip(&screen, 2);
	judge_picture(0, &screen.image);
}

/* The host can hold one picture: the console's, the last program's or this one's. */
static void little_memory(void)
{
	int i;

	hostile();
	fake_plug("room=4194304");
	module_load();
	for (i = 0; i < 2; i++)
		scope(use_little_memory);
	/* A buffer that cannot be shown is refused, and the shown one stays. */
	scope(use_too_much);
}

static void show_then_pull(void)
{
	struct screen screen = screen_new(1);

	judge(NULL, 0, "fake-plug blob=0");
	/* This may fail. */
	drmModePageFlip(screen.head.fd, screen.head.crtc, screen.buffers[0]->fb, 0, NULL);
	drmModeMoveCursor(screen.head.fd, screen.head.crtc, 3, 4);
}

/* The device is unplugged while it is in use, and another one is plugged in. */
static void unplug(void)
{
	hostile();
	scope(show_then_pull);
	module_wait(true);
	scope(show_and_flip);
}

/* The device sets DEVICE_NEEDS_RESET in its status and must be reset. */
static void needs_reset(void)
{
	struct screen screen;

	hostile();
	screen = screen_new(1);
	shell("dmesg -C");
	fake_reset(RECOVERY);
	shell("dmesg | grep -q 'the device requests a reset'");
	/* The host must show everything again without another commit. */
	screen_recovers(&screen);
	screen_flip(&screen, 2);
	screen_recovers(&screen);
}

/* After a reset the host refuses once to create each resource; others must take their place. */
static void refused_again(void)
{
	struct image pointer = image_new(64, 64);
	struct screen screen;

	hostile();
	screen = screen_new(1);
	image_pattern(&pointer, 9, image_all(&pointer));
	set_cursor(&screen, &pointer);
	cursor_recovers(&pointer);
	judge(NULL, 0, "fault refuse CREATE 100 %ld", host_resources());
	fake_reset(RECOVERY);
	screen_recovers(&screen);
	cursor_recovers(&pointer);
	screen_flip(&screen, 2);
	screen_recovers(&screen);
	judge(NULL, 0, "fault none");
	fake_same_resources(RECOVERY);
}

static bool makers_stop;

/* Creates and destroys a resource on the host; this may fail. */
static void make_resource(int fd)
{
	struct drm_mode_create_dumb create = { .width = 64, .height = 64, .bpp = 32 };
	struct drm_virtgpu_resource_info info = { };

	if (drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return;
	info.bo_handle = create.handle;
	drmIoctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info);
	drmCloseBufferHandle(fd, create.handle);
}

static void *make_resources(void *fd)
{
	while (!__atomic_load_n(&makers_stop, __ATOMIC_RELAXED))
		make_resource(*(int *)fd);
	return NULL;
}

/* Nothing waits for UNREF, so unanswered ones fill the ring. */
static void lost_ends(void)
{
	struct screen screen;
	int i;

	hostile();
	screen = screen_new(1);
	judge(NULL, 0, "fault lose UNREF");
	for (i = 0; i < 100; i++)
		make_resource(screen.head.fd);
	judge(NULL, 0, "fault none");
	screen_flip(&screen, 2);
	screen_recovers(&screen);
	fake_same_resources(RECOVERY);
	/* Resources may remain whose UNREF was lost after the last reset. */
	check(host_resources() < 50, "the driver still has %ld resources", host_resources());
}

/* Resources are created and destroyed during resets: none may be lost or created twice. */
static void reset_while_making(void)
{
	pthread_t makers[4];
	struct screen screen;
	unsigned int i, round;

	hostile();
	screen = screen_new(1);
	for (round = 0; round < 12; round++) {
		makers_stop = false;
		for (i = 0; i < 4; i++)
			check(!pthread_create(&makers[i], NULL, make_resources, &screen.head.fd),
			      "no thread");
		fake_reset(RECOVERY);
		screen_recovers(&screen);
		__atomic_store_n(&makers_stop, true, __ATOMIC_RELAXED);
		for (i = 0; i < 4; i++)
			pthread_join(makers[i], NULL);
		fake_same_resources(RECOVERY);
	}
}

static void remove_fragment(void *unused)
{
	(void)unused;
	shell("rmmod fragment");
}

static void huge_pages(void *mode)
{
	write_file("/sys/kernel/mm/transparent_hugepage/shmem_enabled", mode);
}

/* The driver must refuse a buffer with more pieces than hosts accept, without sending it. */
static void fragmented(void)
{
	struct drm_virtgpu_resource_info info = { };
	struct screen screen;
	struct buffer *buffer;

	hostile();
	screen = screen_new(1);
	huge_pages("deny");
	at_end(huge_pages, "never");
	shell("insmod /host/tests/fragment.ko pages=65536");
	at_end(remove_fragment, NULL);
	judge(NULL, 0, "fake-count");
	/* 20480 pages, more than the 16384 entries that hosts accept. */
	buffer = kms_buffer(screen.head.fd, 8192, 2560, DRM_FORMAT_XRGB8888);
	info.bo_handle = buffer->handle;
	check(drmIoctl(screen.head.fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info) && errno == ENOMEM,
	      "no ENOMEM but %s", strerror(errno));
	judge(NULL, 0, "fake-counted ATTACH 0 0");
	kms_destroy(buffer);
	screen_flip(&screen, 2);
	judge_picture(0, &screen.image);
}

static void remove_fault(void *unused)
{
	(void)unused;
	shell("! grep -q ^virtiofault /proc/modules || rmmod virtiofault");
}

static void older(void)
{
	unloaded();
	shell("dmesg -C; insmod /host/tests/virtiofault.ko old=1");
	at_end(remove_fault, NULL);
	module_insert();
	check(!kms_path(), "the driver accepted a device older than virtio 1");
	shell("dmesg | grep -q 'older than virtio 1'");
	module_unload();
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "lies", "answers that are errors, garbage, too short, too long", lies },
		{ "refused-resource", "the host refuses to create a resource", refused_resource },
		{ "half-answers", "answers that are too short to be read", half_answers },
		{ "late", "no answers for a while, then all of them", late },
		{ "late-answers", "late answers do not cause a reset", late_answers },
		{ "dead", "no answers at all", dead },
		{ "lost", "some answers never come, later ones do", lost },
		{ "lost-flushes", "only FLUSH is never answered", lost_flushes },
		{ "lost-ends", "only UNREF is never answered", lost_ends },
		{ "silent-cursor", "cursor moves are never answered", silent_cursor },
		{ "silent-image", "new cursor images are not answered", silent_image },
		{ "silent-panic", "commands of panic screens are not answered", silent_panic },
		{ "wrong-chain", "an answer to a command that was never sent", wrong_chain },
		{ "twice", "a command is answered twice", twice },
		{ "any-lie", "one of these lies in one of five answers", any_lie },
		{ "each-lie", "each kind of lie, alone", each_lie },
		{ "edid-lies", "EDIDs with invalid size or content", edid_lies },
		{ "display-lies", "heads with invalid sizes", display_lies },
		{ "patience", "command_timeout changes at run time", patience },
		{ "position", "the position of the host's window", position },
		{ "stale-size", "the window has another size after a reset", stale_size },
		{ "config-lies", "invalid numbers of heads", config_lies },
		{ "silent-probe", "no answers while the driver is loaded", silent_probe },
		{ "silent-probe-late", "answers after the driver gave up", silent_probe_late },
		{ "silent-unload", "the driver is unloaded while answers are missing", silent_unload },
		{ "lost-kick", "the device ignores kicks", lost_kick },
		{ "lost-first-kick", "the device ignores the very first kick", lost_first_kick },
		{ "paused", "guest and devices are paused", paused },
		{ "frozen", "QEMU's process is stopped for a while", frozen },
		{ "tiny-rings", "rings of 1 to 16 descriptors", tiny_rings },
		{ "features", "any combination of features", features },
		{ "needs-reset", "the device requests a reset", needs_reset },
		{ "refused-again", "the host refuses resources after a reset", refused_again },
		{ "reset-while-making", "resources are created during resets", reset_while_making },
		{ "fragmented", "memory in more pieces than hosts accept", fragmented },
		{ "older", "a device older than virtio 1", older },
		{ "little-memory", "a host that can hold one picture", little_memory },
		{ "unplug", "the device is unplugged while it is in use", unplug },
		{ "silent-suspend", "suspend while answers are missing", silent_suspend },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
