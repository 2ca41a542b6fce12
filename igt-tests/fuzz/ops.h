/* SPDX-License-Identifier: GPL-2.0 */
/* The operations that programs of the ioctl fuzzer are made of. */
#ifndef OPS_H
#define OPS_H

#include <stdint.h>

#include "program.h"

/* Memory of a thread that arguments point to. */
#define SCRATCH_SIZE	16384

/**
 * struct actor - a thread that makes calls
 * @scratch: SCRATCH_SIZE bytes, then a page that cannot be touched
 * @used: bytes of it that hold something of the present call
 * @ioctls: how many it made
 */
struct actor {
	uint8_t *scratch;
	unsigned int used;
	uint64_t ioctls;
};

void actor_init(struct actor *actor);

/* Number of an operation, those that are cheap and lead into the driver more often. */
uint8_t op_any(struct dice *dice);

const char *op_name(uint8_t op);

/* Makes a call. */
void op_run(struct actor *actor, const struct call *call);

#endif
