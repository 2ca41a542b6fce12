// SPDX-License-Identifier: GPL-2.0
/*
 * Host resources: created with their backing, kept until the host has let go of it, made anew
 * after a reset of the device.
 */
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include <drm/drm_print.h>

#include "virtgpu_cmd.h"
#include "virtgpu_drv.h"
#include "virtgpu_gem.h"
#include "virtgpu_resource.h"
#include "virtgpu_vram.h"

/* Describes the pages of a buffer object to the host, as few long runs as there are. */
static struct virtio_gpu_mem_entry *virtgpu_backing(struct virtgpu_bo *bo, u32 *count)
{
	struct virtgpu_device *vg = to_virtgpu_device(bo->base.base.dev);
	bool dma = vg->use_dma_addr || drm_gem_is_imported(&bo->base.base);
	struct virtio_gpu_mem_entry *entries;
	struct scatterlist *sg;
	struct sg_table *sgt;
	unsigned int n = 0, i;

	sgt = drm_gem_shmem_get_pages_sgt(&bo->base);
	if (IS_ERR(sgt))
		return ERR_CAST(sgt);

	entries = kvmalloc_array(dma ? sgt->nents : sgt->orig_nents, sizeof(*entries),
				 GFP_KERNEL | __GFP_ZERO);
	if (!entries)
		return ERR_PTR(-ENOMEM);

	if (dma) {
		for_each_sgtable_dma_sg(sgt, sg, i) {
			entries[n].addr = cpu_to_le64(sg_dma_address(sg));
			entries[n++].length = cpu_to_le32(sg_dma_len(sg));
		}
	} else {
		for_each_sgtable_sg(sgt, sg, i) {
			entries[n].addr = cpu_to_le64(sg_phys(sg));
			entries[n++].length = cpu_to_le32(sg->length);
		}
	}
	*count = n;
	return entries;
}

/* Waits for the command that makes a resource, which the caller kept. */
static int virtgpu_resource_created(struct virtgpu_resource *res, struct virtgpu_cmd *cmd)
{
	int ret = virtgpu_queue_wait(&res->vg->ctrl, cmd);

	virtgpu_cmd_put(res->vg, cmd);
	/* After a time-out the host may still create it. */
	if (ret && ret != -ETIMEDOUT)
		res->on_host = false;
	return ret;
}

/*
 * A blob comes with its backing, if it has one in the guest. Without @wait a refusal by the host
 * shows in what is done with the blob.
 */
