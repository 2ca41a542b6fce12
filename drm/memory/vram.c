// SPDX-License-Identifier: GPL-2.0
/* Memory of the host's that it maps into a window of the device's, for the guest to see. */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>
#include <drm/virtgpu_drm.h>

#include "memory/gem.h"
#include "memory/memory.h"
#include "memory/prime.h"
#include "memory/resource.h"
#include "transport/cmd.h"

static void virtgpu_vram_fini(struct drm_device *dev, void *data)
{
	drm_mm_takedown(data);
}

/**
 * virtgpu_vram_init - find the device's window
 * @vg: the device
 *
 * Returns: 0, also for a device without one, or a negative errno.
 */
int virtgpu_vram_init(struct virtgpu_device *vg)
{
	struct virtio_shm_region window;
	struct virtgpu_vram *vram = &vg->memory->vram;

	mutex_init(&vram->lock);
	if (!vg->has_blob ||
	    !virtio_get_shm_region(vg->vdev, &window, VIRTIO_GPU_SHM_ID_HOST_VISIBLE) ||
	    !window.len)
		return 0;

	if (!PAGE_ALIGNED(window.addr) || !PAGE_ALIGNED(window.len) ||
	    window.addr + window.len < window.addr) {
		drm_err(&vg->drm, "host-visible memory at 0x%llx, 0x%llx bytes: not used\n",
			window.addr, window.len);
		return 0;
	}
	if (!devm_request_mem_region(&vg->vdev->dev, window.addr, window.len,
				     VIRTGPU_DRIVER_NAME)) {
		drm_err(&vg->drm, "somebody else has the host-visible memory\n");
		return -EBUSY;
	}
	vram->start = window.addr;
	vg->has_host_visible = true;
	drm_mm_init(&vram->mm, 0, window.len);
	return drmm_add_action_or_reset(&vg->drm, virtgpu_vram_fini, &vram->mm);
}

static void virtgpu_vram_give_back(struct virtgpu_bo *bo)
{
	struct virtgpu_vram *vram = &to_virtgpu_device(bo->base.base.dev)->memory->vram;

	if (!drm_mm_node_allocated(&bo->window))
		return;
	mutex_lock(&vram->lock);
	drm_mm_remove_node(&bo->window);
	mutex_unlock(&vram->lock);
}

/* Has the host map the blob at its place. The place stays taken if the host may still do that. */
static int virtgpu_vram_tell(struct virtgpu_bo *bo)
{
	struct virtgpu_device *vg = to_virtgpu_device(bo->base.base.dev);
	struct virtgpu_cmd *cmd = virtgpu_cmd_map_blob(vg, bo->res->id, bo->window.start);
	const struct virtio_gpu_resp_map_info *resp;
	int ret;

	if (IS_ERR(cmd)) {
		virtgpu_vram_give_back(bo);
		return PTR_ERR(cmd);
	}
	virtgpu_cmd_get(cmd);
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
	virtgpu_queue_kick(&vg->transport->ctrl);
	ret = virtgpu_queue_wait(&vg->transport->ctrl, cmd);
	resp = cmd->resp;
	if (!ret)
		bo->map_info = le32_to_cpu((__force __le32)resp->map_info);
	else if (virtgpu_cmd_had_no_effect(cmd, ret))
		virtgpu_vram_give_back(bo);
	bo->map_error = ret;
	virtgpu_cmd_put(vg, cmd);
	return ret;
}

/* Finds a place in the window and has the host map the blob there, once. */
static int virtgpu_vram_map(struct virtgpu_bo *bo)
{
	struct virtgpu_device *vg = to_virtgpu_device(bo->base.base.dev);
	struct virtgpu_vram *vram = &vg->memory->vram;
	int ret;

	lockdep_assert_held(&bo->lock);
	if (bo->map_error || drm_mm_node_allocated(&bo->window))
		return bo->map_error;
	if (virtgpu_resource_is_refused(bo->res))
		return -EINVAL;
	if (!vg->has_host_visible || !(bo->res->blob.flags & VIRTGPU_BLOB_FLAG_USE_MAPPABLE))
		return -EINVAL;

	mutex_lock(&vram->lock);
	ret = drm_mm_insert_node(&vram->mm, &bo->window, bo->base.base.size);
	mutex_unlock(&vram->lock);
	if (ret)
		return ret;
	return virtgpu_vram_tell(bo);
}

static pgprot_t virtgpu_vram_prot(const struct virtgpu_bo *bo, pgprot_t prot)
{
	prot = pgprot_decrypted(prot);
	switch (bo->map_info & VIRTIO_GPU_MAP_CACHE_MASK) {
	case VIRTIO_GPU_MAP_CACHE_WC:
		return pgprot_writecombine(prot);
	case VIRTIO_GPU_MAP_CACHE_UNCACHED:
		return pgprot_noncached(prot);
	default:
		return prot;
	}
}

static const struct vm_operations_struct virtgpu_vram_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

static int virtgpu_vram_mmap(struct drm_gem_object *gem, struct vm_area_struct *vma)
{
	struct virtgpu_device *vg = to_virtgpu_device(gem->dev);
	struct virtgpu_bo *bo = to_virtgpu_bo(gem);
	unsigned long size = vma->vm_end - vma->vm_start, first;
	int ret;

	mutex_lock(&bo->lock);
	ret = virtgpu_vram_map(bo);
	mutex_unlock(&bo->lock);
	if (ret)
		return -EINVAL;

	vma->vm_pgoff -= drm_vma_node_start(&gem->vma_node);
	first = vma->vm_pgoff;
	if (first > gem->size >> PAGE_SHIFT || size > gem->size - (first << PAGE_SHIFT))
		return -EINVAL;

	vm_flags_set(vma, VM_MIXEDMAP | VM_DONTEXPAND);
	vma->vm_page_prot = virtgpu_vram_prot(bo, vma_get_page_prot(vma));
	vma->vm_ops = &virtgpu_vram_vm_ops;
	return io_remap_pfn_range(vma, vma->vm_start,
				  PHYS_PFN(vg->memory->vram.start + bo->window.start) + first, size,
				  vma->vm_page_prot);
}

