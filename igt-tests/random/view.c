// SPDX-License-Identifier: GPL-2.0
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/random.h"
#include "random/view.h"

/* Most pictures are small, because each is compared, but large enough for separate damage rectangles. */
#define SMALL_WIDTH	340
#define SMALL_HEIGHT	260
#define LEAST_WIDTH	32
#define LEAST_HEIGHT	32

static uint32_t pattern_seed;
static int vgem_fd = -1;

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
	struct rect rect = { .x = any(w), .y = any(h) };

	rect.w = 1 + any(one_in(8) ? w : 24);
	rect.h = 1 + any(one_in(8) ? h : 24);
	if (rect.x + rect.w > w)
		rect.w = w - rect.x;
	if (rect.y + rect.h > h)
		rect.h = h - rect.y;
	return rect;
}

static void change(struct view *view, struct rect rect)
{
	int i;

	image_pattern(&view->image, ++pattern_seed, rect);
	for (i = 0; i < VIEW_SLOTS; i++)
		view->slots[i].stale = join(view->slots[i].stale, rect);
	if (view->num_rects < VIEW_RECTS)
		view->rects[view->num_rects++] = rect;
	else
		view->num_rects = VIEW_RECTS + 1;
}

void view_change(struct view *view, int count)
{
	while (count--)
		change(view, any_rect(view));
}

static void change_all(struct view *view)
{
	change(view, image_all(&view->image));
	view->num_rects = VIEW_RECTS + 1;
}

static void slot_destroy(struct slot *slot)
{
	kms_destroy(slot->buffer);
	*slot = (struct slot){};
}

static uint32_t any_format(const struct view *view)
{
	return one_in(2) ? DRM_FORMAT_XRGB8888 : view->fourccs[any(view->num_fourccs)];
}

static void slot_create(struct view *view, struct slot *slot)
{
	/* Sometimes the shown part does not start at the buffer's origin. */
	uint32_t width = view->width + view->x, height = view->height + view->y;

	slot->buffer = vgem_fd >= 0 && one_in(5) ?
		       kms_foreign(view->head.fd, vgem_fd, width, height) :
		       kms_buffer(view->head.fd, width, height, any_format(view));
	slot->stale = image_all(&view->image);
}

/* Draws the changes that a buffer lacks, at the position of the shown part. */
static void slot_draw(struct view *view, struct slot *slot)
{
	struct buffer part;

	if (!slot->buffer)
		slot_create(view, slot);
	part = *slot->buffer;
	if (!slot->stale.w)
		return;
	part.map += view->y * part.pitch + view->x * 4;
	kms_draw(&part, &view->image, slot->stale);
	slot->stale = (struct rect){};
}

void view_set_mode(struct view *view)
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

void view_reshape(struct view *view, uint32_t width, uint32_t height)
{
	bool large = one_in(8);
	int i;

	kms_off(&view->head);
	for (i = 0; i < VIEW_SLOTS; i++)
		if (view->slots[i].buffer)
			slot_destroy(&view->slots[i]);
	view->width = width ? width : between(LEAST_WIDTH, large ? VIEW_WIDTH : SMALL_WIDTH);
	view->height = height ? height : between(LEAST_HEIGHT, large ? VIEW_HEIGHT : SMALL_HEIGHT);
	view->x = one_in(3) ? any(40) : 0;
	view->y = one_in(3) ? any(40) : 0;
	view->image.width = view->width;
	view->image.height = view->height;
	change_all(view);
	view->shown = any(VIEW_SLOTS);
	view_set_mode(view);
}

void view_start(struct view *view, int fd, int index, int vgem)
{
	memset(view, 0, sizeof(*view));
	vgem_fd = vgem;
	view->head = kms_head(fd, index);
	view->num_fourccs = kms_formats(&view->head, view->fourccs);
	view->image = image_new(VIEW_WIDTH, VIEW_HEIGHT);
	view_reshape(view, 0, 0);
}