static int virtgpu_resource_send_blob(struct virtgpu_resource *res, bool wait)
{
	struct virtgpu_device *vg = res->vg;
	struct virtio_gpu_mem_entry *entries = NULL;
	struct virtgpu_cmd *cmd;
	u32 count = 0;

	if (!res->bo->is_vram) {
		entries = virtgpu_backing(res->bo, &count);
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	res->on_host = true;
	cmd = virtgpu_cmd_resource_create_blob(vg, res, entries, count);
	if (wait)
		virtgpu_cmd_get(cmd);
	virtgpu_queue_submit(&vg->ctrl, cmd);
	virtgpu_queue_kick(&vg->ctrl);
	return wait ? virtgpu_resource_created(res, cmd) : 0;
}

/*
 * Sends CREATE and ATTACH in one batch. Without @wait a refusal by the host is logged by the
 * queue and nothing more.
 */
static int virtgpu_resource_send(struct virtgpu_resource *res, bool wait)
{
	struct virtgpu_device *vg = res->vg;
	struct virtio_gpu_mem_entry *entries;
	struct virtgpu_cmd *create, *attach;
	int ret, attach_ret;
	u32 count;

	entries = virtgpu_backing(res->bo, &count);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	res->on_host = true;
	create = res->is_3d ? virtgpu_cmd_resource_create_3d(vg, res) :
			      virtgpu_cmd_resource_create_2d(vg, res);
	attach = virtgpu_cmd_attach_backing(vg, res, entries, count);
	if (wait) {
		virtgpu_cmd_get(create);
		virtgpu_cmd_get(attach);
	}
	virtgpu_queue_submit(&vg->ctrl, create);
	virtgpu_queue_submit(&vg->ctrl, attach);
	virtgpu_queue_kick(&vg->ctrl);
	if (!wait)
		return 0;

	ret = virtgpu_resource_created(res, create);
	attach_ret = virtgpu_queue_wait(&vg->ctrl, attach);
	virtgpu_cmd_put(vg, attach);
	return ret ?: attach_ret;
}

static void virtgpu_resource_free(struct virtgpu_resource *res)
{
	struct virtgpu_bo *bo = res->bo;
	bool is_own = res->is_own;

	xa_erase(&res->vg->resources, res->id);
	kfree(res);
	if (is_own && bo->is_vram)
		virtgpu_vram_free(bo);
	else if (is_own)
		drm_gem_shmem_free(&bo->base);
	else
		drm_gem_object_put(&bo->base.base);
}

/* The host has let go of the pages: so may we. */
static void virtgpu_resource_unref_done(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	virtgpu_resource_free(cmd->data);
}

static void virtgpu_resource_release(struct kref *refs)
{
	struct virtgpu_resource *res = container_of(refs, struct virtgpu_resource, refs);

	if (res->on_host)
		virtgpu_cmd_resource_unref(res, virtgpu_resource_unref_done);
	else
		virtgpu_resource_free(res);
}

static struct virtgpu_resource *virtgpu_resource_new(struct virtgpu_bo *bo, u32 format, u32 width,
						     u32 height)
{
	struct virtgpu_device *vg = to_virtgpu_device(bo->base.base.dev);
	struct virtgpu_resource *res;
	int ret;

	res = kzalloc_obj(*res);
	if (!res)
		return ERR_PTR(-ENOMEM);

	kref_init(&res->refs);
	res->vg = vg;
	res->bo = bo;
	res->format = format;
	res->width = width;
	res->height = height;

	ret = xa_alloc(&vg->resources, &res->id, res, xa_limit_31b, GFP_KERNEL);
	if (ret) {
		kfree(res);
		return ERR_PTR(ret);
	}
	/* Until it is complete @bo's life does not depend on it. */
	drm_gem_object_get(&bo->base.base);
	return res;
}

static void virtgpu_resource_make_own(struct virtgpu_resource *res)
{
	res->is_own = true;
	drm_gem_object_put(&res->bo->base.base);
}

/**
 * virtgpu_resource_create - create a host resource over a buffer object, and wait for it
 * @bo: the buffer object
 * @is_own: whether it becomes @bo's own resource
 * @format: pixel format, in the protocol's numbers
 * @width: pixels of a row, the backing's pitch being four times that
 * @height: rows
 *
 * Returns: the resource or an error pointer: -ENOMEM when guest or host are out of memory,
 * -EINVAL when the host does not know the format, -ETIMEDOUT or -EIO for a host in trouble,
 * -ENODEV when the device is gone.
 */
struct virtgpu_resource *virtgpu_resource_create(struct virtgpu_bo *bo, bool is_own, u32 format,
						 u32 width, u32 height)
{
	struct virtgpu_resource *res = virtgpu_resource_new(bo, format, width, height);
	int ret;

	if (IS_ERR(res))
		return res;

	ret = virtgpu_resource_send(res, true);
	if (ret) {
		virtgpu_resource_put(res);
		return ERR_PTR(ret);
	}
	if (is_own)
		virtgpu_resource_make_own(res);
	return res;
}

/**
 * virtgpu_resource_create_3d - create a buffer object's own resource for a renderer
 * @bo: the buffer object
 * @format: pixel format, in the renderer's numbers
 * @width: pixels
 * @height: rows
 * @texture: what else the renderer wants to know
 *
 * Does not wait: a host that refuses it refuses what is done with it, too.
 *
 * Returns: the resource or an error pointer.
 */
struct virtgpu_resource *virtgpu_resource_create_3d(struct virtgpu_bo *bo, u32 format, u32 width,
						    u32 height,
						    const struct virtgpu_texture *texture)
{
	struct virtgpu_resource *res = virtgpu_resource_new(bo, format, width, height);
	int ret;

	if (IS_ERR(res))
		return res;

	res->is_3d = true;
	res->texture = *texture;
	ret = virtgpu_resource_send(res, false);
	if (ret) {
		virtgpu_resource_put(res);
		return ERR_PTR(ret);
	}
	virtgpu_resource_make_own(res);
	return res;
}

/**
 * virtgpu_resource_create_blob - create a buffer object's own resource, a blob
 * @bo: the buffer object
 * @blob: what memory it is
 * @wait: for the host's answer; else a host that refuses it refuses what is done with it, too
 *
 * Returns: the resource or an error pointer.
 */
struct virtgpu_resource *virtgpu_resource_create_blob(struct virtgpu_bo *bo,
						      const struct virtgpu_blob *blob, bool wait)
{
	struct virtgpu_resource *res = virtgpu_resource_new(bo, 0, 0, 0);
	int ret;

	if (IS_ERR(res))
		return res;

	res->blob = *blob;
	ret = virtgpu_resource_send_blob(res, wait);
	if (ret) {
		virtgpu_resource_put(res);
		return ERR_PTR(ret);
	}
	virtgpu_resource_make_own(res);
	return res;
}

/**
 * virtgpu_resource_get - take a reference
 * @res: the resource
 */
void virtgpu_resource_get(struct virtgpu_resource *res)
{
	kref_get(&res->refs);
}

/**
 * virtgpu_resource_put - drop a reference; the last one destroys the host's image
 * @res: the resource
 */
void virtgpu_resource_put(struct virtgpu_resource *res)
{
	kref_put(&res->refs, virtgpu_resource_release);
}

/**
 * virtgpu_resource_transfer - copy pixels from the backing to the host
 * @res: the resource
 * @rect: its pixels
 * @offset: bytes from the start of the backing to the first of these pixels
 *
 * Returns: the command, to be submitted.
 */
struct virtgpu_cmd *virtgpu_resource_transfer(struct virtgpu_resource *res,
					      const struct drm_rect *rect, u64 offset)
{
	struct virtgpu_device *vg = res->vg;

	/* Where memory is encrypted the device reads a copy; a foreign buffer is its exporter's. */
	if (vg->use_dma_addr && !drm_gem_is_imported(&res->bo->base.base))
		dma_sync_sgtable_for_device(vg->drm.dev, res->bo->base.sgt, DMA_TO_DEVICE);
	return virtgpu_cmd_transfer(vg, res->id, rect, offset);
}

/**
 * virtgpu_resources_restore - create every resource anew on a device that was reset
 * @vg: the device
 *
 * The images come back without their pixels: what is shown has to be transferred again. What a
 * renderer had drawn is gone.
 */
void virtgpu_resources_restore(struct virtgpu_device *vg)
{
	struct virtgpu_resource *res;
	unsigned long id;
	int ret;

	xa_lock(&vg->resources);
	xa_for_each(&vg->resources, id, res) {
		if (!kref_get_unless_zero(&res->refs))
			continue;
		xa_unlock(&vg->resources);
		/* The host's own memory went with its context. */
		if (res->bo->is_vram)
			ret = 0;
		else if (res->blob.size)
			ret = virtgpu_resource_send_blob(res, false);
		else
			ret = virtgpu_resource_send(res, false);
		if (ret)
			drm_err(&vg->drm, "resource %u is lost: %d\n", res->id, ret);
		virtgpu_resource_put(res);
		xa_lock(&vg->resources);
	}
	xa_unlock(&vg->resources);
}
