/* SPDX-License-Identifier: GPL-2.0 */
/* Requests to the host's judge, see qemu/host/hostjudge.py. */
#ifndef JUDGE_H
#define JUDGE_H

#include <stdbool.h>
#include <stddef.h>

#include "image.h"

/* Sends a request, followed by @size bytes; the subtest fails unless the answer is "ok". */
void judge(const void *data, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Sends a request and returns whether the answer is "ok". */
bool judge_try(const void *data, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Sends a request and returns the number in the answer "ok NUMBER". */
long judge_number(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Keeps the port open between requests; the guest must not suspend meanwhile. */
void judge_hold(void);
void judge_release(void);

/* Fails unless a head shows exactly @image on the host. */
void judge_picture(int head, const struct image *image);

/* Fails unless a head shows exactly @image on the host within some seconds. */
void judge_picture_within(int head, const struct image *image, double seconds);

/* Fails unless the cursor of a head has exactly this 64x64 image and hotspot on the host. */
void judge_cursor(int head, const struct image *image, int hot_x, int hot_y);

#endif
