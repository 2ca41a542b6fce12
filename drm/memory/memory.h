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
struct workqueue_struct;

/**
 * struct virtgpu_memory_ops - callbacks of the memory part into the parts above it
 * @opened: a file got a handle of an object; returns 0 or a negative errno
 * @closed: a file closes a handle of an object
 * @gone: an object is about to be freed and will not be shown again
 * @make_room: the host is out of memory: have it destroy something that can be created again.
 *	Returns true if it did. Called without locks of buffer objects and resources
 * @lost: after a reset the host refuses to create a resource again. Must not wait for the host
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
 * @ops: callbacks into the parts above
 * @resources: host resources by number; a reset restores all of them
 * @next_resource: where the search for a free number begins
 * @making: held while a resource is created, and while all resources are created again after a
 *	reset, so that the device is told only once to create each of them
 * @zero_copy: the host shows the guest's pages without a copy; false once the host has refused
 * @vram: the window for memory of the host
 * @release_wq: frees buffer objects that the host no longer uses. Not &virtgpu_device.wq, whose
 *	rescuer may have to signal the fences that these works wait for
 */
struct virtgpu_memory {
	const struct virtgpu_memory_ops *ops;
	struct xarray resources;
	u32 next_resource;
	struct mutex making;
	bool zero_copy;
	struct virtgpu_vram vram;
	struct workqueue_struct *release_wq;
};

int virtgpu_memory_init(struct virtgpu_device *vg, const struct virtgpu_memory_ops *ops);

#endif
