/* SPDX-License-Identifier: GPL-2.0 */
/* A model of a head's cursor. */
#ifndef POINTER_H
#define POINTER_H

#include "lib/kms.h"

/**
 * struct pointer - the expected cursor of a head
 * @head: the head
 * @buffers: buffers for images, which take turns
 * @current: index of the buffer with the image
 * @image: the image
 * @is_shown: false if there must be no cursor
 * @hot_x: column of the hotspot
 * @hot_y: row of the hotspot
 * @x: column
 * @y: row
 */
struct pointer {
	const struct head *head;
	struct buffer *buffers[2];
	int current;
	struct image image;
	bool is_shown;
	int hot_x, hot_y;
	int x, y;
};

/* Starts without a cursor. */
void pointer_start(struct pointer *pointer, const struct head *head);

/* Changes the image, hotspot or position, or hides the cursor. */
void pointer_change(struct pointer *pointer);

/* Tells the model that another program has hidden the cursor. */
void pointer_lost(struct pointer *pointer);

/* Fails unless the host shows the expected cursor. */
void pointer_judge(const struct pointer *pointer, int commit);

#endif
