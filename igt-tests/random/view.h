/* SPDX-License-Identifier: GPL-2.0 */
/* A model of a head: the expected picture, and the content of each buffer. */
#ifndef VIEW_H
#define VIEW_H

#include "lib/kms.h"

#define VIEW_SLOTS	5
#define VIEW_RECTS	100
/* The largest picture. */
#define VIEW_WIDTH	1400
#define VIEW_HEIGHT	900

/**
 * struct slot - a buffer, and what it lacks of the picture
 * @buffer: NULL if there is none
 * @stale: the rectangle in which it may differ from the picture
 */
struct slot {
	struct buffer *buffer;
	struct rect stale;
};

/**
 * struct view - a head, its picture and its buffers
 * @head: the head
 * @fourccs: the supported formats
 * @num_fourccs: the number of formats
 * @image: the expected picture
 * @width: width of the mode in pixels
 * @height: height of the mode in pixels
 * @x: first column of the buffers that is shown
 * @y: first row of the buffers that is shown
 * @slots: the buffers
 * @shown: index of the buffer that is shown
 * @rects: changes of the picture since the last commit
 * @num_rects: the number of changes, VIEW_RECTS + 1 for everything
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

/* Starts with a random shape. @vgem is a device whose buffers are imported, or -1. */
void view_start(struct view *view, int fd, int index, int vgem);

/* Changes parts of the picture; all buffers then lack these changes. */
void view_change(struct view *view, int count);

/* Sets another mode and position, with new buffers. A size of 0, 0 means a random one. */
void view_reshape(struct view *view, uint32_t width, uint32_t height);

/* Sets the mode again, without damage clips. */
void view_set_mode(struct view *view);

/*
 * Returns the buffer to show next; never the current one if @must_change. All random choices for a
 * commit are made here, so that repeating a commit does not change later ones.
 */
int view_next(struct view *view, bool must_change);

/* Updates a buffer and adds it to a commit, with or without damage clips. */
void view_request(struct view *view, struct request *request, int which);

/* Tells the model that the commit was accepted. */
void view_committed(struct view *view, int which);

/* Updates the shown buffer, with damage by DIRTYFB. */
void view_dirty(struct view *view);

/* Draws wrong pixels into a hidden buffer. */
void view_scribble(struct view *view);

/* Destroys a hidden buffer. */
void view_destroy_one(struct view *view);

/* Replaces the framebuffer of a hidden buffer, sometimes with another format. */
void view_add_fb_again(struct view *view);

/* Fails unless the host shows the picture; does nothing if there are uncommitted changes. */
void view_judge(const struct view *view, int commit);

#endif
