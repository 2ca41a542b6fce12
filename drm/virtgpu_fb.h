/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_FB_H
#define VIRTGPU_FB_H

#include <linux/mutex.h>

#include <drm/drm_framebuffer.h>

struct virtgpu_resource;

/**
 * struct virtgpu_fb - a framebuffer
 * @base: the DRM framebuffer
 * @lock: protects what follows while it is made
 * @res: the host resource that shows it, made when first put on a plane
 * @copy: if @res is guest memory that the host cannot show, or not as a cursor, one with pixels of
 *	its own
 */
struct virtgpu_fb {
	struct drm_framebuffer base;
	struct mutex lock;
	struct virtgpu_resource *res;
	struct virtgpu_resource *copy;
};

#define to_virtgpu_fb(fb) container_of(fb, struct virtgpu_fb, base)

struct drm_framebuffer *virtgpu_fb_create(struct drm_device *dev, struct drm_file *file,
					  const struct drm_format_info *info,
					  const struct drm_mode_fb_cmd2 *mode_cmd);
int virtgpu_fb_prepare(struct drm_framebuffer *fb, bool as_cursor);
struct virtgpu_resource *virtgpu_fb_shown(const struct drm_framebuffer *fb);
struct virtgpu_resource *virtgpu_fb_cursor(const struct drm_framebuffer *fb);

#endif
