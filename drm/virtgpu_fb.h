/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_FB_H
#define VIRTGPU_FB_H

#include <linux/mutex.h>

#include <drm/drm_framebuffer.h>

struct virtgpu_resource;

/**
 * struct virtgpu_fb - a framebuffer
 * @base: the DRM framebuffer
 * @lock: protects @res while it is made
 * @res: the host resource that shows it, made when first put on a plane
 */
struct virtgpu_fb {
	struct drm_framebuffer base;
	struct mutex lock;
	struct virtgpu_resource *res;
};

#define to_virtgpu_fb(fb) container_of(fb, struct virtgpu_fb, base)

struct drm_framebuffer *virtgpu_fb_create(struct drm_device *dev, struct drm_file *file,
					  const struct drm_format_info *info,
					  const struct drm_mode_fb_cmd2 *mode_cmd);
int virtgpu_fb_prepare(struct drm_framebuffer *fb);

#endif
