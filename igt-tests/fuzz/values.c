// SPDX-License-Identifier: GPL-2.0
#include <drm_fourcc.h>
#include <string.h>
#include <sys/mman.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "../../uapi/virtgpu_drm.h"
#include "values.h"

#define PAGE		4096u
/* Words from here on give values that are invalid for their kind. */
#define ODD_WORDS	0xd000
#define MOST_ELEMENTS	8

struct table {
	unsigned int count;
	const uint64_t *values;
};

#define TABLE(...) { sizeof((uint64_t[]){ __VA_ARGS__ }) / 8, (const uint64_t[]){ __VA_ARGS__ } }

static const struct table tables[] = {
	[KIND_SMALL] = TABLE(0, 1, 2, 3, 4, 5, 7, 8),
	[KIND_LENGTH] = TABLE(64, 64, 1, 16, 32, 63, 65, 100, 256, 640, 480, 1024, 768, 1000),
	[KIND_BYTES] = TABLE(4096, 16384, 4096, 0, 1, 64, 4095, 4097, 65536, 1 << 20, 4 << 20),
	[KIND_POINT] = TABLE(0, 0, 0, 1, 8, 32, 63, 64, -1),
	[KIND_COUNT] = TABLE(0, 1, 1, 2, 3, 4, 8),
	[KIND_ZERO] = TABLE(0),
	[KIND_FIXED_POINT] = TABLE(0, 0, 64 << 16, 1024 << 16, 768 << 16, 1 << 16, 1),
	[KIND_BITS] = TABLE(0, 0, 1, 1, 2, 3, 4, 5, 6, 7),
	[KIND_TIMEOUT] = TABLE(0, 1, 1000000, -1),
	[KIND_PARAM] = TABLE(1, 2, 3, 4, 5, 6, 7, 8, 9, 10),
	[KIND_TARGET] = TABLE(2, 2, 2, 0, 1, 3, 4, 5, 6, 7, 8),
	[KIND_FORMAT] = TABLE(1, 2, 2, 3, 4, 67, 68, 121, 134, 5, 64, 200),
	[KIND_BIND] = TABLE(2, 10, 1, 8, 16, 0, 1 << 14, 1 << 17, 1 << 18, 1 << 20),
	[KIND_BLOB_MEM] = TABLE(1, 1, 2, 3, 3, 0, 4),
	[KIND_CAPSET] = TABLE(1, 2, 2, 3, 4, 5, 6, 0),
	[KIND_EXEC_FLAGS] = TABLE(0, 2, 2, 4, 6, 1, 3, 5, 7),
	[KIND_STRIDE_OF_SYNCOBJS] = TABLE(16, 16, 16, 0, 4, 8, 32),
	[KIND_BPP] = TABLE(32, 32, 32, 32, 16, 8, 24, 1),
	[KIND_FOURCC] = TABLE(DRM_FORMAT_XRGB8888, DRM_FORMAT_XRGB8888, DRM_FORMAT_ARGB8888,
			      DRM_FORMAT_ARGB8888, DRM_FORMAT_XBGR8888, DRM_FORMAT_ABGR8888,
			      DRM_FORMAT_BGRX8888, DRM_FORMAT_RGBX8888, DRM_FORMAT_RGB565,
			      DRM_FORMAT_NV12),
	[KIND_CURSOR_FLAGS] = TABLE(1, 2, 3, 3, 0, 4),
	[KIND_FLIP_FLAGS] = TABLE(0, 1, 1, 3, 5, 9),
	[KIND_ATOMIC_FLAGS] = TABLE(DRM_MODE_ATOMIC_ALLOW_MODESET, DRM_MODE_ATOMIC_ALLOW_MODESET,
				    DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT,
				    DRM_MODE_ATOMIC_TEST_ONLY | DRM_MODE_ATOMIC_ALLOW_MODESET,
				    DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_ATOMIC_ALLOW_MODESET |
				    DRM_MODE_PAGE_FLIP_EVENT, DRM_MODE_PAGE_FLIP_ASYNC, 0),
	[KIND_CLIENT_CAP] = TABLE(3, 2, 6, 4, 5, 1, 7),
	[KIND_OBJECT_TYPE] = TABLE(DRM_MODE_OBJECT_PLANE, DRM_MODE_OBJECT_CRTC,
				   DRM_MODE_OBJECT_CONNECTOR, DRM_MODE_OBJECT_ANY,
				   DRM_MODE_OBJECT_FB, DRM_MODE_OBJECT_BLOB),
};

