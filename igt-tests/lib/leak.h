/* SPDX-License-Identifier: GPL-2.0 */
/* Detects kernel memory that is lost when an operation is repeated. */
#ifndef LEAK_H
#define LEAK_H

#include <stdbool.h>

/* Takes a sample of the kernel's memory after @turns turns; at most LEAK_SAMPLES times. */
void leak_sample(int turns);

#define LEAK_SAMPLES	15

/* Deletes all samples. */
void leak_start(void);

/*
 * Returns whether more samples are needed: there are too few, or memory seems to be lost. The memory of
 * an idle guest varies, but only a leak continues until the last sample.
 */
bool leak_is_open(void);

/*
 * Fails if memory, objects or mappings are lost with every turn between the first and the last
 * sample.
 */
void leak_check(void);

#endif
