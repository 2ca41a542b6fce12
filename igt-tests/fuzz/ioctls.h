/* SPDX-License-Identifier: GPL-2.0 */
/* The ioctls that the fuzzer calls, argument by argument. */
#ifndef IOCTLS_H
#define IOCTLS_H

#include <stdint.h>

#include "values.h"

#define MAX_FIELDS	15

/**
 * struct field - an argument in an ioctl's structure
 * @at: bytes from its start
 * @size: bytes
 * @kind: what it means; KIND_END after the last
 */
struct field {
	uint8_t at;
	uint8_t size;
	enum kind kind;
};

/**
 * struct result - what an ioctl hands out
 * @at: bytes from the structure's start
 * @size: bytes, 0 for none
 * @thing: what it names, THINGS for a descriptor
 */
struct result {
	uint8_t at;
	uint8_t size;
	enum thing thing;
};

/**
 * struct ioctl_op - an ioctl
 * @name: of it
 * @request: its number
 * @weight: how often it is chosen
 * @fields: its arguments
 * @result: what it hands out
 * @prepare: changes the filled structure before the call, or NULL
 */
struct ioctl_op {
	const char *name;
	unsigned long request;
	unsigned int weight;
	struct field fields[MAX_FIELDS];
	struct result result;
	void (*prepare)(struct actor *actor, const struct drm_file_slot *file,
			const struct call *call, void *args);
};

extern const struct ioctl_op ioctl_ops[];
extern const unsigned int num_ioctl_ops;

#endif
