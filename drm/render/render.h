/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_RENDER_H
#define VIRTGPU_RENDER_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/xarray.h>

#include "memory/memory.h"
#include "render/capset.h"
#include "render/fence.h"

/**
 * struct virtgpu_render - contexts and fences
 * @vg: the device
 * @contexts: contexts of open files by number; empty without renderers
 * @last_owner: the last &virtgpu_context.owner
 * @fences: the fences of the device
 * @num_capsets: number of entries in @capsets
 * @capsets: the renderers of the host
 * @capset_lock: protects @capset_copies
 * @capset_copies: capsets that were read from the host
 */
struct virtgpu_render {
	struct virtgpu_device *vg;
	struct xarray contexts;
	atomic64_t last_owner;
	struct virtgpu_fences fences;
	u32 num_capsets;
	struct virtgpu_capset capsets[VIRTGPU_MAX_CAPSETS];
	struct mutex capset_lock;
	struct list_head capset_copies;
};

int virtgpu_render_init(struct virtgpu_device *vg);

#endif
