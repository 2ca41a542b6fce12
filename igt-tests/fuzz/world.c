// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "world.h"

#define MAX_MINORS	8
/* More than the map offsets of a device, so the allocation fails at once. */
#define WORLD_ABSURD	(1ull << 40)

struct world world;

static void add_part(enum part part, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < world.num_parts[part]; i++)
		if (world.parts[part][i] == id)
			return;
	if (world.num_parts[part] < WORLD_PARTS)
		world.parts[part][world.num_parts[part]++] = id;
}

static void find_properties(int fd, uint32_t id, uint32_t type)
{
	struct {
		const char *name;
		uint32_t *id;
	} wanted[] = {
		{ "FB_ID", &world.properties.fb }, { "CRTC_X", &world.properties.crtc_x },
		{ "CRTC_Y", &world.properties.crtc_y }, { "CRTC_W", &world.properties.crtc_w },
		{ "CRTC_H", &world.properties.crtc_h }, { "SRC_X", &world.properties.src_x },
		{ "SRC_Y", &world.properties.src_y }, { "SRC_W", &world.properties.src_w },
		{ "SRC_H", &world.properties.src_h }, { "ACTIVE", &world.properties.active },
		{ "MODE_ID", &world.properties.mode },
		{ "FB_DAMAGE_CLIPS", &world.properties.clips },
		{ "IN_FENCE_FD", &world.properties.in_fence },
		{ "OUT_FENCE_PTR", &world.properties.out_fence },
		{ "CRTC_ID", type == DRM_MODE_OBJECT_CONNECTOR ? &world.properties.connector_crtc :
								 &world.properties.crtc },
	};
	drmModeObjectProperties *found = drmModeObjectGetProperties(fd, id, type);
	unsigned int i, j;

	for (i = 0; found && i < found->count_props; i++) {
		drmModePropertyRes *property = drmModeGetProperty(fd, found->props[i]);

		for (j = 0; property && j < sizeof(wanted) / sizeof(*wanted); j++)
			if (!strcmp(property->name, wanted[j].name))
				*wanted[j].id = property->prop_id;
		add_part(PART_PROPERTY, found->props[i]);
		drmModeFreeProperty(property);
	}
	drmModeFreeObjectProperties(found);
}

static void find_parts(int fd)
{
	drmModeRes *resources;
	drmModePlaneRes *planes;
	drmModeConnector *connector;
	unsigned int i;

	drmSetClientCap(fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1);
	drmSetClientCap(fd, DRM_CLIENT_CAP_ATOMIC, 1);
	/* Capability 6 (cursor planes with hotspots), which libdrm may be too old to name. */
	drmSetClientCap(fd, 6, 1);
	resources = drmModeGetResources(fd);
	for (i = 0; resources && i < (unsigned int)resources->count_crtcs; i++) {
		add_part(PART_CRTC, resources->crtcs[i]);
		find_properties(fd, resources->crtcs[i], DRM_MODE_OBJECT_CRTC);
	}
	for (i = 0; resources && i < (unsigned int)resources->count_connectors; i++) {
		add_part(PART_CONNECTOR, resources->connectors[i]);
		find_properties(fd, resources->connectors[i], DRM_MODE_OBJECT_CONNECTOR);
		connector = drmModeGetConnector(fd, resources->connectors[i]);
		if (connector && connector->count_modes && !i)
			memcpy(world.mode, &connector->modes[0], sizeof(world.mode));
		drmModeFreeConnector(connector);
	}
	planes = drmModeGetPlaneResources(fd);
	for (i = 0; planes && i < planes->count_planes; i++) {
		add_part(PART_PLANE, planes->planes[i]);
		find_properties(fd, planes->planes[i], DRM_MODE_OBJECT_PLANE);
	}
	drmModeFreePlaneResources(planes);
	drmModeFreeResources(resources);
}

