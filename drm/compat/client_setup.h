/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, each memory manager has its own function that sets up the fbdev console. */
#ifndef VIRTGPU_COMPAT_CLIENT_SETUP_H
#define VIRTGPU_COMPAT_CLIENT_SETUP_H

#include <drm/drm_drv.h>
#include <drm/drm_fbdev_shmem.h>

struct drm_format_info;

/* The console's buffer comes from the function below. */
#define DRM_FBDEV_SHMEM_DRIVER_OPS	.fbdev_probe = NULL

static inline void virtgpu_compat_client_setup(struct drm_device *dev,
					       const struct drm_format_info *format)
{
	/* A device without heads has no console. */
	if (drm_core_check_feature(dev, DRIVER_MODESET))
		drm_fbdev_shmem_setup(dev, 32);
}

#define drm_client_setup	virtgpu_compat_client_setup

#endif
