/* SPDX-License-Identifier: GPL-2.0 */
/* Counts the bytes that the CPU copies to and from bounce buffers; needs kernel/bouncecount.c. */
#ifndef BOUNCE_H
#define BOUNCE_H

#include <stdbool.h>

/* Counts from now on until the end of the subtest. */
void bounce_start(void);

/* Returns whether bouncecount.ko is loaded and counts. */
bool bounce_is_counted(void);

/* Returns the bytes copied so far, in both directions. */
long bounce_bytes(void);

#endif
