// SPDX-License-Identifier: GPL-2.0
/*
 * Commits. One that a program does not want to wait for, and that has nothing to wait for itself,
 * is carried out where it is asked for: to send a frame takes less than to wake somebody up for it.
 */
#include <linux/dma-fence.h>
#include <linux/workqueue.h>

#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_drv.h>
#include <drm/drm_modeset_lock.h>
#include <drm/drm_print.h>

#include "display/display.h"
#include "display/kms.h"

/*
 * Whether a head still waits for the vblank of an earlier commit. The core looks only for commits
 * that are not cleaned up, which those of virtgpu_commit_planes() are before their vblank.
 */
static bool virtgpu_commit_is_busy(struct drm_atomic_commit *state)
{
	struct drm_crtc_state *old_state;
	struct drm_crtc *crtc;
	int i;

	for_each_old_crtc_in_state(state, crtc, old_state, i)
		if (old_state->commit && !try_wait_for_completion(&old_state->commit->flip_done))
			return true;
	return false;
}

/* Whether a commit whose planes are prepared has anything to wait for. */
static bool virtgpu_commit_waits(struct drm_atomic_commit *state)
{
	struct drm_plane_state *plane_state;
	struct drm_crtc_state *crtc_state;
	struct drm_plane *plane;
	struct drm_crtc *crtc;
	int i;

	for_each_new_crtc_in_state(state, crtc, crtc_state, i)
		if (drm_atomic_crtc_needs_modeset(crtc_state) ||
		    !virtgpu_output_has_room(crtc_to_virtgpu_output(crtc)))
			return true;
	for_each_new_plane_in_state(state, plane, plane_state, i)
		if (plane_state->fence && !dma_fence_is_signaled(plane_state->fence))
			return true;
	return false;
}

/* What virtgpu_commit_work() does, less modes and less waiting for the vblank. */
static void virtgpu_commit_planes(struct drm_device *dev, struct drm_atomic_commit *state)
{
	/* These fences are signalled, and given back. */
	drm_atomic_helper_wait_for_fences(dev, state, false);
	drm_atomic_helper_wait_for_dependencies(state);
	drm_atomic_helper_commit_planes(dev, state, DRM_PLANE_COMMIT_ACTIVE_ONLY);
	drm_atomic_helper_commit_hw_done(state);
	drm_atomic_helper_cleanup_planes(dev, state);
	drm_atomic_helper_commit_cleanup_done(state);
}

static void virtgpu_commit_work(struct work_struct *work)
{
	struct drm_atomic_commit *state = container_of(work, struct drm_atomic_commit,
						       commit_work);

	drm_atomic_helper_wait_for_fences(state->dev, state, false);
	drm_atomic_helper_wait_for_dependencies(state);
	virtgpu_atomic_commit_tail(state);
	drm_atomic_helper_commit_cleanup_done(state);
	drm_atomic_commit_put(state);
}

/**
 * virtgpu_atomic_commit_tail - &drm_mode_config_helper_funcs.atomic_commit_tail
 * @state: what is to be, and what was
 *
 * Planes after CRTCs, and only those of CRTCs that run: a head that is off gets no commands. The
 * end is waited for by what belongs to the commit: as soon as it is done with the hardware the next
 * one, which may be a cursor's or carried out at once, frees the states that are current now, and
 * drm_atomic_helper_wait_for_vblanks() would look into them.
 */
void virtgpu_atomic_commit_tail(struct drm_atomic_commit *state)
{
	struct drm_device *dev = state->dev;

	drm_atomic_helper_commit_modeset_disables(dev, state);
	drm_atomic_helper_commit_modeset_enables(dev, state);
	drm_atomic_helper_commit_planes(dev, state, DRM_PLANE_COMMIT_ACTIVE_ONLY);
	drm_atomic_helper_commit_hw_done(state);
	drm_atomic_helper_wait_for_flip_done(dev, state);
	drm_atomic_helper_cleanup_planes(dev, state);
}

/**
 * virtgpu_atomic_commit - &drm_mode_config_funcs.atomic_commit
 * @dev: the DRM device
 * @state: what is to be, checked
 * @nonblock: the caller does not wait
 *
 * Returns: 0 or a negative errno, -EBUSY when it does not wait and an earlier one is not done.
 */
int virtgpu_atomic_commit(struct drm_device *dev, struct drm_atomic_commit *state, bool nonblock)
{
	bool waits;
	int ret;

	if (!nonblock || state->async_update)
		return drm_atomic_helper_commit(dev, state, nonblock);

	if (virtgpu_commit_is_busy(state))
		return -EBUSY;
	ret = drm_atomic_helper_setup_commit(state, true);
	if (ret)
		return ret;
	ret = drm_atomic_helper_prepare_planes(dev, state);
	if (ret)
		return ret;
	/* All fences that count are known now: one that comes later is not waited for. */
	waits = virtgpu_commit_waits(state);
	ret = drm_atomic_helper_swap_state(state, true);
	if (ret) {
		drm_atomic_helper_unprepare_planes(dev, state);
		return ret;
	}
	if (waits) {
		drm_atomic_commit_get(state);
		INIT_WORK(&state->commit_work, virtgpu_commit_work);
		queue_work(to_virtgpu_device(dev)->wq, &state->commit_work);
	} else {
		virtgpu_commit_planes(dev, state);
	}
	return 0;
}

/**
 * virtgpu_redraw_work - commit once more what is committed
 * @work: &virtgpu_display.redraw_work
 *
 * A plane without clips is uploaded whole.
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
		drm_err(&vg->drm, "cannot show again what was shown: %d\n", ret);
}

/**
 * virtgpu_display_redraw - have what is shown sent once more, soon
 * @vg: the device
 */
void virtgpu_display_redraw(struct virtgpu_device *vg)
{
	if (vg->num_scanouts)
		queue_work(vg->wq, &vg->display->redraw_work);
}

/**
 * virtgpu_display_forget - the device was reset, and shows nothing
 * @vg: the device
 */
void virtgpu_display_forget(struct virtgpu_device *vg)
{
	u32 i;

	for (i = 0; i < vg->num_scanouts; i++)
		virtgpu_output_forget(&vg->display->outputs[i]);
}

/**
 * virtgpu_display_mend - have a device that has lost commands told again what it is to show, soon
 * @vg: the device
 */
void virtgpu_display_mend(struct virtgpu_device *vg)
{
	WRITE_ONCE(vg->display->is_stale, true);
	virtgpu_display_redraw(vg);
}
