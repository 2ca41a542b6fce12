/* SPDX-License-Identifier: GPL-2.0 */
/* The operations of programs of the ioctl fuzzer. */
#ifndef OPS_H
#define OPS_H

#include <stdint.h>

#include "program.h"

/* The memory of a thread for data that arguments point to. */
#define SCRATCH_SIZE	16384

/**
 * struct actor - a thread that makes calls
 * @scratch: SCRATCH_SIZE bytes, then an inaccessible page
 * @used: bytes of it that the current call uses
 * @ioctls: number of ioctls so far
 */
struct actor {
	uint8_t *scratch;
	unsigned int used;
	uint64_t ioctls;
};

void actor_init(struct actor *actor);

/* Returns a random operation; cheap ones that reach the driver are more frequent. */
uint8_t op_any(struct dice *dice);

const char *op_name(uint8_t op);

/* Carries out a call. */
void op_run(struct actor *actor, const struct call *call);

#endif
