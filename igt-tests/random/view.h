/* SPDX-License-Identifier: GPL-2.0 */
/* A model of a head: what it has to show, and what each of its buffers holds. */
#ifndef VIEW_H
#define VIEW_H

#include "lib/kms.h"

#define VIEW_SLOTS	5
#define VIEW_RECTS	100
/* The largest picture. */
#define VIEW_WIDTH	1400
#define VIEW_HEIGHT	900

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
 * @fourccs: the formats that it can show
 * @num_fourccs: how many
 * @image: what it has to show
 * @width: of the mode, pixels
 * @height: of the mode, pixels
 * @x: of the buffers, the first column shown
 * @y: of the buffers, the first row shown
 * @slots: the buffers
 * @shown: which of them is shown
 * @rects: what changed since the last commit, in the picture
 * @num_rects: how many, VIEW_RECTS + 1 for everything
 * @declares_all: whether the next commit has no damage clips, which means everything
 */
struct view {
	struct head head;
	uint32_t fourccs[KMS_MAX_FORMATS];
	int num_fourccs;
	struct image image;
	uint32_t width, height;
	uint32_t x, y;
	struct slot slots[VIEW_SLOTS];
	int shown;
	struct rect rects[VIEW_RECTS];
	int num_rects;
	bool declares_all;
};

/* Starts with a head of any shape. @vgem is a device whose buffers are imported, or -1. */
void view_start(struct view *view, int fd, int index, int vgem);

/* Parts of the picture change; every buffer is behind by them. */
void view_change(struct view *view, int count);

/* Another mode, another place in the buffers: all of them are made anew. Any size for 0, 0. */
void view_reshape(struct view *view, uint32_t width, uint32_t height);

/* Sets the mode again, which declares no damage. */
void view_set_mode(struct view *view);

/*
 * Which buffer to show next; never the one that is shown if @must_change. All that is random about a
 * commit is drawn here, because a commit that is tried twice must not change what comes later.
 */
int view_next(struct view *view, bool must_change);

/* Brings a buffer up to date and adds it to a commit, with the damage or with none. */
void view_request(struct view *view, struct request *request, int which);

/* That commit was accepted. */
void view_committed(struct view *view, int which);

/* Declares the damage of the buffer that is shown in the legacy way. */
void view_dirty(struct view *view);

/* A buffer that nobody sees gets wrong pixels. */
void view_scribble(struct view *view);

/* A buffer that nobody sees is destroyed. */
void view_destroy_one(struct view *view);

/* A buffer that nobody sees gets another framebuffer, now and then of another format. */
void view_add_fb_again(struct view *view);

/* Fails unless the host shows the picture, if all of it was committed. */
void view_judge(const struct view *view, int commit);

#endif
