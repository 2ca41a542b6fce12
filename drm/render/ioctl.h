/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_IOCTL_H
#define VIRTGPU_IOCTL_H

#include <drm/drm_ioctl.h>

#define VIRTGPU_NUM_IOCTLS 12

extern const struct drm_ioctl_desc virtgpu_ioctls[VIRTGPU_NUM_IOCTLS];

#endif