static uint64_t odd_number(uint16_t word)
{
	struct dice hash = dice(word);

	switch (word >> 12) {
	case 0xd:
		return word & 0xfff;
	case 0xe:
		/* Just below, at and above a power of two. */
		return (1ull << (word & 63)) + (word >> 6 & 3) - 1;
	default:
		return word & 1 ? roll64(&hash) : ~0ull >> (word >> 1 & 63);
	}
}

void *scratch(struct actor *actor, unsigned int size)
{
	void *place = actor->scratch + actor->used;

	size = (size + 7) & ~7u;
	if (actor->used + size > SCRATCH_SIZE)
		return actor->scratch;
	actor->used += size;
	return place;
}

/* Returns an address that user space should not pass. */
static uint64_t odd_address(const struct actor *actor, uint16_t word)
{
	static const uint64_t odd[] = { 0, 1, PAGE, 0x7ffffffff000, 0xffff888000000000,
					0xffffffff81000000, -1 };

	/* Only the first part of this is readable. */
	if (word & 1)
		return (uintptr_t)actor->scratch + SCRATCH_SIZE - (word >> 1 & 63);
	return odd[(word >> 1) % (sizeof(odd) / sizeof(*odd))];
}

static void *numbers(struct actor *actor, const struct drm_file_slot *file, enum kind kind,
		     struct dice *hash)
{
	uint32_t *list = scratch(actor, MOST_ELEMENTS * sizeof(*list));
	unsigned int i;

	for (i = 0; i < MOST_ELEMENTS; i++)
		list[i] = value_of(actor, file, kind, roll(hash, 1 << 16));
	return list;
}

static void *exec_syncobjs(struct actor *actor, const struct drm_file_slot *file,
			   struct dice *hash)
{
	struct drm_virtgpu_execbuffer_syncobj *list = scratch(actor, MOST_ELEMENTS * sizeof(*list));
	unsigned int i;

	for (i = 0; i < MOST_ELEMENTS; i++) {
		list[i].handle = value_of(actor, file, KIND_SYNCOBJ, roll(hash, ODD_WORDS + 0x400));
		list[i].flags = roll(hash, 8) ? 0 : roll(hash, 3);
		list[i].point = roll(hash, 2) ? 0 : value_of(actor, file, KIND_SMALL,
							     roll(hash, 1 << 16));
	}
	return list;
}

static void *context_params(struct actor *actor, const struct drm_file_slot *file,
			    struct dice *hash)
{
	struct drm_virtgpu_context_set_param *list = scratch(actor, MOST_ELEMENTS * sizeof(*list));
	char *name = scratch(actor, 16);
	unsigned int i, first = roll(hash, 5);

	memset(name, 'n', 15);
	name[15] = roll(hash, 4) ? 0 : 'n';
	for (i = 0; i < MOST_ELEMENTS; i++) {
		/* Usually each parameter once, beginning with any of them. */
		list[i].param = roll(hash, 12) ? (first + i) % 4 + 1 : roll(hash, 7);
		switch (list[i].param) {
		case VIRTGPU_CONTEXT_PARAM_CAPSET_ID:
			list[i].value = value_of(actor, file, KIND_CAPSET, roll(hash, 1 << 16));
			break;
		case VIRTGPU_CONTEXT_PARAM_DEBUG_NAME:
			list[i].value = roll(hash, 4) ? (uintptr_t)name :
					odd_address(actor, roll(hash, 1 << 16));
			break;
		default:
			list[i].value = value_of(actor, file, KIND_POINT, roll(hash, 1 << 16));
		}
	}
	return list;
}

