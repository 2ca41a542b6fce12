// SPDX-License-Identifier: GPL-2.0
/* Buffers of other drivers. */
#include <linux/device.h>

#include <drm/drm_gem.h>
#include <drm/drm_prime.h>

#include "virtgpu_drv.h"
#include "virtgpu_prime.h"

/**
 * virtgpu_prime_import - &drm_driver.gem_prime_import
 * @dev: the DRM device
 * @dma_buf: the buffer
 *
 * An exporter gives DMA addresses. The host wants guest-physical ones unless it negotiated
 * otherwise; behind an IOMMU those are not the same, and only our own buffers can come back.
 *
 * Returns: the object or an error pointer.
 */
struct drm_gem_object *virtgpu_prime_import(struct drm_device *dev, struct dma_buf *dma_buf)
{
	if (!to_virtgpu_device(dev)->use_dma_addr && device_iommu_mapped(dev->dev) &&
	    !drm_gem_is_prime_exported_dma_buf(dev, dma_buf))
		return ERR_PTR(-ENODEV);

	return drm_gem_prime_import(dev, dma_buf);
}
