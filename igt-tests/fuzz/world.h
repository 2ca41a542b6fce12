/* SPDX-License-Identifier: GPL-2.0 */
/* What programs of the ioctl fuzzer work with: open files, objects, the display's parts, memory. */
#ifndef WORLD_H
#define WORLD_H

#include <stdint.h>

#include "program.h"

#define WORLD_FILES	4
#define WORLD_PER_KIND	8
#define WORLD_FDS	16
#define WORLD_MAPS	8
#define WORLD_PARTS	32
/* Bytes of buffers that one program may make. */
#define WORLD_MEMORY	(96 << 20)

enum thing { THING_BO, THING_SYNCOBJ, THING_FB, THING_BLOB, THING_OFFSET, THINGS };
enum part { PART_CRTC, PART_CONNECTOR, PART_PLANE, PART_PROPERTY, PARTS };

/**
 * struct ring - the last few of a kind
 * @values: they
 * @count: how many there have been
 */
struct ring {
	uint64_t values[WORLD_PER_KIND];
	unsigned int count;
};

/**
 * struct drm_file_slot - an open file of the device
 * @fd: its descriptor, or -1
 * @things: what it was told the names of
 */
struct drm_file_slot {
	int fd;
	struct ring things[THINGS];
};

/**
 * struct world - all of it; threads write to it without locks, because a wrong name does no harm
 * @card: path of the primary node
 * @render: path of the render node
 * @keeper: a file that stays open, so that not every program is the last to close the device
 * @files: the program's
 * @fds: other descriptors: of fences, of buffers, of pipes
 * @num_fds: how many there have been
 * @maps: mapped buffers
 * @parts: CRTCs, connectors, planes and properties, by number
 * @num_parts: how many of each
 * @mode: the first connector's preferred one, struct drm_mode_modeinfo
 * @properties: by name
 * @memory: bytes of buffers made so far
 * @is_fake: the host is our own, so that streams may be garbage
 */
struct world {
	char card[64];
	char render[64];
	int keeper;
	struct drm_file_slot files[WORLD_FILES];
	int fds[WORLD_FDS];
	unsigned int num_fds;
	struct {
		void *address;
		size_t size;
	} maps[WORLD_MAPS];
	uint32_t parts[PARTS][WORLD_PARTS];
	unsigned int num_parts[PARTS];
	uint8_t mode[68];
	struct {
		uint32_t fb, crtc_x, crtc_y, crtc_w, crtc_h, src_x, src_y, src_w, src_h, crtc;
		uint32_t active, mode, connector_crtc, clips, in_fence, out_fence;
	} properties;
	int64_t memory;
	int is_fake;
};

extern struct world world;

/* Finds the device and its parts; says what is wrong and returns false otherwise. */
int world_init(void);

/* Opens the files that a program starts with. */
void world_begin(void);

/* Closes all that a program opened; with @all nothing of the device stays open. */
void world_end(int all);

/* A slot's file, which other threads may be closing. */
struct drm_file_slot *world_file(uint8_t slot);

void world_open(uint8_t slot, const char *path, int flags);
void world_close(uint8_t slot);

/* Remembers a name, and gives one of those remembered. */
void world_put(struct drm_file_slot *file, enum thing thing, uint64_t name);
uint64_t world_get(const struct drm_file_slot *file, enum thing thing, uint32_t which);

/* Keeps a descriptor, closing one in its place; gives one. */
void world_put_fd(int fd);
int world_get_fd(uint32_t which);

uint32_t world_part(enum part part, uint32_t which);

/* Buffer sizes that are possible, but too much, become small. */
uint64_t world_limit(uint64_t size);

#endif