/**
 * virtgpu_vram_map_dma - for another device to read or write
 * @bo: the object
 * @dev: the other device
 * @dir: an enum dma_data_direction
 *
 * Returns: the table, or an error pointer; for an object that nobody can map, an empty table that
 * other virtio devices take for the object's UUID.
 */
struct sg_table *virtgpu_vram_map_dma(struct virtgpu_bo *bo, struct device *dev, int dir)
{
	struct virtgpu_device *vg = to_virtgpu_device(bo->base.base.dev);
	struct sg_table *sgt;
	dma_addr_t addr;
	int ret;

	sgt = kzalloc_obj(*sgt);
	if (!sgt)
		return ERR_PTR(-ENOMEM);
	if (!(bo->res->blob.flags & VIRTGPU_BLOB_FLAG_USE_MAPPABLE)) {
		if (is_virtio_device(dev) && vg->has_uuid)
			return sgt;
		kfree(sgt);
		return ERR_PTR(-EIO);
	}

	mutex_lock(&bo->lock);
	ret = virtgpu_vram_map(bo);
	mutex_unlock(&bo->lock);
	if (ret)
		goto err_free;
	ret = sg_alloc_table(sgt, 1, GFP_KERNEL);
	if (ret)
		goto err_free;
	addr = dma_map_resource(dev, vg->memory->vram.start + bo->window.start, bo->window.size,
				dir, DMA_ATTR_SKIP_CPU_SYNC);
	ret = dma_mapping_error(dev, addr);
	if (ret) {
		sg_free_table(sgt);
		goto err_free;
	}
	sg_set_page(sgt->sgl, NULL, bo->window.size, 0);
	sg_dma_address(sgt->sgl) = addr;
	sg_dma_len(sgt->sgl) = bo->window.size;
	return sgt;

err_free:
	kfree(sgt);
	return ERR_PTR(ret);
}

/**
 * virtgpu_vram_unmap_dma - undo virtgpu_vram_map_dma()
 * @dev: the other device
 * @sgt: the table
 * @dir: an enum dma_data_direction
 */
void virtgpu_vram_unmap_dma(struct device *dev, struct sg_table *sgt, int dir)
{
	if (sgt->nents)
		dma_unmap_resource(dev, sg_dma_address(sgt->sgl), sg_dma_len(sgt->sgl), dir,
				   DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(sgt);
	kfree(sgt);
}

static void virtgpu_vram_gem_free(struct drm_gem_object *gem)
{
	struct virtgpu_bo *bo = to_virtgpu_bo(gem);

	if (bo->res) {
		if (drm_mm_node_allocated(&bo->window))
			virtgpu_cmd_unmap_blob(bo->res->vg, bo->res->id);
		virtgpu_resource_put(bo->res);
	}
	virtgpu_bo_put(bo);
}

/**
 * virtgpu_vram_free - free an object that the host has let go of
 * @bo: the object
 */
void virtgpu_vram_free(struct virtgpu_bo *bo)
{
	virtgpu_vram_give_back(bo);
	drm_gem_object_release(&bo->base.base);
	kfree(bo);
}

static const struct drm_gem_object_funcs virtgpu_vram_funcs = {
	.open = virtgpu_gem_open,
	.close = virtgpu_gem_close,
	.free = virtgpu_vram_gem_free,
	.export = virtgpu_prime_export,
	.mmap = virtgpu_vram_mmap,
};

/**
 * virtgpu_vram_create - make an object of the host's memory
 * @vg: the device
 * @blob: which memory
 * @deferred: whether it is to be mapped when somebody wants to see it, not now
 *
 * Returns: the object or an error pointer.
 */
struct virtgpu_bo *virtgpu_vram_create(struct virtgpu_device *vg, const struct virtgpu_blob *blob,
				       bool deferred)
{
	struct virtgpu_resource *res;
	struct virtgpu_bo *bo;
	int ret;

	bo = kzalloc_obj(*bo);
	if (!bo)
		return ERR_PTR(-ENOMEM);
	virtgpu_bo_init(bo, &virtgpu_vram_funcs);
	bo->is_vram = true;
	drm_gem_private_object_init(&vg->drm, &bo->base.base, blob->size);
	ret = drm_gem_create_mmap_offset(&bo->base.base);
	if (ret)
		goto err_put;

	res = virtgpu_resource_create_blob(bo, blob, false);
	if (IS_ERR(res)) {
		ret = PTR_ERR(res);
		goto err_put;
	}
	bo->res = res;

	if (!deferred && blob->flags & VIRTGPU_BLOB_FLAG_USE_MAPPABLE) {
		mutex_lock(&bo->lock);
		ret = virtgpu_vram_map(bo);
		mutex_unlock(&bo->lock);
		/* That the host cannot map it is told to who looks at it. */
		if (ret && !bo->map_error)
			goto err_put;
	}
	return bo;

err_put:
	drm_gem_object_put(&bo->base.base);
	return ERR_PTR(ret);
}
