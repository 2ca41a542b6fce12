/* SPDX-License-Identifier: GPL-2.0 */
/* What a word of a call stands for as an argument of some kind. */
#ifndef VALUES_H
#define VALUES_H

#include <stdint.h>

#include "ops.h"
#include "world.h"

/* What kind of argument it is; in the corpus' format only words are, so that kinds may change. */
enum kind {
	KIND_END,
	/* Of a file. */
	KIND_BO, KIND_SYNCOBJ, KIND_FB, KIND_BLOB_ID, KIND_OFFSET,
	/* Of the process. */
	KIND_FD,
	/* Of the display. */
	KIND_CRTC, KIND_CONNECTOR, KIND_PLANE, KIND_PROPERTY, KIND_OBJECT, KIND_OBJECT_TYPE,
	/* Numbers. */
	KIND_SMALL, KIND_LENGTH, KIND_BYTES, KIND_POINT, KIND_COUNT, KIND_ZERO, KIND_FIXED_POINT,
	KIND_BITS, KIND_TIMEOUT,
	/* The driver's. */
	KIND_PARAM, KIND_TARGET, KIND_FORMAT, KIND_BIND, KIND_BLOB_MEM, KIND_CAPSET,
	KIND_EXEC_FLAGS, KIND_STRIDE_OF_SYNCOBJS,
	/* DRM's. */
	KIND_BPP, KIND_FOURCC, KIND_CURSOR_FLAGS, KIND_FLIP_FLAGS, KIND_ATOMIC_FLAGS,
	KIND_CLIENT_CAP,
	/* Addresses of ... */
	KIND_TO_OUTPUT, KIND_TO_STREAM, KIND_TO_BOS, KIND_TO_SYNCOBJS, KIND_TO_EXEC_SYNCOBJS,
	KIND_TO_CONTEXT_PARAMS, KIND_TO_CLIPS, KIND_TO_NUMBERS, KIND_TO_MODE, KIND_TO_CONNECTORS,
	KIND_TO_TEXT,
};

/* The value of an argument, mostly one that makes sense. */
uint64_t value_of(struct actor *actor, const struct drm_file_slot *file, enum kind kind,
		  uint16_t word);

/* Room for some bytes that an argument points to. */
void *scratch(struct actor *actor, unsigned int size);

#endif
