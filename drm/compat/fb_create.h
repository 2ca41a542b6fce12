/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, framebuffers are created without the format's description. */
#ifndef VIRTGPU_COMPAT_FB_CREATE_H
#define VIRTGPU_COMPAT_FB_CREATE_H

#include <drm/drm_device.h>
#include <drm/drm_fourcc.h>
#include <drm/drm_gem_framebuffer_helper.h>
#include <drm/drm_mode_config.h>

/**
 * struct virtgpu_compat_mode_config_funcs - &struct drm_mode_config_funcs with the new callback
 * @fb_create_format: &drm_mode_config_funcs.fb_create of newer kernels
 */
struct virtgpu_compat_mode_config_funcs {
	struct drm_mode_config_funcs;
	struct drm_framebuffer *(*fb_create_format)(struct drm_device *dev, struct drm_file *file,
						    const struct drm_format_info *info,
						    const struct drm_mode_fb_cmd2 *cmd);
};

/* The core checks the format before it calls this. */
static inline struct drm_framebuffer *virtgpu_compat_fb_create(struct drm_device *dev,
							       struct drm_file *file,
							       const struct drm_mode_fb_cmd2 *cmd)
{
	const struct virtgpu_compat_mode_config_funcs *funcs =
		(const void *)dev->mode_config.funcs;

	return funcs->fb_create_format(dev, file, drm_get_format_info(dev, cmd), cmd);
}

#define drm_mode_config_funcs	virtgpu_compat_mode_config_funcs
#define fb_create		fb_create = virtgpu_compat_fb_create, .fb_create_format

#define drm_gem_fb_init_with_funcs(dev, fb, file, info, cmd, funcs)	\
	drm_gem_fb_init_with_funcs(dev, fb, file, cmd, funcs)

#endif
