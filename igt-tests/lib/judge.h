/* SPDX-License-Identifier: GPL-2.0 */
/* The host's judge, see qemu/judge.py. */
#ifndef JUDGE_H
#define JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "image.h"

/* Sends a request, and @size bytes behind it; the subtest fails unless the answer is "ok". */
void judge(const void *data, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, but tells whether the answer was "ok". */
bool judge_try(const void *data, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, but the answer is "ok" and a number, which it returns. */
long judge_number(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Keeps the way to the judge open between requests, while the guest does not sleep. */
void judge_hold(void);
void judge_release(void);

/* Fails unless the host shows exactly @image on a head. */
void judge_picture(int head, const struct image *image);

/* The same, but the host may take some seconds to come to show it. */
void judge_picture_within(int head, const struct image *image, double seconds);

/* Fails unless the host's cursor on a head has exactly this 64x64 image and hotspot. */
void judge_cursor(int head, const struct image *image, int hot_x, int hot_y);

#endif
