/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel loses when something is done again and again. */
#ifndef LEAK_H
#define LEAK_H

#include <stdbool.h>

/* Looks at the kernel's memory after so many turns; at most LEAK_SAMPLES times. */
void leak_sample(int turns);

#define LEAK_SAMPLES	15

/* Forgets all samples. */
void leak_start(void);

/*
 * Whether more samples are needed: until there are a few, and then as long as memory seems to be lost.
 * What an idle guest needs goes up and down, but only a leak goes on to the last sample.
 */
bool leak_is_open(void);

/*
 * Fails if memory, objects or mappings are lost with every turn between the first and the last
 * sample.
 */
void leak_check(void);

#endif
