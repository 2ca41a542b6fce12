/* SPDX-License-Identifier: GPL-2.0 */
/* Random numbers, reproducible by their seed. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/**
 * random_start - choose a seed and print it
 * @except: what a replay does not repeat, or NULL if it repeats everything
 *
 * The seed is VIRTGPU_SEED of the environment, or a random number.
 */
void random_start(const char *except);

/* Returns a number below @limit, which must not be 0. */
uint32_t any(uint32_t limit);

/* Returns true in one of @count cases. */
bool one_in(uint32_t count);

/* Returns a number from @least to @most. */
uint32_t between(uint32_t least, uint32_t most);

#endif
