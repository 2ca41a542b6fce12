// SPDX-License-Identifier: GPL-2.0
/*
 * Random frames: what a compositor may do with buffers, damage, heads and modes in any order. After
 * every commit the host has to show what the test means to show, pixel for pixel. A seed gives the
 * same run again: VIRTGPU_SEED=N.
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

#define QUICK		500
#define LONG		10000
#define MAX_HEADS	2
#define MAX_SLOTS	5
#define MAX_RECTS	24
/* Wide enough for damage that is not joined, small enough to be judged thousands of times. */
#define WIDTH		320
#define HEIGHT		240

/**
 * struct slot - a buffer, and how far it is behind the picture
 * @buffer: NULL when there is none
 * @stale: it may differ from the picture within this rectangle
 */
struct slot {
	struct buffer *buffer;
	struct rect stale;
};

/**
 * struct view - a head, its picture and its buffers
 * @head: the head
 * @image: what it is to show
 * @width: of the mode, pixels
 * @height: of the mode, pixels
 * @x: of the buffers, the first column shown
 * @y: of the buffers, the first row shown
 * @slots: the buffers
 * @shown: which of them is
 * @rects: what changed since the last commit, in the picture
 * @num_rects: how many, MAX_RECTS + 1 for everything
 */
struct view {
	struct head head;
	struct image image;
	uint32_t width, height;
	uint32_t x, y;
	struct slot slots[MAX_SLOTS];
	int shown;
	struct rect rects[MAX_RECTS];
	int num_rects;
};

static struct view views[MAX_HEADS];
static int num_views, drm_fd, vgem_fd = -1;
static uint32_t seed, pattern_seed;
static bool sleeps;

/* A number below @limit. */
static uint32_t any(uint32_t limit)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint64_t)(seed >> 8) * limit >> 24;
}

static bool one_in(uint32_t count)
{
	return !any(count);
}

static struct rect join(struct rect a, struct rect b)
{
	uint32_t x = a.x < b.x ? a.x : b.x, y = a.y < b.y ? a.y : b.y;
	uint32_t right = a.x + a.w > b.x + b.w ? a.x + a.w : b.x + b.w;
	uint32_t bottom = a.y + a.h > b.y + b.h ? a.y + a.h : b.y + b.h;

	if (!a.w)
		return b;
	return b.w ? (struct rect){ x, y, right - x, bottom - y } : a;
}

static struct rect any_rect(const struct view *view)
{
	uint32_t w = view->width, h = view->height;
	struct rect rect = { any(w), any(h), 1 + any(one_in(8) ? w : 24), 1 + any(one_in(8) ? h : 24) };

	if (rect.x + rect.w > w)
		rect.w = w - rect.x;
	if (rect.y + rect.h > h)
		rect.h = h - rect.y;
	return rect;
}

/* A part of the picture changes; every buffer is behind by that. */
static void change(struct view *view, struct rect rect)
{
	int i;

	image_pattern(&view->image, ++pattern_seed, rect);
	for (i = 0; i < MAX_SLOTS; i++)
		view->slots[i].stale = join(view->slots[i].stale, rect);
	if (view->num_rects < MAX_RECTS)
		view->rects[view->num_rects++] = rect;
	else
		view->num_rects = MAX_RECTS + 1;
}

static void change_all(struct view *view)
{
	change(view, image_all(&view->image));
	view->num_rects = MAX_RECTS + 1;
}

static void slot_destroy(struct slot *slot)
{
	kms_destroy(slot->buffer);
	*slot = (struct slot){};
}

static void slot_create(struct view *view, struct slot *slot)
{
	static const uint32_t fourccs[] = { DRM_FORMAT_XRGB8888, DRM_FORMAT_XRGB8888,
					    DRM_FORMAT_XRGB8888, DRM_FORMAT_XBGR8888 };
	/* Now and then with room before what is shown. */
	uint32_t width = view->width + view->x, height = view->height + view->y;
	uint32_t fourcc = fourccs[any(4)];

	slot->buffer = vgem_fd >= 0 && one_in(5) ? kms_foreign(drm_fd, vgem_fd, width, height) :
						   kms_buffer(drm_fd, width, height, fourcc);
	slot->stale = image_all(&view->image);
}

