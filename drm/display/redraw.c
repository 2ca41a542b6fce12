// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Redraws
 *
 * After a reset, and after a host has lost or refused commands, the driver commits the current
 * state once more. A plane without damage clips is uploaded whole, so the host gets every pixel
 * again.
 */
#include <linux/workqueue.h>

#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_drv.h>
#include <drm/drm_modeset_lock.h>
#include <drm/drm_print.h>

#include "display/display.h"
#include "display/kms.h"

/**
 * virtgpu_redraw_work - commit the current state once more
 * @work: &virtgpu_display.redraw_work
 */
void virtgpu_redraw_work(struct work_struct *work)
{
	struct virtgpu_display *display = container_of(work, struct virtgpu_display, redraw_work);
	struct virtgpu_device *vg = display->vg;
	struct drm_device *drm = &vg->drm;
	struct drm_modeset_acquire_ctx ctx;
	struct drm_atomic_commit *state;
	int ret;
	u32 i;

	DRM_MODESET_LOCK_ALL_BEGIN(drm, ctx, 0, ret);
	if (xchg(&display->is_stale, false))
		for (i = 0; i < vg->num_scanouts; i++)
			virtgpu_output_mend(&display->outputs[i]);
	state = drm_atomic_helper_duplicate_state(drm, &ctx);
	if (IS_ERR(state)) {
		ret = PTR_ERR(state);
	} else {
		ret = drm_atomic_helper_commit_duplicated_state(state, &ctx);
		drm_atomic_commit_put(state);
	}
	DRM_MODESET_LOCK_ALL_END(drm, ctx, ret);
	if (ret)
		drm_err(&vg->drm, "cannot redraw the heads: %d\n", ret);
}

/**
 * virtgpu_display_redraw - schedule a commit of the current state
 * @vg: the device
 */
void virtgpu_display_redraw(struct virtgpu_device *vg)
{
	if (vg->num_scanouts)
		queue_work(vg->wq, &vg->display->redraw_work);
}

/**
 * virtgpu_display_forget - note that the device was reset and shows nothing
 * @vg: the device
 */
void virtgpu_display_forget(struct virtgpu_device *vg)
{
	u32 i;

	for (i = 0; i < vg->num_scanouts; i++)
		virtgpu_output_forget(&vg->display->outputs[i]);
}

/**
 * virtgpu_display_mend - schedule a redraw of all heads for a device that has lost commands
 * @vg: the device
 */
void virtgpu_display_mend(struct virtgpu_device *vg)
{
	WRITE_ONCE(vg->display->is_stale, true);
	virtgpu_display_redraw(vg);
}
