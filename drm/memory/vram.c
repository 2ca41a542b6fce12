// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Memory of the host
 *
 * A buffer object of this kind is a blob in the memory of the host, without pages in the guest. For
 * the guest to see it, the host maps it into a window: a range of addresses that belongs to the
 * device. It is mapped when it is created or, if the program wishes, when it is first used, and
 * stays mapped until it is freed.
 */
#include <linux/dma-mapping.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/virtio_config.h>
#include <linux/virtio_dma_buf.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>
#include <drm/virtgpu_drm.h>

#include "memory/gem.h"
#include "memory/memory.h"
#include "memory/prime.h"
#include "memory/resource.h"
#include "transport/encode.h"

/**
 * struct virtgpu_vram_bo - a buffer object that is memory of the host
 * @base: what all buffer objects have; @base.lock protects the rest
 * @window: its place in the window, once it is mapped
 * @map_info: how the host wants it to be cached
 * @map_error: why it could not be mapped, or 0
 */
struct virtgpu_vram_bo {
	struct virtgpu_bo base;
	struct drm_mm_node window;
	u32 map_info;
	int map_error;
};

#define to_virtgpu_vram_bo(bo) container_of(bo, struct virtgpu_vram_bo, base)

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
		drm_err(&vg->drm, "the host-visible memory is not valid: 0x%llx, 0x%llx bytes\n",
			window.addr, window.len);
		return 0;
	}
	if (!devm_request_mem_region(&vg->vdev->dev, window.addr, window.len,
				     VIRTGPU_DRIVER_NAME)) {
		drm_err(&vg->drm, "another driver has claimed the host-visible memory\n");
		return -EBUSY;
	}
	vram->start = window.addr;
	vg->has_host_visible = true;
	drm_mm_init(&vram->mm, 0, window.len);
	return drmm_add_action_or_reset(&vg->drm, virtgpu_vram_fini, &vram->mm);
}

static void virtgpu_vram_give_back(struct virtgpu_vram_bo *vbo)
{
	struct virtgpu_vram *vram = &to_virtgpu_device(vbo->base.base.base.dev)->memory->vram;

	if (!drm_mm_node_allocated(&vbo->window))
		return;
	mutex_lock(&vram->lock);
	drm_mm_remove_node(&vbo->window);
	mutex_unlock(&vram->lock);
}

/* Has the host map the blob at its place, which stays reserved if the host may still do that. */
static int virtgpu_vram_tell(struct virtgpu_vram_bo *vbo)
{
	struct virtgpu_device *vg = to_virtgpu_device(vbo->base.base.base.dev);
	struct virtgpu_cmd *cmd = virtgpu_cmd_map_blob(vg, vbo->base.res->id, vbo->window.start);
	const struct virtio_gpu_resp_map_info *resp;
	int ret;

	lockdep_assert_held(&vbo->base.lock);
	if (IS_ERR(cmd)) {
		virtgpu_vram_give_back(vbo);
		return PTR_ERR(cmd);
	}
	virtgpu_cmd_get(cmd);
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
	virtgpu_queue_kick(&vg->transport->ctrl);
	ret = virtgpu_queue_wait(&vg->transport->ctrl, cmd);
	resp = cmd->resp;
	if (!ret)
		vbo->map_info = le32_to_cpu((__force __le32)resp->map_info);
	else if (virtgpu_cmd_had_no_effect(cmd, ret))
		virtgpu_vram_give_back(vbo);
	vbo->map_error = ret;
	virtgpu_cmd_put(vg, cmd);
	return ret;
}

/*
 * Reserves a place in the window and has the host map the blob there, unless this was tried before.
 */
static int virtgpu_vram_map(struct virtgpu_vram_bo *vbo)
{
	struct virtgpu_bo *bo = &vbo->base;
	struct virtgpu_device *vg = to_virtgpu_device(bo->base.base.dev);
	struct virtgpu_vram *vram = &vg->memory->vram;
	int ret;

	lockdep_assert_held(&bo->lock);
	if (vbo->map_error || drm_mm_node_allocated(&vbo->window))
		return vbo->map_error;
	if (virtgpu_resource_is_refused(bo->res))
		return -EINVAL;
	if (!vg->has_host_visible || !(bo->res->blob.flags & VIRTGPU_BLOB_FLAG_USE_MAPPABLE))
		return -EINVAL;

	mutex_lock(&vram->lock);
	ret = drm_mm_insert_node(&vram->mm, &vbo->window, bo->base.base.size);
	mutex_unlock(&vram->lock);
	if (ret)
		return ret;
	return virtgpu_vram_tell(vbo);
}

