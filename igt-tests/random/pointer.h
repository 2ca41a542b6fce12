/* SPDX-License-Identifier: GPL-2.0 */
/* A model of a head's cursor. */
#ifndef POINTER_H
#define POINTER_H

#include "lib/kms.h"

/**
 * struct pointer - the cursor that a head has to show
 * @head: the head
 * @buffers: images take turns in them
 * @current: which holds the image
 * @image: the image
 * @is_shown: false when there has to be no cursor
 * @hot_x: of the hotspot
 * @hot_y: of the hotspot
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

/* Another image, hotspot or place, or none any more. */
void pointer_change(struct pointer *pointer);

/* Somebody else took it away. */
void pointer_lost(struct pointer *pointer);

/* Fails unless the host shows it so. */
void pointer_judge(const struct pointer *pointer, int commit);

#endif
