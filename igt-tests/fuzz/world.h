/* SPDX-License-Identifier: GPL-2.0 */
/* The state of programs of the ioctl fuzzer: open files, objects, parts of the display, memory. */
#ifndef WORLD_H
#define WORLD_H

#include <stdint.h>

#include "program.h"

#define WORLD_FILES	4
#define WORLD_PER_KIND	8
#define WORLD_FDS	16
#define WORLD_MAPS	8
#define WORLD_PARTS	32
/* The maximum size of all buffers of a program in bytes. */
#define WORLD_MEMORY	(96 << 20)

enum thing { THING_BO, THING_SYNCOBJ, THING_FB, THING_BLOB, THING_OFFSET, THINGS };
enum part { PART_CRTC, PART_CONNECTOR, PART_PLANE, PART_PROPERTY, PARTS };

/**
 * struct ring - the last objects of one kind
 * @values: their identifiers
 * @count: number of all so far
 */
struct ring {
	uint64_t values[WORLD_PER_KIND];
	unsigned int count;
};

/**
 * struct drm_file_slot - an open file of the device
 * @fd: its file descriptor, or -1
 * @things: identifiers of its objects
 */
struct drm_file_slot {
	int fd;
	struct ring things[THINGS];
};

/**
 * struct world - all state; threads write without locks, because a wrong identifier does no harm
 * @card: path of the primary node
 * @render: path of the render node
 * @keeper: a file that stays open, so that not every program is the last user of the device
 * @files: files of the program
 * @fds: other file descriptors: fences, buffers, pipes
 * @num_fds: number of all so far
 * @maps: mapped buffers
 * @parts: CRTCs, connectors, planes and properties, by number
 * @num_parts: number of each kind
 * @mode: the first connector's preferred mode, struct drm_mode_modeinfo
 * @properties: property ids, by name
 * @memory: bytes of all buffers so far
 * @is_fake: the device is fakegpu.py, so streams may be garbage
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

/* Finds the device and its parts; on failure prints a message and returns false. */
int world_init(void);

/* Opens the files that each program starts with. */
void world_begin(void);

/* Closes everything that a program opened; with @all no file of the device stays open. */
void world_end(int all);

/* Returns the file of a slot; other threads may close it at any time. */
struct drm_file_slot *world_file(uint8_t slot);

void world_open(uint8_t slot, const char *path, int flags);
void world_close(uint8_t slot);

/* Stores an identifier, and returns a stored one. */
void world_put(struct drm_file_slot *file, enum thing thing, uint64_t name);
uint64_t world_get(const struct drm_file_slot *file, enum thing thing, uint32_t which);

/* Stores a file descriptor and closes the one it replaces; returns a stored one. */
void world_put_fd(int fd);
int world_get_fd(uint32_t which);

uint32_t world_part(enum part part, uint32_t which);

/* Reduces buffer sizes that are possible but too large. */
uint64_t world_limit(uint64_t size);

#endif
