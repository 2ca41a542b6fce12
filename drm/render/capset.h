/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_CAPSET_H
#define VIRTGPU_CAPSET_H

#include <linux/list.h>
#include <linux/types.h>

struct drm_device;
struct drm_file;
struct virtgpu_device;

/* More than the protocol defines. */
#define VIRTGPU_MAX_CAPSETS	32
/* The highest number of a renderer that contexts can have. */
#define VIRTGPU_MAX_CAPSET_ID	63

/**
 * struct virtgpu_capset - the capability set of a renderer on the host
 * @id: number of the renderer
 * @max_version: highest version of the set
 * @max_size: maximum size of the set in bytes
 */
struct virtgpu_capset {
	u32 id;
	u32 max_version;
	u32 max_size;
};

int virtgpu_capsets_read(struct virtgpu_device *vg);
bool virtgpu_capset_known(const struct virtgpu_device *vg, u64 id);
u64 virtgpu_capset_mask(const struct virtgpu_device *vg);
int virtgpu_ioctl_get_caps(struct drm_device *dev, void *data, struct drm_file *file);

#endif
