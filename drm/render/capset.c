// SPDX-License-Identifier: GPL-2.0
/* Capability sets: descriptions of the host's renderers, which user space interprets. */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/unaligned.h>
#include <linux/virtio_config.h>

#include <drm/drm_file.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>
#include <drm/virtgpu_drm.h>

#include "render/render.h"
#include "transport/encode.h"

/* The largest known capset has a few kilobytes. */
#define VIRTGPU_MAX_CAPSET_SIZE	SZ_1M

/* Bits of virgl's second capset: streams may copy guest memory, directly or by other objects. */
static const struct {
	u32 offset;
	u32 bits;
} virtgpu_virgl2_transfers[] = {
	{ 392, BIT(17) | BIT(26) },
	/* Copies by other objects, also from the host. */
	{ 688, BIT(7) },
};

/* A capset that was read from the host. It does not change. */
struct virtgpu_capset_copy {
	struct list_head node;
	u32 id;
	u32 version;
	u8 data[];
};

static void virtgpu_capsets_free(struct drm_device *dev, void *data)
{
	struct virtgpu_device *vg = data;
	struct virtgpu_capset_copy *copy, *next;

	list_for_each_entry_safe(copy, next, &vg->render->capset_copies, node)
		kvfree(copy);
}

/* Stores what the host says about a renderer, if it can be used. */
static void virtgpu_capset_add(struct virtgpu_device *vg,
			       const struct virtio_gpu_resp_capset_info *info)
{
	struct virtgpu_capset *capset = &vg->render->capsets[vg->render->num_capsets];

	capset->id = le32_to_cpu(info->capset_id);
	capset->max_version = le32_to_cpu(info->capset_max_version);
	capset->max_size = le32_to_cpu(info->capset_max_size);
	if (!capset->id || capset->max_size > VIRTGPU_MAX_CAPSET_SIZE) {
		drm_err(&vg->drm, "capset %u is not used, because it has %u bytes\n", capset->id,
			capset->max_size);
		return;
	}
	vg->render->num_capsets++;
}

/**
 * virtgpu_capsets_read - read which renderers the host has
 * @vg: the device
 *
 * A renderer for which the host returns an error is left out.
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_capsets_read(struct virtgpu_device *vg)
{
	struct virtio_gpu_resp_capset_info info;
	u32 count, i;
	int ret;

	mutex_init(&vg->render->capset_lock);
	INIT_LIST_HEAD(&vg->render->capset_copies);
	ret = drmm_add_action_or_reset(&vg->drm, virtgpu_capsets_free, vg);
	if (ret)
		return ret;

	virtio_cread_le(vg->vdev, struct virtio_gpu_config, num_capsets, &count);
	if (count > VIRTGPU_MAX_CAPSETS) {
		drm_err(&vg->drm, "the device has %u capsets, only the first %u are used\n", count,
			VIRTGPU_MAX_CAPSETS);
		count = VIRTGPU_MAX_CAPSETS;
	}
	for (i = 0; i < count; i++) {
		ret = virtgpu_cmd_get_capset_info(vg, i, &info);
		if (ret == -ENODEV || ret == -ETIMEDOUT)
			return ret;
		if (ret)
			continue;
		virtgpu_capset_add(vg, &info);
	}
	return 0;
}

/**
 * virtgpu_capset_mask - the renderers that contexts can be created for
 * @vg: the device
 *
 * Returns: a mask with a bit for each number of a renderer.
 */
u64 virtgpu_capset_mask(const struct virtgpu_device *vg)
{
	u64 mask = 0;
	u32 i;

	for (i = 0; i < vg->render->num_capsets; i++)
		if (vg->render->capsets[i].id <= VIRTGPU_MAX_CAPSET_ID)
			mask |= BIT_ULL(vg->render->capsets[i].id);
	return mask;
}

/**
 * virtgpu_capset_known - whether a context can be created for a renderer
 * @vg: the device
 * @id: number of the renderer
 *
 * Returns: true if the host has it.
 */