/* Draws what a buffer is behind by, with the picture at @view's place in it. */
static void slot_draw(struct view *view, struct slot *slot)
{
	struct buffer part = *slot->buffer;

	if (!slot->stale.w)
		return;
	part.map += view->y * part.pitch + view->x * 4;
	kms_draw(&part, &view->image, slot->stale);
	slot->stale = (struct rect){};
}

/* Shows a buffer by setting the mode, which declares no damage. */
static void view_mode(struct view *view)
{
	struct slot *slot = &view->slots[view->shown];
	uint32_t w = view->width, h = view->height;
	drmModeModeInfo mode = {
		.hdisplay = w, .hsync_start = w + 8, .hsync_end = w + 24, .htotal = w + 80,
		.vdisplay = h, .vsync_start = h + 3, .vsync_end = h + 9, .vtotal = h + 20,
		.vrefresh = 200,
	};

	mode.clock = mode.htotal * mode.vtotal * mode.vrefresh / 1000;
	snprintf(mode.name, sizeof(mode.name), "%ux%u", w, h);
	view->head.x = view->x;
	view->head.y = view->y;
	slot_draw(view, slot);
	kms_set_mode(&view->head, &mode, slot->buffer);
	view->num_rects = 0;
}

/* Another mode, another place in the buffers: all of them are made anew. */
static void new_shape(struct view *view)
{
	int i;

	kms_off(&view->head);
	for (i = 0; i < MAX_SLOTS; i++)
		if (view->slots[i].buffer)
			slot_destroy(&view->slots[i]);
	view->width = WIDTH - 32 * any(3);
	view->height = HEIGHT - 16 * any(3);
	view->x = one_in(3) ? any(40) : 0;
	view->y = one_in(3) ? any(40) : 0;
	view->image.width = view->width;
	view->image.height = view->height;
	change_all(view);
	view->shown = any(MAX_SLOTS);
	slot_create(view, &view->slots[view->shown]);
	view_mode(view);
}

/* Shows a buffer with exactly the damage there is, or with none declared. */
static void show(struct view *view, int which)
{
	struct slot *slot = &view->slots[which];
	struct rect clips[MAX_RECTS];
	int i;

	if (!slot->buffer)
		slot_create(view, slot);
	slot_draw(view, slot);
	for (i = 0; i < view->num_rects && i < MAX_RECTS; i++) {
		clips[i] = view->rects[i];
		clips[i].x += view->x;
		clips[i].y += view->y;
	}
	if (!view->num_rects) {
		/* Damage that is none: a pixel that stays. */
		clips[0] = (struct rect){ view->x, view->y, 1, 1 };
		view->num_rects = 1;
	}
	kms_flip(&view->head, slot->buffer, clips,
		 view->num_rects > MAX_RECTS || one_in(12) ? 0 : view->num_rects);
	view->shown = which;
	view->num_rects = 0;
}

/* The legacy way, on the buffer that is shown. */
static void dirty(struct view *view)
{
	struct slot *slot = &view->slots[view->shown];
	drmModeClip clips[MAX_RECTS];
	int i;

	if (!view->num_rects || view->num_rects > MAX_RECTS) {
		show(view, view->shown);
		return;
	}
	slot_draw(view, slot);
	for (i = 0; i < view->num_rects; i++) {
		const struct rect *rect = &view->rects[i];
		uint32_t x = rect->x + view->x, y = rect->y + view->y;

		clips[i] = (drmModeClip){ x, y, x + rect->w, y + rect->h };
	}
	check(!drmModeDirtyFB(drm_fd, slot->buffer->fb, clips, view->num_rects), "dirtyfb: %s",
	      strerror(errno));
	view->num_rects = 0;
}

/* Buffers that nobody sees may hold anything in between. */
static void scribble(struct view *view)
{
	int which = any(MAX_SLOTS);
	struct slot *slot = &view->slots[which];
	struct rect rect = any_rect(view);
	struct buffer part;
	uint32_t y;

	if (which == view->shown || !slot->buffer)
		return;
	part = *slot->buffer;
	for (y = rect.y; y < rect.y + rect.h; y++)
		memset(part.map + (y + view->y) * part.pitch + (rect.x + view->x) * 4, any(256),
		       rect.w * 4);
	slot->stale = join(slot->stale, rect);
}

