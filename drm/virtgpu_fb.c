// SPDX-License-Identifier: GPL-2.0
/* Framebuffers: pixels of a buffer object, and the host resource they are shown by. */
#include <linux/slab.h>

#include <drm/drm_damage_helper.h>
#include <drm/drm_gem_framebuffer_helper.h>

#include "virtgpu_drv.h"
#include "virtgpu_fb.h"
#include "virtgpu_format.h"
#include "virtgpu_gem.h"
#include "virtgpu_resource.h"

static void virtgpu_fb_destroy(struct drm_framebuffer *fb)
{
	struct virtgpu_fb *vfb = to_virtgpu_fb(fb);

	if (vfb->copy)
		virtgpu_resource_put(vfb->copy);
	if (vfb->res)
		virtgpu_resource_put(vfb->res);
	mutex_destroy(&vfb->lock);
	/* drm_gem_fb_destroy() frees the struct, whose first member is @base. */
	drm_gem_fb_destroy(fb);
}

static const struct drm_framebuffer_funcs virtgpu_fb_funcs = {
	.create_handle = drm_gem_fb_create_handle,
	.destroy = virtgpu_fb_destroy,
	.dirty = drm_atomic_helper_dirtyfb,
};

/**
 * virtgpu_fb_create - &drm_mode_config_funcs.fb_create
 * @dev: the DRM device
 * @file: whose handles @mode_cmd names
 * @info: the pixel format
 * @mode_cmd: what is asked for
 *
 * Returns: the framebuffer or an error pointer; -ENOENT for an unknown handle, -EINVAL for a
 * format the protocol does not have, a pitch of half pixels or a buffer too small.
 */
struct drm_framebuffer *virtgpu_fb_create(struct drm_device *dev, struct drm_file *file,
					  const struct drm_format_info *info,
					  const struct drm_mode_fb_cmd2 *mode_cmd)
{
	struct virtgpu_fb *vfb;
	int ret;

	if (!virtgpu_format_from_fourcc(info->format) || mode_cmd->pitches[0] % 4)
		return ERR_PTR(-EINVAL);

	vfb = kzalloc_obj(*vfb);
	if (!vfb)
		return ERR_PTR(-ENOMEM);

	mutex_init(&vfb->lock);
	ret = drm_gem_fb_init_with_funcs(dev, &vfb->base, file, info, mode_cmd, &virtgpu_fb_funcs);
	if (ret) {
		kfree(vfb);
		return ERR_PTR(ret);
	}
	return &vfb->base;
}

/* Guest memory that this device may have to copy; what a renderer has it shows. */
static bool virtgpu_fb_may_copy(const struct virtgpu_device *vg, const struct virtgpu_resource *res)
{
	return res->blob.size && !vg->has_3d;
}

static int virtgpu_fb_prepare_locked(struct drm_framebuffer *fb, bool as_cursor)
{
	struct virtgpu_device *vg = to_virtgpu_device(fb->dev);
	u32 format = virtgpu_format_from_fourcc(fb->format->format);
	struct virtgpu_bo *bo = to_virtgpu_bo(fb->obj[0]);
	struct virtgpu_fb *vfb = to_virtgpu_fb(fb);
	struct virtgpu_resource *res;

	lockdep_assert_held(&vfb->lock);
	if (!vfb->res) {
		res = virtgpu_bo_resource(bo, format, fb->pitches[0], fb->offsets[0], fb->height);
		if (IS_ERR(res))
			return PTR_ERR(res);
		vfb->res = res;
	}
	if (vfb->copy || !virtgpu_fb_may_copy(vg, vfb->res) ||
	    (!as_cursor && READ_ONCE(vg->zero_copy)))
		return 0;

	res = virtgpu_resource_create(bo, false, format, fb->pitches[0] / 4, fb->height);
	if (IS_ERR(res))
		return PTR_ERR(res);
	vfb->copy = res;
	return 0;
}

/**
 * virtgpu_fb_prepare - make sure the host can show a framebuffer
 * @fb: the framebuffer
 * @as_cursor: on a cursor plane: hosts do not say whether they could, so that it gets a copy
 *
 * Returns: 0 or a negative errno, see virtgpu_resource_create().
 */
int virtgpu_fb_prepare(struct drm_framebuffer *fb, bool as_cursor)
{
	struct virtgpu_fb *vfb = to_virtgpu_fb(fb);
	int ret;

	mutex_lock(&vfb->lock);
	ret = virtgpu_fb_prepare_locked(fb, as_cursor);
	mutex_unlock(&vfb->lock);
	return ret;
}

/**
 * virtgpu_fb_shown - what the host shows of a framebuffer on a primary plane
 * @fb: the framebuffer, prepared
 *
 * Returns: the resource.
 */
struct virtgpu_resource *virtgpu_fb_shown(const struct drm_framebuffer *fb)
{
	const struct virtgpu_fb *vfb = to_virtgpu_fb(fb);

	if (vfb->copy && !READ_ONCE(to_virtgpu_device(fb->dev)->zero_copy))
		return vfb->copy;
	return vfb->res;
}

/**
 * virtgpu_fb_cursor - what the host shows of a framebuffer on a cursor plane
 * @fb: the framebuffer, prepared
 *
 * Returns: the resource.
 */
struct virtgpu_resource *virtgpu_fb_cursor(const struct drm_framebuffer *fb)
{
	const struct virtgpu_fb *vfb = to_virtgpu_fb(fb);

	return vfb->copy ?: vfb->res;
}
