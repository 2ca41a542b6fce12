/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In Linux 6.12, a DRM device that is a part of a larger struct is always freed together with its
 * parent's driver.
 */
#ifndef VIRTGPU_COMPAT_DRM_DEV_ALLOC_H
#define VIRTGPU_COMPAT_DRM_DEV_ALLOC_H

#include <linux/device.h>

#include <drm/drm_drv.h>

/* The reference of the parent's driver is dropped at once, and the caller gets another one. */
static inline void *virtgpu_compat_drm_dev_alloc(struct device *parent,
						 const struct drm_driver *driver, size_t size,
						 size_t offset)
{
	void *group = devres_open_group(parent, NULL, GFP_KERNEL);
	void *container;

	if (!group)
		return ERR_PTR(-ENOMEM);
	container = __devm_drm_dev_alloc(parent, driver, size, offset);
	if (!IS_ERR(container))
		drm_dev_get(container + offset);
	devres_release_group(parent, group);
	return container;
}

#define __drm_dev_alloc	virtgpu_compat_drm_dev_alloc

#endif
