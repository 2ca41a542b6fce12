// SPDX-License-Identifier: GPL-2.0
/* PRIME: buffers that are exported to, or imported from, other drivers. */
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/module.h>
#include <linux/virtio_dma_buf.h>

#include <drm/drm_drv.h>
#include <drm/drm_gem.h>
#include <drm/drm_prime.h>
#include <drm/virtgpu_drm.h>

#include "memory/gem.h"
#include "memory/memory.h"
#include "memory/prime.h"
#include "memory/resource.h"

MODULE_IMPORT_NS("DMA_BUF");

/**
 * virtgpu_prime_get_uuid - &virtio_dma_buf_ops.get_uuid: the host's name of a buffer
 * @dma_buf: the buffer
 * @uuid: set on success
 *
 * Other virtio devices know the buffer by this name. A dumb buffer that was never shown gets a
 * resource for that.
 *
 * Returns: 0 or a negative errno; -ENODEV if the host has no name for it.
 */
int virtgpu_prime_get_uuid(struct dma_buf *dma_buf, uuid_t *uuid)
{
	struct drm_gem_object *gem = dma_buf->priv;
	struct virtgpu_resource *res;

	if (!to_virtgpu_device(gem->dev)->has_uuid)
		return -ENODEV;
	res = virtgpu_bo_resource(to_virtgpu_bo(gem), VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM);
	if (IS_ERR(res))
		return PTR_ERR(res);
	if (virtgpu_resource_is_refused(res))
		return -ENODEV;
	if (res->blob.size && !(res->blob.flags & VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE))
		return -ENODEV;
	return virtgpu_resource_uuid(res, uuid);
}

static const struct virtio_dma_buf_ops virtgpu_prime_ops = {
	.ops = {
		.attach = virtio_dma_buf_attach,
		.detach = drm_gem_map_detach,
		.map_dma_buf = drm_gem_map_dma_buf,
		.unmap_dma_buf = drm_gem_unmap_dma_buf,
		.release = drm_gem_dmabuf_release,
		.mmap = drm_gem_dmabuf_mmap,
		.vmap = drm_gem_dmabuf_vmap,
		.vunmap = drm_gem_dmabuf_vunmap,
	},
	.device_attach = drm_gem_map_attach,
	.get_uuid = virtgpu_prime_get_uuid,
};

/**
 * virtgpu_prime_export_with - export an object by the functions of its kind
 * @gem: the object
 * @flags: flags of the file that the buffer becomes
 * @ops: the functions
 *
 * Returns: the buffer, which other virtio devices can ask for its name, or an error pointer.
 */
struct dma_buf *virtgpu_prime_export_with(struct drm_gem_object *gem, int flags,
					  const struct virtio_dma_buf_ops *ops)
{
	struct dma_buf_export_info info = {
		.exp_name = KBUILD_MODNAME,
		.owner = gem->dev->driver->fops->owner,
		.ops = &ops->ops,
		.size = gem->size,
		.flags = flags,
		.priv = gem,
		.resv = gem->resv,
	};

	/*
	 * Unlike virtio_dma_buf_export(), which only checks the functions, this lets an unplug
	 * end what programs have mapped of the buffer.
	 */
	return drm_gem_dmabuf_export(gem->dev, &info);
}

/**
 * virtgpu_prime_export - &drm_gem_object_funcs.export of objects with pages
 * @gem: the object
 * @flags: flags of the file that the buffer becomes
 *
 * Returns: the buffer or an error pointer.
 */
struct dma_buf *virtgpu_prime_export(struct drm_gem_object *gem, int flags)
{
	return virtgpu_prime_export_with(gem, flags, &virtgpu_prime_ops);
}

static bool virtgpu_prime_is_own(struct drm_device *dev, const struct dma_buf *dma_buf)
{
	const struct drm_gem_object *gem = dma_buf->priv;

	if (dma_buf->ops != &virtgpu_prime_ops.ops && dma_buf->ops != &virtgpu_vram_prime_ops.ops)
		return false;
	return gem->dev == dev;
}

/**
 * virtgpu_prime_import - &drm_driver.gem_prime_import
 * @dev: the DRM device
 * @dma_buf: the buffer
 *
 * An exporter provides DMA addresses. The host needs physical addresses of the guest, unless it has
 * negotiated otherwise. With an IOMMU these differ, so only our own buffers can be imported.
 *
 * Returns: the object or an error pointer.
 */
struct drm_gem_object *virtgpu_prime_import(struct drm_device *dev, struct dma_buf *dma_buf)
{
	struct virtgpu_device *vg = to_virtgpu_device(dev);
	struct drm_gem_object *gem;
	int idx;

	if (virtgpu_prime_is_own(dev, dma_buf)) {
		gem = dma_buf->priv;
		drm_gem_object_get(gem);
		return gem;
	}
	if (!vg->use_dma_addr && device_iommu_mapped(dev->dev))
		return ERR_PTR(-ENODEV);

	if (!drm_dev_enter(dev, &idx))
		return ERR_PTR(-ENODEV);
	gem = drm_gem_prime_import(dev, dma_buf);
	if (IS_ERR(gem))
		gem = ERR_PTR(virtgpu_dma_error(vg, dma_buf->size, PTR_ERR(gem)));
	else
		virtgpu_dma_add(vg, &to_virtgpu_bo(gem)->mapping);
	drm_dev_exit(idx);
	return gem;
}