static pgprot_t virtgpu_vram_prot(const struct virtgpu_vram_bo *vbo, pgprot_t prot)
{
	prot = pgprot_decrypted(prot);
	switch (vbo->map_info & VIRTIO_GPU_MAP_CACHE_MASK) {
	case VIRTIO_GPU_MAP_CACHE_WC:
		return pgprot_writecombine(prot);
	case VIRTIO_GPU_MAP_CACHE_UNCACHED:
		return pgprot_noncached(prot);
	default:
		return prot;
	}
}

/* Returns the first page of an object in the window. */
static unsigned long virtgpu_vram_pfn(const struct virtgpu_vram_bo *vbo)
{
	const struct virtgpu_device *vg = to_virtgpu_device(vbo->base.base.base.dev);

	return PHYS_PFN(vg->memory->vram.start + vbo->window.start);
}

/*
 * Maps what a page table has room for around the page, because faults are expensive. Pages are
 * mapped here and not in mmap(): the core finds a mapping only after mmap(), and would miss the
 * pages of one that is made while the device is unplugged.
 */
static vm_fault_t virtgpu_vram_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	const struct drm_gem_object *gem = vma->vm_private_data;
	unsigned long pfn = virtgpu_vram_pfn(to_virtgpu_vram_bo(to_virtgpu_bo(gem)));
	unsigned long table = ALIGN_DOWN(vmf->address, PMD_SIZE);
	unsigned long addr = max(table, vma->vm_start), end = min(table + PMD_SIZE, vma->vm_end);
	vm_fault_t ret = VM_FAULT_NOPAGE;
	int idx;

	if (!drm_dev_enter(gem->dev, &idx))
		return VM_FAULT_SIGBUS;
	for (; addr < end && ret == VM_FAULT_NOPAGE; addr += PAGE_SIZE)
		ret = vmf_insert_pfn(vma, addr, pfn + linear_page_index(vma, addr));
	drm_dev_exit(idx);
	return ret;
}

static const struct vm_operations_struct virtgpu_vram_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
	.fault = virtgpu_vram_fault,
};

/*
 * Reserves the kind of caching of a range of the window, as long as @vma exists. Only a mapping of
 * the whole range makes the reservation. vmf_insert_pfn() uses the reserved kind, and ignores the
 * caching of vma->vm_page_prot.
 */
static int virtgpu_vram_reserve(struct vm_area_struct *vma, unsigned long pfn, unsigned long size)
{
	int ret = io_remap_pfn_range(vma, vma->vm_start, pfn, size, vma->vm_page_prot);

	if (!ret)
		zap_special_vma_range(vma, vma->vm_start, size);
	return ret;
}

static int virtgpu_vram_mmap(struct drm_gem_object *gem, struct vm_area_struct *vma)
{
	struct virtgpu_vram_bo *vbo = to_virtgpu_vram_bo(to_virtgpu_bo(gem));
	unsigned long size = vma->vm_end - vma->vm_start, first;
	int ret, idx;

	/* As for objects with pages: faults cannot copy what a private mapping changes. */
	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;

	mutex_lock(&vbo->base.lock);
	ret = virtgpu_vram_map(vbo);
	mutex_unlock(&vbo->base.lock);
	if (ret)
		return -EINVAL;

	vma->vm_pgoff -= drm_vma_node_start(&gem->vma_node);
	first = vma->vm_pgoff;
	if (first > gem->size >> PAGE_SHIFT || size > gem->size - (first << PAGE_SHIFT))
		return -EINVAL;

	vma->vm_page_prot = virtgpu_vram_prot(vbo, vma_get_page_prot(vma));
	if (!drm_dev_enter(gem->dev, &idx))
		return -ENODEV;
	ret = virtgpu_vram_reserve(vma, virtgpu_vram_pfn(vbo) + first, size);
	drm_dev_exit(idx);
	return ret;
}

/*
 * Maps an object for another device. An object that cannot be mapped has an empty table for other
 * virtio devices, which use the object's UUID instead.
 */
