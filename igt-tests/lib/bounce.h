/* SPDX-License-Identifier: GPL-2.0 */
/* What the CPU copies to and from bounce buffers, counted by kernel/bouncecount.c. */
#ifndef BOUNCE_H
#define BOUNCE_H

#include <stdbool.h>

/* Counts until the subtest's end. */
void bounce_start(void);

/* Whether somebody does. */
bool bounce_is_counted(void);

/* Bytes so far, both ways. */
long bounce_bytes(void);

#endif
