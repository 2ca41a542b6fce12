// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Replacements for parts of DRM core
 *
 * The functions of this file do what DRM core should do. Each section names the patch in
 * docs/upstream/ that would make it unnecessary.
 */
#include <linux/hrtimer.h>
#include <linux/workqueue.h>

#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_atomic_state_helper.h>
#include <drm/drm_vblank.h>

#include "display/display.h"
#include "display/kms.h"
#include "display/vblanktimer.h"

/*
 * Commits without a worker: docs/upstream/drm-commit-without-worker.patch.
 *
 * drm_atomic_helper_commit() wakes up a worker for each nonblocking commit, also for one that waits
 * for nothing. To send a frame takes less time than to wake up a worker. So such a commit is
 * carried out in the context of the caller.
 */

/*
 * Whether a head still waits for the vblank of an earlier commit. The core looks only for commits
 * that are not cleaned up, but a commit without a worker is cleaned up before its vblank.
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

static void virtgpu_commit_run(struct drm_atomic_commit *state, bool has_worker)
{
	/* Without a worker, all fences are signalled, and this only drops them. */
	drm_atomic_helper_wait_for_fences(state->dev, state, false);
	drm_atomic_helper_wait_for_dependencies(state);
	virtgpu_commit_tail(state, has_worker);
	drm_atomic_helper_commit_cleanup_done(state);
}

static void virtgpu_commit_work(struct work_struct *work)
{
	struct drm_atomic_commit *state = container_of(work, struct drm_atomic_commit,
						       commit_work);

	virtgpu_commit_run(state, true);
	drm_atomic_commit_put(state);
}

/**
 * virtgpu_atomic_commit - &drm_mode_config_funcs.atomic_commit
 * @dev: the DRM device
 * @state: the checked state
 * @nonblock: the caller does not wait
 *
 * Returns: 0 or a negative errno; -EBUSY if the caller does not wait and an earlier commit is not
 * done.
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
	/* All fences that count are known now: a fence that is added later is not waited for. */
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
		virtgpu_commit_run(state, false);
	}
	return 0;
}

/*
 * Resets of states: docs/upstream/drm-reset-without-memory.patch.
 *
 * Without memory, the core's helpers leave an object without a state. A resume resets all objects,
 * and crashes if one of them has no state. The following three functions use the memory of the old
 * state. If there is none, virtgpu_kms_init() finds the missing state.
 */

/**
 * virtgpu_crtc_reset - &drm_crtc_funcs.reset: set the state to default values
 * @crtc: the CRTC
 */
void virtgpu_crtc_reset(struct drm_crtc *crtc)
{
	struct drm_crtc_state *state = crtc->state;

	if (!state) {
		drm_atomic_helper_crtc_reset(crtc);
		return;
	}
	__drm_atomic_helper_crtc_destroy_state(state);
	memset(state, 0, sizeof(*state));
	__drm_atomic_helper_crtc_reset(crtc, state);
}

/**
 * virtgpu_plane_reset - &drm_plane_funcs.reset: set the state to default values
 * @plane: the plane
 */
void virtgpu_plane_reset(struct drm_plane *plane)
{
	struct drm_plane_state *state = plane->state;

	if (!state) {
		drm_atomic_helper_plane_reset(plane);
		return;
	}
	__drm_atomic_helper_plane_destroy_state(state);
	memset(state, 0, sizeof(*state));
	__drm_atomic_helper_plane_reset(plane, state);
}

/**
 * virtgpu_connector_reset - &drm_connector_funcs.reset: set the state to default values
 * @connector: the connector
 */
void virtgpu_connector_reset(struct drm_connector *connector)
{
	struct drm_connector_state *state = connector->state;

	if (!state) {
		drm_atomic_helper_connector_reset(connector);
		return;
	}
	__drm_atomic_helper_connector_destroy_state(state);
	memset(state, 0, sizeof(*state));
	__drm_atomic_helper_connector_reset(connector, state);
}

/*
 * Starting the vblank timer: docs/upstream/drm-vblank-timer-deadlock.patch.
 *
 * drm_crtc_vblank_start_timer() waits for a callback of the timer that still runs since vblanks
 * were disabled. Its caller holds the vblank locks with interrupts off, and the callback may wait
 * for these locks, so both CPUs stop for ever. The following two functions can go when the core
 * does not wait.
 */

/**
 * virtgpu_vblank_enable - &drm_crtc_funcs.enable_vblank: start the vblank timer
 * @crtc: the CRTC
 *
 * Does not wait for a callback that is about to handle a vblank: the callback reads the new
 * interval and goes on.
 *
 * Returns: 0.
 */
int virtgpu_vblank_enable(struct drm_crtc *crtc)
{
	struct virtgpu_output *output = crtc_to_virtgpu_output(crtc);
	struct drm_vblank_crtc *vblank = drm_crtc_vblank_crtc(crtc);
	struct drm_vblank_crtc_timer *timer = virtgpu_vblank_timer(crtc);

	/* The core sets this up when the timer first starts. */
	if (!timer->crtc)
		return drm_crtc_vblank_start_timer(crtc);

	drm_calc_timestamping_constants(crtc, &crtc->mode);
	/* Outside of virtgpu_vblank_timeout() the callback takes none of the caller's locks. */
	while (hrtimer_try_to_cancel(&timer->timer) < 0) {
		WRITE_ONCE(timer->interval, ns_to_ktime(vblank->framedur_ns));
		/* Pairs with the one in virtgpu_vblank_timeout(). */
		smp_mb();
		if (READ_ONCE(output->in_vblank))
			return 0;
		cpu_relax();
	}
	return drm_crtc_vblank_start_timer(crtc);
}

/**
 * virtgpu_vblank_timeout - &drm_crtc_helper_funcs.handle_vblank_timeout: handle a vblank
 * @crtc: the CRTC
 *
 * Returns: true if the timer is to go on.
 */
bool virtgpu_vblank_timeout(struct drm_crtc *crtc)
{
	struct virtgpu_output *output = crtc_to_virtgpu_output(crtc);
	struct drm_vblank_crtc_timer *timer = virtgpu_vblank_timer(crtc);

	WRITE_ONCE(output->in_vblank, true);
	virtgpu_output_vblank(output);
	drm_crtc_handle_vblank(crtc);
	WRITE_ONCE(output->in_vblank, false);
	/* A CPU that saw in_vblank set has written the interval, which is read after this. */
	smp_mb();
	return READ_ONCE(timer->interval);
}
