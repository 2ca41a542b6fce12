/* SPDX-License-Identifier: GPL-2.0 */
/* The ioctls that the fuzzer calls, with their arguments. */
#ifndef IOCTLS_H
#define IOCTLS_H

#include <stdint.h>

#include "values.h"

#define MAX_FIELDS	15

/**
 * struct field - an argument in an ioctl's structure
 * @at: offset in bytes
 * @size: size in bytes
 * @kind: kind of value; KIND_END after the last field
 */
struct field {
	uint8_t at;
	uint8_t size;
	enum kind kind;
};

/**
 * struct result - what an ioctl returns
 * @at: offset in the structure in bytes
 * @size: size in bytes, 0 for none
 * @thing: what it identifies, THINGS for a file descriptor
 */
struct result {
	uint8_t at;
	uint8_t size;
	enum thing thing;
};

/**
 * struct ioctl_op - an ioctl
 * @name: its name
 * @request: its number
 * @weight: how often it is chosen
 * @fields: its arguments
 * @result: what it returns
 * @prepare: changes the structure before the call, or NULL
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