static void *stream(struct actor *actor, struct dice *hash)
{
	uint32_t *words = scratch(actor, 64 * sizeof(*words));
	unsigned int i;

	/* Zeros are NOP commands; a real renderer must not get others, because it is not tested here. */
	for (i = 0; i < 64; i++)
		words[i] = world.is_fake ? roll64(hash) : 0;
	return words;
}

static void *clips(struct actor *actor, const struct drm_file_slot *file, struct dice *hash)
{
	uint16_t *list = scratch(actor, 4 * MOST_ELEMENTS * sizeof(*list));
	unsigned int i;

	for (i = 0; i < 4 * MOST_ELEMENTS; i++)
		list[i] = value_of(actor, file, KIND_LENGTH, roll(hash, 1 << 16));
	return list;
}

static void *mode(struct actor *actor, struct dice *hash)
{
	uint8_t *bytes = scratch(actor, sizeof(world.mode));

	memcpy(bytes, world.mode, sizeof(world.mode));
	if (!roll(hash, 4))
		bytes[roll(hash, 40)] = roll(hash, 256);
	return bytes;
}

/* Returns memory that an argument points to, filled for its kind. */
static void *memory_of(struct actor *actor, const struct drm_file_slot *file, enum kind kind,
		       struct dice *hash)
{
	switch (kind) {
	case KIND_TO_STREAM:
		return stream(actor, hash);
	case KIND_TO_BOS:
		return numbers(actor, file, KIND_BO, hash);
	case KIND_TO_SYNCOBJS:
		return numbers(actor, file, KIND_SYNCOBJ, hash);
	case KIND_TO_CONNECTORS:
		return numbers(actor, file, KIND_CONNECTOR, hash);
	case KIND_TO_EXEC_SYNCOBJS:
		return exec_syncobjs(actor, file, hash);
	case KIND_TO_CONTEXT_PARAMS:
		return context_params(actor, file, hash);
	case KIND_TO_CLIPS:
		return clips(actor, file, hash);
	case KIND_TO_MODE:
		return mode(actor, hash);
	case KIND_TO_NUMBERS:
		return numbers(actor, file, KIND_SMALL, hash);
	default:
		return memset(scratch(actor, 512), 'n', 512);
	}
}

static uint64_t object_of(const struct drm_file_slot *file, uint16_t word)
{
	static const enum part part[] = { PART_PLANE, PART_CRTC, PART_CONNECTOR };

	if (word % 4 == 3)
		return world_get(file, THING_FB, word >> 2);
	return world_part(part[word % 4], word >> 2);
}

uint64_t value_of(struct actor *actor, const struct drm_file_slot *file, enum kind kind,
		  uint16_t word)
{
	struct dice hash = dice(word);

	if (kind >= KIND_TO_OUTPUT)
		return word >= ODD_WORDS ? odd_address(actor, word) :
		       (uintptr_t)memory_of(actor, file, kind, &hash);
	if (word >= ODD_WORDS)
		return odd_number(word);

	switch (kind) {
	case KIND_BO:
		return world_get(file, THING_BO, word);
	case KIND_SYNCOBJ:
		return world_get(file, THING_SYNCOBJ, word);
	case KIND_FB:
		return world_get(file, THING_FB, word);
	case KIND_BLOB_ID:
		return world_get(file, THING_BLOB, word);
	case KIND_OFFSET:
		return world_get(file, THING_OFFSET, word);
	case KIND_FD:
		return world_get_fd(word);
	case KIND_CRTC:
		return world_part(PART_CRTC, word);
	case KIND_CONNECTOR:
		return world_part(PART_CONNECTOR, word);
	case KIND_PLANE:
		return world_part(PART_PLANE, word);
	case KIND_PROPERTY:
		return world_part(PART_PROPERTY, word);
	case KIND_OBJECT:
		return object_of(file, word);
	default:
		return tables[kind].values[word % tables[kind].count];
	}
}