int world_init(void)
{
	unsigned int i;
	int fd;

	for (i = 0; i < MAX_MINORS; i++) {
		drmVersion *version;

		snprintf(world.card, sizeof(world.card), "/dev/dri/card%u", i);
		fd = open(world.card, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		version = drmGetVersion(fd);
		if (version && !strcmp(version->name, "virtio_gpu")) {
			char *render = drmGetRenderDeviceNameFromFd(fd);

			snprintf(world.render, sizeof(world.render), "%s", render);
			free(render);
			drmFreeVersion(version);
			find_parts(fd);
			close(fd);
			world.keeper = -1;
			world.is_fake = !!getenv("VIRTGPU_FAKE");
			return 1;
		}
		drmFreeVersion(version);
		close(fd);
	}
	fprintf(stderr, "no virtio GPU\n");
	return 0;
}

struct drm_file_slot *world_file(uint8_t slot)
{
	return &world.files[slot % WORLD_FILES];
}

void world_close(uint8_t slot)
{
	struct drm_file_slot *file = world_file(slot);
	int fd = __atomic_exchange_n(&file->fd, -1, __ATOMIC_SEQ_CST);

	if (fd >= 0)
		close(fd);
}

void world_open(uint8_t slot, const char *path, int flags)
{
	struct drm_file_slot *file = world_file(slot);
	int fd = open(path, flags | O_CLOEXEC);

	fd = __atomic_exchange_n(&file->fd, fd, __ATOMIC_SEQ_CST);
	if (fd >= 0)
		close(fd);
	memset(file->things, 0, sizeof(file->things));
}

void world_begin(void)
{
	unsigned int i;

	/* The render node, because it never becomes master. */
	if (world.keeper < 0)
		world.keeper = open(world.render, O_RDWR | O_CLOEXEC);
	for (i = 0; i < WORLD_FILES; i++)
		world.files[i].fd = -1;
	for (i = 0; i < WORLD_FDS; i++)
		world.fds[i] = -1;
	world.num_fds = 0;
	world.memory = 0;
	memset(world.maps, 0, sizeof(world.maps));
	world_open(0, world.card, O_RDWR);
	world_open(1, world.render, O_RDWR | O_NONBLOCK);
}

void world_end(int all)
{
	unsigned int i;

	for (i = 0; i < WORLD_MAPS; i++)
		if (world.maps[i].address)
			munmap(world.maps[i].address, world.maps[i].size);
	for (i = 0; i < WORLD_FILES; i++)
		world_close(i);
	for (i = 0; i < WORLD_FDS; i++)
		if (world.fds[i] >= 0)
			close(world.fds[i]);
	if (all && world.keeper >= 0) {
		close(world.keeper);
		world.keeper = -1;
	}
}

void world_put(struct drm_file_slot *file, enum thing thing, uint64_t name)
{
	struct ring *ring = &file->things[thing];

	ring->values[__atomic_fetch_add(&ring->count, 1, __ATOMIC_RELAXED) % WORLD_PER_KIND] = name;
}

uint64_t world_get(const struct drm_file_slot *file, enum thing thing, uint32_t which)
{
	const struct ring *ring = &file->things[thing];
	unsigned int count = ring->count < WORLD_PER_KIND ? ring->count : WORLD_PER_KIND;

	return count ? ring->values[which % count] : 0;
}

void world_put_fd(int fd)
{
	unsigned int at = __atomic_fetch_add(&world.num_fds, 1, __ATOMIC_RELAXED) % WORLD_FDS;

	fd = __atomic_exchange_n(&world.fds[at], fd, __ATOMIC_SEQ_CST);
	if (fd >= 0)
		close(fd);
}

int world_get_fd(uint32_t which)
{
	unsigned int count = world.num_fds < WORLD_FDS ? world.num_fds : WORLD_FDS;

	return count ? world.fds[which % count] : -1;
}

uint32_t world_part(enum part part, uint32_t which)
{
	return world.num_parts[part] ? world.parts[part][which % world.num_parts[part]] : 0;
}

uint64_t world_limit(uint64_t size)
{
	if (size >= WORLD_ABSURD || size <= 65536)
		return size;
	if (size > WORLD_MEMORY / 4 ||
	    __atomic_add_fetch(&world.memory, size, __ATOMIC_RELAXED) > WORLD_MEMORY)
		return 4096 + size % 61440;
	return size;
}
