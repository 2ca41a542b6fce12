// SPDX-License-Identifier: GPL-2.0
/* Framebuffers, and the host resources that show them. */
#include <linux/slab.h>

#include <drm/drm_damage_helper.h>
#include <drm/drm_gem_framebuffer_helper.h>

#include "display/display.h"
#include "display/fb.h"
#include "display/swapchain.h"
#include "memory/format.h"
#include "memory/gem.h"
#include "memory/resource.h"

static void virtgpu_fb_destroy(struct drm_framebuffer *fb)
{
	struct virtgpu_fb *vfb = to_virtgpu_fb(fb);

	if (vfb->cursor)
		virtgpu_resource_put(vfb->cursor);
	if (vfb->uncopied)
		virtgpu_resource_put(vfb->uncopied);
	mutex_destroy(&vfb->lock);
	/* drm_gem_fb_destroy() frees the struct by its first member. */
	static_assert(offsetof(struct virtgpu_fb, base) == 0);
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
 * @file: the file that has the handles in @mode_cmd
 * @info: the pixel format
 * @mode_cmd: the parameters
 *
 * Returns: the framebuffer or an error pointer; -ENOENT for an unknown handle; -EINVAL for a format
 * that the protocol does not have, for a pitch that is not a number of pixels, and for a buffer
 * that is too small.
 */
struct drm_framebuffer *virtgpu_fb_create(struct drm_device *dev, struct drm_file *file,
					  const struct drm_format_info *info,
					  const struct drm_mode_fb_cmd2 *mode_cmd)
{
	struct virtgpu_fb *vfb;
	int ret;

	if (!virtgpu_format_from_fourcc(info->format) || mode_cmd->pitches[0] % info->cpp[0])
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

static int virtgpu_fb_prepare_uncopied(struct virtgpu_fb *vfb)
{
	struct virtgpu_resource *res;

	lockdep_assert_held(&vfb->lock);
	if (vfb->uncopied)
		return 0;
	res = virtgpu_bo_uncopied(to_virtgpu_bo(vfb->base.obj[0]), &vfb->base);
	if (IS_ERR(res))
		return PTR_ERR(res);
	vfb->uncopied = res;
	return 0;
}

/* Whether the host shows the guest's pages without a copy, which it may refuse at any time. */
static bool virtgpu_fb_is_guests(const struct virtgpu_fb *vfb)
{
	return vfb->uncopied->blob.size && !to_virtgpu_device(vfb->base.dev)->has_3d;
}

static bool virtgpu_fb_is_copied(const struct virtgpu_fb *vfb)
{
	return !vfb->uncopied || (virtgpu_fb_is_guests(vfb) &&
				  !READ_ONCE(to_virtgpu_device(vfb->base.dev)->memory->zero_copy));
}

/**
 * virtgpu_fb_prepare - make sure the host can show a framebuffer on a primary plane
 * @fb: the framebuffer
 * @output: the plane's head
 *
 * Returns: 0, and then virtgpu_fb_cleanup() must follow; or a negative errno, see
 * virtgpu_resource_create().
 */
int virtgpu_fb_prepare(struct drm_framebuffer *fb, struct virtgpu_output *output)
{
	struct virtgpu_fb *vfb = to_virtgpu_fb(fb);
	int ret;

	do {
		mutex_lock(&vfb->lock);
		ret = virtgpu_fb_prepare_uncopied(vfb);
		mutex_unlock(&vfb->lock);
	} while (output->vg->trouble->again(output->vg, &ret));
	if (ret)
		return ret;
	return virtgpu_swapchain_prepare(output, fb, virtgpu_fb_is_copied(vfb));
}

/**
 * virtgpu_fb_cleanup - a primary plane no longer shows a framebuffer
 * @fb: the framebuffer
 * @output: the plane's head
 */
void virtgpu_fb_cleanup(struct drm_framebuffer *fb, struct virtgpu_output *output)
{
	virtgpu_swapchain_cleanup(output, fb);
}

/**
 * virtgpu_fb_prepare_cursor - make sure the host can show a framebuffer on a cursor plane
 * @fb: the framebuffer
 *
 * Does not wait for the host.
 *
 * Returns: 0 or a negative errno, see virtgpu_resource_create().
 */
int virtgpu_fb_prepare_cursor(struct drm_framebuffer *fb)
{
	struct virtgpu_fb *vfb = to_virtgpu_fb(fb);
	struct virtgpu_resource *res, *refused = NULL;
	int ret = 0;

	mutex_lock(&vfb->lock);
	if (!vfb->cursor || virtgpu_resource_is_refused(vfb->cursor)) {
		res = virtgpu_bo_cursor(to_virtgpu_bo(fb->obj[0]), fb);
		if (IS_ERR(res)) {
			ret = PTR_ERR(res);
		} else {
			refused = vfb->cursor;
			vfb->cursor = res;
		}
	}
	mutex_unlock(&vfb->lock);
	if (refused)
		virtgpu_resource_put(refused);
	return ret;
}

/**
 * virtgpu_fb_view - how the host shows a framebuffer on a primary plane
 * @fb: the framebuffer, prepared
 * @output: the plane's head
 * @last: the framebuffer that the plane showed before, or NULL
 *
 * This is the only place that decides which resource shows a framebuffer and what has to be copied.
 *
 * Returns: the view.
 */
struct virtgpu_view virtgpu_fb_view(const struct drm_framebuffer *fb,
				    const struct virtgpu_output *output,
				    const struct drm_framebuffer *last)
{
	const struct virtgpu_fb *vfb = to_virtgpu_fb(fb);
	struct virtgpu_swapchain *swapchain = NULL;

	if (virtgpu_fb_is_copied(vfb))
		swapchain = READ_ONCE(vfb->swapchains[output->index]);
	/*
	 * Also if zero copy has ended since the framebuffer was prepared: no swapchain was made.
	 */
	if (!swapchain)
		return (struct virtgpu_view){
			.res = vfb->uncopied,
			.is_current = fb == last,
		};
	return (struct virtgpu_view){
		.res = swapchain->res,
		.swapchain = swapchain,
		.must_copy = true,
		.is_current = output->last_frame == swapchain,
	};
}

/**
 * virtgpu_fb_view_cursor - how the host shows a framebuffer on a cursor plane
 * @fb: the framebuffer, prepared
 *
 * Returns: the view. The caller gets a reference to &virtgpu_view.res, because a commit on another
 * head may replace the resource. &virtgpu_view.is_current is not set, because only the cursor
 * knows.
 */
struct virtgpu_view virtgpu_fb_view_cursor(struct drm_framebuffer *fb)
{
	struct virtgpu_fb *vfb = to_virtgpu_fb(fb);
	struct virtgpu_view view = {};

	mutex_lock(&vfb->lock);
	view.res = vfb->cursor;
	view.must_copy = !virtgpu_resource_is_uncopied(view.res);
	virtgpu_resource_get(view.res);
	mutex_unlock(&vfb->lock);
	return view;
}
