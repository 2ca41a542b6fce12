// SPDX-License-Identifier: GPL-2.0
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/random.h"
#include "random/pointer.h"

#define SIZE	64

static uint32_t pattern_seed = 1 << 20;

void pointer_start(struct pointer *pointer, const struct head *head)
{
	int i;

	*pointer = (struct pointer){ .head = head, .image = image_new(SIZE, SIZE) };
	/* A CRTC keeps the position of its last cursor. */
	check(!drmModeMoveCursor(head->fd, head->crtc, 0, 0), "move cursor: %s", strerror(errno));
	for (i = 0; i < 2; i++)
		pointer->buffers[i] = kms_buffer(head->fd, SIZE, SIZE, DRM_FORMAT_ARGB8888);
}

/* Draws pixels that are opaque, or transparent and black because colours are premultiplied. */
static void draw(struct pointer *pointer)
{
	uint32_t i;

	image_pattern(&pointer->image, ++pattern_seed, image_all(&pointer->image));
	for (i = 0; i < SIZE * SIZE; i++)
		pointer->image.pixels[i] = i % 3 ? pointer->image.pixels[i] | 0xff000000 : 0;
	kms_draw(pointer->buffers[pointer->current], &pointer->image, image_all(&pointer->image));
}

static void show(struct pointer *pointer)
{
	check(!drmModeSetCursor2(pointer->head->fd, pointer->head->crtc,
				 pointer->buffers[pointer->current]->handle, SIZE, SIZE,
				 pointer->hot_x, pointer->hot_y), "set cursor: %s", strerror(errno));
	pointer->is_shown = true;
}

static void move(struct pointer *pointer)
{
	int times = one_in(4) ? 1 + any(50) : 1;

	while (times--) {
		pointer->x = (int)any(600) - 70;
		pointer->y = (int)any(400) - 70;
		check(!drmModeMoveCursor(pointer->head->fd, pointer->head->crtc, pointer->x,
					 pointer->y), "move cursor: %s", strerror(errno));
	}
}

void pointer_change(struct pointer *pointer)
{
	switch (pointer->is_shown ? any(8) : 0) {
	case 0:
		pointer->current = any(2);
		draw(pointer);
		show(pointer);
		break;
	case 1:
		pointer->hot_x = any(SIZE);
		pointer->hot_y = any(SIZE);
		show(pointer);
		break;
	case 2:
		check(!drmModeSetCursor(pointer->head->fd, pointer->head->crtc, 0, 0, 0),
		      "hide cursor: %s", strerror(errno));
		pointer->is_shown = false;
		break;
	default:
		move(pointer);
	}
}

void pointer_lost(struct pointer *pointer)
{
	pointer->is_shown = false;
}

void pointer_judge(const struct pointer *pointer, int commit)
{
	int head = pointer->head->index;

	/* The fake device does not show cursors. */
	if (getenv("VIRTGPU_FAKE"))
		return;
	if (!pointer->is_shown) {
		judge(NULL, 0, "cursor-off %d", head);
		return;
	}
	if (!judge_try(NULL, 0, "cursor-at %d %d %d", head, pointer->x, pointer->y))
		printf("commit %d: the cursor on head %d is not at %d,%d\n", commit, head,
		       pointer->x, pointer->y);
	judge(NULL, 0, "cursor-at %d %d %d", head, pointer->x, pointer->y);
	judge_cursor(head, &pointer->image, pointer->hot_x, pointer->hot_y);
}
