/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In Linux 6.12, the pages of buffers cannot be huge.
 *
 * Absent: huge pages for buffers
 */
#ifndef VIRTGPU_COMPAT_HUGE_MNT_H
#define VIRTGPU_COMPAT_HUGE_MNT_H

#include <drm/drm_device.h>

/* A member that the driver does not use, and that is NULL when huge pages would be set up. */
#define huge_mnt	dev_private

static inline int drm_gem_huge_mnt_create(struct drm_device *dev, const char *value)
{
	return 0;
}

static inline void *drm_gem_get_huge_mnt(struct drm_device *dev)
{
	return NULL;
}

#endif