static struct sg_table *virtgpu_vram_map_dma(struct dma_buf_attachment *attach,
					     enum dma_data_direction dir)
{
	struct virtgpu_bo *bo = to_virtgpu_bo((struct drm_gem_object *)attach->dmabuf->priv);
	struct virtgpu_device *vg = to_virtgpu_device(bo->base.base.dev);
	struct virtgpu_vram_bo *vbo = to_virtgpu_vram_bo(bo);
	struct device *dev = attach->dev;
	struct sg_table *sgt;
	dma_addr_t addr;
	int ret, idx;

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
	ret = virtgpu_vram_map(vbo);
	mutex_unlock(&bo->lock);
	if (ret)
		goto err_free;
	ret = sg_alloc_table(sgt, 1, GFP_KERNEL);
	if (ret)
		goto err_free;
	if (!drm_dev_enter(&vg->drm, &idx)) {
		ret = -ENODEV;
		goto err_free_table;
	}
	addr = dma_map_resource(dev, vg->memory->vram.start + vbo->window.start,
				vbo->window.size, dir, DMA_ATTR_SKIP_CPU_SYNC);
	ret = dma_mapping_error(dev, addr);
	drm_dev_exit(idx);
	if (ret)
		goto err_free_table;
	sg_set_page(sgt->sgl, NULL, vbo->window.size, 0);
	sg_dma_address(sgt->sgl) = addr;
	sg_dma_len(sgt->sgl) = vbo->window.size;
	return sgt;

err_free_table:
	sg_free_table(sgt);
err_free:
	kfree(sgt);
	return ERR_PTR(ret);
}

static void virtgpu_vram_unmap_dma(struct dma_buf_attachment *attach, struct sg_table *sgt,
				   enum dma_data_direction dir)
{
	if (sgt->nents)
		dma_unmap_resource(attach->dev, sg_dma_address(sgt->sgl), sg_dma_len(sgt->sgl),
				   dir, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(sgt);
	kfree(sgt);
}

const struct virtio_dma_buf_ops virtgpu_vram_prime_ops = {
	.ops = {
		.attach = virtio_dma_buf_attach,
		.detach = drm_gem_map_detach,
		.map_dma_buf = virtgpu_vram_map_dma,
		.unmap_dma_buf = virtgpu_vram_unmap_dma,
		.release = drm_gem_dmabuf_release,
		.mmap = drm_gem_dmabuf_mmap,
		.vmap = drm_gem_dmabuf_vmap,
		.vunmap = drm_gem_dmabuf_vunmap,
	},
	.device_attach = drm_gem_map_attach,
	.get_uuid = virtgpu_prime_get_uuid,
};

static struct dma_buf *virtgpu_vram_export(struct drm_gem_object *gem, int flags)
{
	return virtgpu_prime_export_with(gem, flags, &virtgpu_vram_prime_ops);
}

static void virtgpu_vram_gem_free(struct drm_gem_object *gem)
{
	struct virtgpu_bo *bo = to_virtgpu_bo(gem);

	if (bo->res) {
		if (drm_mm_node_allocated(&to_virtgpu_vram_bo(bo)->window))
			virtgpu_cmd_unmap_blob(bo->res->vg, bo->res->id);
		virtgpu_resource_put(bo->res);
	}
	virtgpu_bo_put(bo);
}

static void virtgpu_vram_release(struct virtgpu_bo *bo)
{
	struct virtgpu_vram_bo *vbo = to_virtgpu_vram_bo(bo);

	virtgpu_vram_give_back(vbo);
	drm_gem_object_release(&bo->base.base);
	kfree(vbo);
}

/* The host has the memory, from the creation of the object on. */
static enum drm_gem_object_status virtgpu_vram_status(struct drm_gem_object *gem)
{
	return DRM_GEM_OBJECT_RESIDENT;
}

static const struct drm_gem_object_funcs virtgpu_vram_funcs = {
	.open = virtgpu_gem_open,
	.close = virtgpu_gem_close,
	.free = virtgpu_vram_gem_free,
	.export = virtgpu_vram_export,
	.mmap = virtgpu_vram_mmap,
	.vm_ops = &virtgpu_vram_vm_ops,
	.status = virtgpu_vram_status,
};

/**
 * virtgpu_vram_create - create a buffer object that is memory of the host
 * @vg: the device
 * @blob: parameters of the blob
 * @deferred: map it when it is first used, not now
 *
 * Returns: the object or an error pointer.
 */
struct virtgpu_bo *virtgpu_vram_create(struct virtgpu_device *vg, const struct virtgpu_blob *blob,
				       bool deferred)
{
	struct virtgpu_resource *res;
	struct virtgpu_vram_bo *vbo;
	struct virtgpu_bo *bo;
	int ret;

	vbo = kzalloc_obj(*vbo);
	if (!vbo)
		return ERR_PTR(-ENOMEM);
	bo = &vbo->base;
	virtgpu_bo_init(bo, &virtgpu_vram_funcs, virtgpu_vram_release);
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
		ret = virtgpu_vram_map(vbo);
		mutex_unlock(&bo->lock);
		/* If the host cannot map it, only those who use the memory get an error. */
		if (ret && !vbo->map_error)
			goto err_put;
	}
	return bo;

err_put:
	drm_gem_object_put(&bo->base.base);
	return ERR_PTR(ret);
}
