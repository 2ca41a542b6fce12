/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, drivers compute the size of a dumb buffer themselves. */
#ifndef VIRTGPU_COMPAT_DUMB_BUFFERS_H
#define VIRTGPU_COMPAT_DUMB_BUFFERS_H

struct drm_device;
struct drm_mode_create_dumb;

int drm_mode_size_dumb(struct drm_device *dev, struct drm_mode_create_dumb *args,
		       unsigned long hw_pitch_align, unsigned long hw_size_align);

#endif