int view_next(struct view *view, bool must_change)
{
	int which = one_in(3) ? (int)any(VIEW_SLOTS) : (view->shown + 1) % 2;

	view->declares_all = one_in(12);
	if (must_change && which == view->shown)
		which = (which + 1) % VIEW_SLOTS;
	return which;
}

void view_request(struct view *view, struct request *request, int which)
{
	struct slot *slot = &view->slots[which];
	struct rect clips[VIEW_RECTS];
	int i, count = view->num_rects;

	slot_draw(view, slot);
	if (!count) {
		/* Damage without a change, because no clips would mean everything. */
		clips[0] = (struct rect){ view->x, view->y, 1, 1 };
		count = 1;
	} else if (count > VIEW_RECTS || view->declares_all) {
		count = 0;
	}
	for (i = 0; i < count && view->num_rects; i++) {
		clips[i] = view->rects[i];
		clips[i].x += view->x;
		clips[i].y += view->y;
	}
	kms_request_flip(request, &view->head, slot->buffer, clips, count);
}

void view_committed(struct view *view, int which)
{
	view->shown = which;
	view->num_rects = 0;
}

void view_dirty(struct view *view)
{
	struct slot *slot = &view->slots[view->shown];
	drmModeClip clips[VIEW_RECTS];
	int i, count = view->num_rects > VIEW_RECTS ? 0 : view->num_rects;

	slot_draw(view, slot);
	for (i = 0; i < count; i++) {
		const struct rect *rect = &view->rects[i];
		uint32_t x = rect->x + view->x, y = rect->y + view->y;

		clips[i] = (drmModeClip){ x, y, x + rect->w, y + rect->h };
	}
	check(!drmModeDirtyFB(view->head.fd, slot->buffer->fb, count ? clips : NULL, count),
	      "dirtyfb: %s", strerror(errno));
	view->num_rects = 0;
}

/* Returns a slot with a buffer that is not shown, or NULL. */
static struct slot *hidden(struct view *view)
{
	int which = any(VIEW_SLOTS);

	return which != view->shown && view->slots[which].buffer ? &view->slots[which] : NULL;
}

void view_scribble(struct view *view)
{
	struct slot *slot = hidden(view);
	struct rect rect = any_rect(view);
	struct buffer part;
	uint32_t y;

	if (!slot)
		return;
	part = *slot->buffer;
	for (y = rect.y; y < rect.y + rect.h; y++)
		memset(part.map + (y + view->y) * part.pitch + (rect.x + view->x) * 4, any(256),
		       rect.w * 4);
	slot->stale = join(slot->stale, rect);
}

void view_destroy_one(struct view *view)
{
	struct slot *slot = hidden(view);

	if (slot)
		slot_destroy(slot);
}

void view_add_fb_again(struct view *view)
{
	struct slot *slot = hidden(view);
	struct buffer *buffer;
	uint32_t handles[4] = {}, pitches[4] = {}, offsets[4] = {};

	if (!slot)
		return;
	buffer = slot->buffer;
	handles[0] = buffer->handle;
	pitches[0] = buffer->pitch;
	if (one_in(2)) {
		buffer->fourcc = any_format(view);
		slot->stale = image_all(&view->image);
	}
	check(!drmModeRmFB(view->head.fd, buffer->fb), "rmfb: %s", strerror(errno));
	check(!drmModeAddFB2(view->head.fd, buffer->width, buffer->height, buffer->fourcc, handles,
			     pitches, offsets, &buffer->fb, 0), "framebuffer: %s", strerror(errno));
}

void view_judge(const struct view *view, int commit)
{
	const struct image *image = &view->image;
	const struct slot *slot = &view->slots[view->shown];

	if (view->num_rects)
		return;
	if (judge_try(image->pixels, (size_t)image->width * image->height * 4, "picture %d %u %u",
		      view->head.index, image->width, image->height))
		return;
	printf("commit %d, head %d: %ux%u at %u,%u of format %.4s differs\n", commit,
	       view->head.index, view->width, view->height, view->x, view->y,
	       (char *)&slot->buffer->fourcc);
	judge_picture(view->head.index, image);
}
