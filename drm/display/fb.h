/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_FB_H
#define VIRTGPU_FB_H

#include <linux/mutex.h>
#include <linux/virtio_gpu.h>

#include <drm/drm_framebuffer.h>

struct virtgpu_swapchain;
struct virtgpu_output;
struct virtgpu_resource;

/**
 * struct virtgpu_fb - a framebuffer
 * @base: the DRM framebuffer
 * @lock: protects the creation of @uncopied and @cursor
 * @uncopied: the buffer object's resource, if the host sees its pixels without a copy, or NULL
 * @cursor: the resource that shows it on a cursor plane
 * @swapchains: for each head, the swapchain that shows it on the primary plane if its pixels have
 *	to be copied
 * @uses: for each head, the number of states of the primary plane that show it or are about to
 */
struct virtgpu_fb {
	struct drm_framebuffer base;
	struct mutex lock;
	struct virtgpu_resource *uncopied;
	struct virtgpu_resource *cursor;
	struct virtgpu_swapchain *swapchains[VIRTIO_GPU_MAX_SCANOUTS];
	unsigned int uses[VIRTIO_GPU_MAX_SCANOUTS];
};

#define to_virtgpu_fb(fb) container_of(fb, struct virtgpu_fb, base)

/**
 * struct virtgpu_view - how the host shows a framebuffer on a plane
 * @res: the resource that the host shows
 * @swapchain: the swapchain that @res belongs to, or NULL
 * @must_copy: changed pixels have to be copied to @res before
 * @is_current: @res holds the last frame of the plane, so that only the damage has changed
 */
struct virtgpu_view {
	struct virtgpu_resource *res;
	struct virtgpu_swapchain *swapchain;
	bool must_copy;
	bool is_current;
};

struct drm_framebuffer *virtgpu_fb_create(struct drm_device *dev, struct drm_file *file,
					  const struct drm_format_info *info,
					  const struct drm_mode_fb_cmd2 *mode_cmd);
int virtgpu_fb_prepare(struct drm_framebuffer *fb, struct virtgpu_output *output);
void virtgpu_fb_cleanup(struct drm_framebuffer *fb, struct virtgpu_output *output);
int virtgpu_fb_prepare_cursor(struct drm_framebuffer *fb);
struct virtgpu_view virtgpu_fb_view(const struct drm_framebuffer *fb,
				    const struct virtgpu_output *output,
				    const struct drm_framebuffer *last);
struct virtgpu_view virtgpu_fb_view_cursor(struct drm_framebuffer *fb);

#endif
