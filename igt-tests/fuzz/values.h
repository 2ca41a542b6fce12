/* SPDX-License-Identifier: GPL-2.0 */
/* Turns the words of a call into values for its arguments. */
#ifndef VALUES_H
#define VALUES_H

#include <stdint.h>

#include "ops.h"
#include "world.h"

/* The kind of an argument. The corpus contains only words, so kinds may change. */
enum kind {
	KIND_END,
	/* Objects of a file. */
	KIND_BO, KIND_SYNCOBJ, KIND_FB, KIND_BLOB_ID, KIND_OFFSET,
	/* File descriptors of the process. */
	KIND_FD,
	/* Objects of the display. */
	KIND_CRTC, KIND_CONNECTOR, KIND_PLANE, KIND_PROPERTY, KIND_OBJECT, KIND_OBJECT_TYPE,
	/* Numbers. */
	KIND_SMALL, KIND_LENGTH, KIND_BYTES, KIND_POINT, KIND_COUNT, KIND_ZERO, KIND_FIXED_POINT,
	KIND_BITS, KIND_TIMEOUT,
	/* Values of the driver's uapi. */
	KIND_PARAM, KIND_TARGET, KIND_FORMAT, KIND_BIND, KIND_BLOB_MEM, KIND_CAPSET,
	KIND_EXEC_FLAGS, KIND_STRIDE_OF_SYNCOBJS,
	/* Values of DRM's uapi. */
	KIND_BPP, KIND_FOURCC, KIND_CURSOR_FLAGS, KIND_FLIP_FLAGS, KIND_ATOMIC_FLAGS,
	KIND_CLIENT_CAP,
	/* Addresses. */
	KIND_TO_OUTPUT, KIND_TO_STREAM, KIND_TO_BOS, KIND_TO_SYNCOBJS, KIND_TO_EXEC_SYNCOBJS,
	KIND_TO_CONTEXT_PARAMS, KIND_TO_CLIPS, KIND_TO_NUMBERS, KIND_TO_MODE, KIND_TO_CONNECTORS,
	KIND_TO_TEXT,
};

/* Returns the value of an argument, usually a valid one. */
uint64_t value_of(struct actor *actor, const struct drm_file_slot *file, enum kind kind,
		  uint16_t word);

/* Returns memory for data that an argument points to. */
void *scratch(struct actor *actor, unsigned int size);

#endif