bool virtgpu_capset_known(const struct virtgpu_device *vg, u64 id)
{
	return id <= VIRTGPU_MAX_CAPSET_ID && virtgpu_capset_mask(vg) & BIT_ULL(id);
}

static const struct virtgpu_capset *virtgpu_capset_find(const struct virtgpu_device *vg, u32 id,
							u32 version)
{
	const struct virtgpu_render *render = vg->render;
	u32 i;

	for (i = 0; i < render->num_capsets; i++)
		if (render->capsets[i].id == id && render->capsets[i].max_version >= version)
			return &render->capsets[i];
	return NULL;
}

/*
 * Hides the capabilities by which streams read and write guest memory, because only the renderer
 * knows which memory that is. With bounce buffers the driver has to know. User space then uses
 * ioctls, as with hosts that do not have these capabilities.
 */
static void virtgpu_capset_hide_transfers(struct virtgpu_capset_copy *copy, u32 size)
{
	unsigned int i;

	if (copy->id != VIRTGPU_DRM_CAPSET_VIRGL2)
		return;
	for (i = 0; i < ARRAY_SIZE(virtgpu_virgl2_transfers); i++) {
		u32 offset = virtgpu_virgl2_transfers[i].offset;
		u8 *word = copy->data + offset;

		if (offset + sizeof(u32) <= size)
			put_unaligned_le32(get_unaligned_le32(word) &
					   ~virtgpu_virgl2_transfers[i].bits, word);
	}
}

/* Returns the stored copy of a capset, or reads it from the host. */
static struct virtgpu_capset_copy *virtgpu_capset_get(struct virtgpu_device *vg,
						      const struct virtgpu_capset *capset,
						      u32 version)
{
	struct virtgpu_capset_copy *copy;
	int ret;

	lockdep_assert_held(&vg->render->capset_lock);
	list_for_each_entry(copy, &vg->render->capset_copies, node)
		if (copy->id == capset->id && copy->version == version)
			return copy;

	copy = kvzalloc_flex(*copy, data, capset->max_size);
	if (!copy)
		return ERR_PTR(-ENOMEM);
	copy->id = capset->id;
	copy->version = version;
	ret = virtgpu_cmd_get_capset(vg, capset->id, version, copy->data, capset->max_size);
	if (ret) {
		kvfree(copy);
		return ERR_PTR(ret == -ETIMEDOUT ? -EBUSY : ret);
	}
	if (virtgpu_dma_bounces(vg))
		virtgpu_capset_hide_transfers(copy, capset->max_size);
	list_add(&copy->node, &vg->render->capset_copies);
	return copy;
}

/**
 * virtgpu_ioctl_get_caps - read a capset
 * @dev: the DRM device
 * @data: the arguments
 * @file: the file
 *
 * Returns: 0; -ENOSYS without renderers; -EINVAL for an unknown renderer, for a version that it
 * does not have, and for a size of 0; -EBUSY if the host does not answer; -EFAULT; -ENOMEM.
 */
int virtgpu_ioctl_get_caps(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct virtgpu_device *vg = to_virtgpu_device(dev);
	struct drm_virtgpu_get_caps *args = data;
	const struct virtgpu_capset *capset;
	struct virtgpu_capset_copy *copy;
	int ret;

	if (!vg->render->num_capsets)
		return -ENOSYS;
	if (!args->size)
		return -EINVAL;
	capset = virtgpu_capset_find(vg, args->cap_set_id, args->cap_set_ver);
	if (!capset)
		return -EINVAL;

	do {
		mutex_lock(&vg->render->capset_lock);
		copy = virtgpu_capset_get(vg, capset, args->cap_set_ver);
		mutex_unlock(&vg->render->capset_lock);
		ret = PTR_ERR_OR_ZERO(copy);
	} while (vg->trouble->again(vg, &ret));
	if (ret)
		return ret;

	if (copy_to_user(u64_to_user_ptr(args->addr), copy->data,
			 min(args->size, capset->max_size)))
		return -EFAULT;
	return 0;
}
