// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "harness.h"
#include "random.h"

static uint64_t state;

void random_start(const char *except)
{
	const char *given = getenv("VIRTGPU_SEED");
	uint32_t seed;
	char *end;

	if (given && *given) {
		errno = 0;
		seed = strtoul(given, &end, 0);
		check(!*end && !errno, "VIRTGPU_SEED=%s is not a number", given);
	} else {
		check(getrandom(&seed, sizeof(seed), 0) == sizeof(seed), "getrandom: %s",
		      strerror(errno));
	}
	printf("seed %u, replay with VIRTGPU_SEED=%u\n", seed, seed);
	if (except)
		printf("a replay does not repeat %s\n", except);
	state = seed;
}

/* A counter with mixed bits, so that neighbouring seeds give unrelated sequences. */
static uint32_t next(void)
{
	uint64_t mixed = state += 0x9e3779b97f4a7c15;

	mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
	mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
	return mixed >> 32;
}

uint32_t any(uint32_t limit)
{
	return (uint64_t)next() * limit >> 32;
}

bool one_in(uint32_t count)
{
	return !any(count);
}

uint32_t between(uint32_t least, uint32_t most)
{
	return least + any(most - least + 1);
}
