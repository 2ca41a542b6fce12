// SPDX-License-Identifier: GPL-2.0
/*
 * What the kernel does for a frame, a cursor, a buffer: each scenario's steps are marked for
 * qemu/counter.c. Prints the scenarios' names in the order in which they ran.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench/mark.h"
#include "lib/harness.h"
#include "lib/kms.h"
#include "lib/module.h"

#define STEPS		60
#define RELOADS		6
#define CURSOR_SIZE	64
/* Long enough for the host's answers, which belong to the step. */
#define SETTLE_US	20000

static struct head head;
static struct buffer *frames[2], *cursors[2];
/* Looked up once, as a compositor does. */
static uint32_t prop_fb, prop_clips;

static void wait_flip(void)
{
	drmEventContext context = { .version = 2 };

	check(!drmHandleEvent(head.fd, &context), "%s", strerror(errno));
}

static void flip(int step)
{
	check(!drmModePageFlip(head.fd, head.crtc, frames[step % 2]->fb, DRM_MODE_PAGE_FLIP_EVENT,
			       NULL), "%s", strerror(errno));
	wait_flip();
}

static void flip_clip(int step)
{
	int x = 16 * (step % 40), y = 16 * (step % 30);
	struct drm_mode_rect clip = { x, y, x + 16, y + 16 };
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	uint32_t blob;

	check(!drmModeCreatePropertyBlob(head.fd, &clip, sizeof(clip), &blob), "%s",
	      strerror(errno));
	drmModeAtomicAddProperty(request, head.primary, prop_fb, frames[step % 2]->fb);
	drmModeAtomicAddProperty(request, head.primary, prop_clips, blob);
	check(!drmModeAtomicCommit(head.fd, request, DRM_MODE_PAGE_FLIP_EVENT |
				   DRM_MODE_ATOMIC_NONBLOCK, NULL), "%s", strerror(errno));
	drmModeAtomicFree(request);
	wait_flip();
	drmModeDestroyPropertyBlob(head.fd, blob);
}

static void cursor_move(int step)
{
	check(!drmModeMoveCursor(head.fd, head.crtc, step, step), "%s", strerror(errno));
	usleep(SETTLE_US);
}

static void cursor_image(int step)
{
	check(!drmModeSetCursor2(head.fd, head.crtc, cursors[step % 2]->handle, CURSOR_SIZE,
				 CURSOR_SIZE, 0, 0), "%s", strerror(errno));
	usleep(SETTLE_US);
}

static void nothing(int step)
{
	(void)step;
	usleep(SETTLE_US);
}

static void scenario(const char *name, void (*run)(int step), int steps)
{
	int i;

	printf("scenario %s\n", name);
	run(0);
	run(1);
	mark(MARK_SCENARIO);
	mark(MARK_STEP);
	for (i = 0; i < steps; i++) {
		run(i);
		mark(MARK_STEP);
	}
}

static void kms(void)
{
	drmModeModeInfo mode;
	int i;

	head = kms_head(kms_open(), 0);
	mode = kms_preferred(&head);
	for (i = 0; i < 2; i++) {
		frames[i] = kms_buffer(head.fd, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888);
		memset(frames[i]->map, 0x40 * i, frames[i]->size);
		cursors[i] = kms_buffer(head.fd, CURSOR_SIZE, CURSOR_SIZE, DRM_FORMAT_ARGB8888);
		memset(cursors[i]->map, 0x80 + i, cursors[i]->size);
	}
	kms_set_mode(&head, &mode, frames[0]);
	prop_fb = kms_prop(head.fd, head.primary, "FB_ID");
	prop_clips = kms_prop(head.fd, head.primary, "FB_DAMAGE_CLIPS");

	scenario("nothing", nothing, STEPS);
	scenario("flip", flip, STEPS);
	scenario("flip-clip", flip_clip, STEPS);
	scenario("cursor-image", cursor_image, STEPS);
	scenario("cursor-move", cursor_move, STEPS);
}

static void load(void)
{
	int i;

	printf("scenario load\n");
	mark(MARK_SCENARIO);
	for (i = 0; i < RELOADS; i++) {
		module_unload();
		shell("udevadm settle");
		mark(MARK_STEP);
		module_load();
		mark(MARK_STEP);
	}
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "kms", "frames and cursors", kms },
		{ "load", "loading the module", load },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
