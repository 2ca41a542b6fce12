/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_MEMORY_H
#define VIRTGPU_MEMORY_H

#include <linux/mutex.h>
#include <linux/xarray.h>

#include "memory/vram.h"
#include "transport/transport.h"

struct drm_file;
struct drm_gem_object;
struct virtgpu_bo;

/**
 * struct virtgpu_memory_ops - what memory tells those above it
 * @opened: a file got a handle of an object; returns 0 or a negative errno
 * @closed: a file's handle of an object goes
 * @gone: nobody has an object any more: it is not to be shown again
 * @make_room: the host is out of memory: have it destroy something that can be made again. Returns
 *	whether there was anything. Called without locks of buffer objects and resources
 * @lost: after a reset the host refuses to make again what it had. May not wait for the host
 */
struct virtgpu_memory_ops {
	int (*opened)(struct drm_gem_object *gem, struct drm_file *file);
	void (*closed)(struct drm_gem_object *gem, struct drm_file *file);
	void (*gone)(struct virtgpu_bo *bo);
	bool (*make_room)(struct virtgpu_device *vg);
	void (*lost)(struct virtgpu_device *vg);
};

/**
 * struct virtgpu_memory - buffer objects and host resources
 * @ops: whom to tell
 * @resources: host resources by id, both the id allocator and what a reset restores
 * @next_resource: where the search for a free id begins
 * @making: held while a resource is made, and while all are made again after a reset, so that the
 *	device is told only once to make each of them
 * @zero_copy: the host shows the guest's pages as they are, until it turns out that it cannot
 * @vram: the host's memory that the guest sees
 */
struct virtgpu_memory {
	const struct virtgpu_memory_ops *ops;
	struct xarray resources;
	u32 next_resource;
	struct mutex making;
	bool zero_copy;
	struct virtgpu_vram vram;
};

int virtgpu_memory_init(struct virtgpu_device *vg, const struct virtgpu_memory_ops *ops);

#endif