static void destroy_one(struct view *view)
{
	int which = any(MAX_SLOTS);

	if (which != view->shown && view->slots[which].buffer)
		slot_destroy(&view->slots[which]);
}

/* Another framebuffer over the same memory. */
static void add_fb_again(struct view *view)
{
	struct slot *slot = &view->slots[any(MAX_SLOTS)];
	struct buffer *buffer = slot->buffer;
	uint32_t handles[4] = {}, pitches[4] = {}, offsets[4] = {};

	if (!buffer || slot == &view->slots[view->shown])
		return;
	handles[0] = buffer->handle;
	pitches[0] = buffer->pitch;
	drmModeRmFB(drm_fd, buffer->fb);
	check(!drmModeAddFB2(drm_fd, buffer->width, buffer->height, buffer->fourcc, handles, pitches,
			     offsets, &buffer->fb, 0), "framebuffer: %s", strerror(errno));
}

/* The console has the screen for a moment, then we have it again. */
static void console(void)
{
	int i;

	check(!drmDropMaster(drm_fd), "drop master: %s", strerror(errno));
	shell("chvt 2; echo a line on the console >/dev/tty2; chvt 1");
	usleep(100000);
	check(!drmSetMaster(drm_fd), "set master: %s", strerror(errno));
	for (i = 0; i < num_views; i++)
		view_mode(&views[i]);
}

/* The device sleeps, and has forgotten everything when it wakes up. */
static void sleep_a_moment(void)
{
	write_file("/sys/power/pm_test", "devices");
	write_file("/sys/power/state", "freeze");
	write_file("/sys/power/pm_test", "none");
}

/* All heads whose picture has been committed. */
static void judge_all(int commit)
{
	int i;

	for (i = 0; i < num_views; i++) {
		const struct image *image = &views[i].image;

		if (views[i].num_rects)
			continue;
		if (judge_try(image->pixels, (size_t)image->width * image->height * 4,
			      "picture %d %u %u", views[i].head.index, image->width, image->height))
			continue;
		printf("commit %d, head %d: differs\n", commit, views[i].head.index);
		judge_picture(views[i].head.index, image);
	}
}

static void commit_one(int commit)
{
	struct view *view = &views[any(num_views)];
	int i, changes = one_in(4) ? any(MAX_RECTS) : any(4);

	for (i = 0; i < changes; i++)
		change(view, any_rect(view));
	if (one_in(6))
		scribble(view);
	/* Frames that are drawn and never shown. */
	if (one_in(10))
		return;
	if (one_in(12))
		destroy_one(view);
	if (one_in(12))
		add_fb_again(view);

	if (one_in(60))
		new_shape(view);
	else if (one_in(400))
		console();
	else if (sleeps && one_in(800))
		sleep_a_moment();
	else if (one_in(40))
		view_mode(view);
	else if (one_in(5))
		dirty(view);
	else
		show(view, one_in(3) ? (int)any(MAX_SLOTS) : (view->shown + 1) % 2);
	judge_all(commit);
}

static void close_vgem(void *data)
{
	(void)data;
	if (vgem_fd >= 0)
		close(vgem_fd);
	vgem_fd = -1;
}

static void run(int commits)
{
	const char *given = getenv("VIRTGPU_SEED");
	int i;

	seed = given ? strtoul(given, NULL, 0) : 1;
	printf("VIRTGPU_SEED=%u\n", seed);
	drm_fd = kms_open();
	vgem_fd = drmOpenWithType("vgem", NULL, DRM_NODE_PRIMARY);
	at_end(close_vgem, NULL);
	for (num_views = 0; num_views < MAX_HEADS; num_views++) {
		struct view *view = &views[num_views];

		if (num_views && !kms_has_head(drm_fd, num_views))
			break;
		memset(view, 0, sizeof(*view));
		view->head = kms_head(drm_fd, num_views);
		view->image = image_new(WIDTH, HEIGHT);
		new_shape(view);
	}
	judge_all(-1);
	for (i = 0; i < commits; i++)
		commit_one(i);
}

static void quick(void)
{
	sleeps = false;
	run(QUICK);
}

static void many(void)
{
	sleeps = true;
	run(LONG);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "quick", "some hundred commits", quick },
		{ "many", "ten thousand commits, and the device asleep in between", many },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
