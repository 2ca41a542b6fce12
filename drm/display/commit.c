// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Commit order
 *
 * A commit switches CRTCs off, then on, then updates the planes of the CRTCs that run, because a
 * head that is off gets no commands. Each primary plane sends its frame (see primary.c), and the
 * first CRTC's flush kicks the queue once for the frames of all heads. After that the hardware is
 * done: the next commit, which may be a cursor's, may start and free the states that are current
 * now. So the end of the flip is waited for by the commit's own completion and not by
 * drm_atomic_helper_wait_for_vblanks(), which would look into these states. Last, the planes are
 * cleaned up.
 *
 * A nonblocking commit that has nothing to wait for is carried out by its caller. It sets no mode,
 * and nobody waits for its flip.
 */
#include <linux/dma-fence.h>

#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>

#include "display/display.h"
#include "display/kms.h"

/**
 * virtgpu_commit_waits - whether carrying out a commit may wait for something
 * @state: the commit, whose planes are prepared
 *
 * Returns: true if it sets a mode, if its buffers have fences that are not signalled, or if the
 * host has not drawn enough of the earlier frames.
 */
bool virtgpu_commit_waits(struct drm_atomic_commit *state)
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

/**
 * virtgpu_commit_tail - carry out a commit in the order that is described above
 * @state: the commit
 * @may_wait: false for a commit that virtgpu_commit_waits() has found to wait for nothing
 */
void virtgpu_commit_tail(struct drm_atomic_commit *state, bool may_wait)
{
	struct drm_device *dev = state->dev;

	if (may_wait) {
		drm_atomic_helper_commit_modeset_disables(dev, state);
		drm_atomic_helper_commit_modeset_enables(dev, state);
	}
	drm_atomic_helper_commit_planes(dev, state, DRM_PLANE_COMMIT_ACTIVE_ONLY);
	drm_atomic_helper_commit_hw_done(state);
	if (may_wait)
		drm_atomic_helper_wait_for_flip_done(dev, state);
	drm_atomic_helper_cleanup_planes(dev, state);
}

/**
 * virtgpu_atomic_commit_tail - &drm_mode_config_helper_funcs.atomic_commit_tail
 * @state: the commit
 */
void virtgpu_atomic_commit_tail(struct drm_atomic_commit *state)
{
	virtgpu_commit_tail(state, true);
}
