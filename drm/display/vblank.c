// SPDX-License-Identifier: GPL-2.0
/*
 * Vblanks from the core's timer.
 *
 * What the core lacks: drm_crtc_vblank_start_timer() waits for a callback of the timer that still
 * runs since vblanks were disabled. Its caller holds the vblank locks, with interrupts off, and the
 * callback may wait for these locks: both CPUs stop for ever. The core would need
 * docs/upstream/drm-vblank-timer-deadlock.patch; with it virtgpu_vblank_enable() and
 * virtgpu_vblank_timeout() can go.
 */
#include <linux/hrtimer.h>
#include <linux/math64.h>

#include <drm/drm_vblank.h>

#include "display/display.h"

/**
 * virtgpu_vblank_enable - have the timer run
 * @crtc: the CRTC
 *
 * A callback that is about to handle a vblank is not waited for: it finds the interval and goes on.
 *
 * Returns: 0.
 */
int virtgpu_vblank_enable(struct drm_crtc *crtc)
{
	struct virtgpu_output *output = crtc_to_virtgpu_output(crtc);
	struct drm_vblank_crtc *vblank = drm_crtc_vblank_crtc(crtc);
	struct drm_vblank_crtc_timer *timer = &vblank->vblank_timer;

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
 * virtgpu_vblank_timeout - handle a vblank
 * @crtc: the CRTC
 *
 * Returns: whether the timer goes on.
 */
bool virtgpu_vblank_timeout(struct drm_crtc *crtc)
{
	struct virtgpu_output *output = crtc_to_virtgpu_output(crtc);
	struct drm_vblank_crtc_timer *timer = &drm_crtc_vblank_crtc(crtc)->vblank_timer;

	WRITE_ONCE(output->in_vblank, true);
	virtgpu_output_vblank(output);
	drm_crtc_handle_vblank(crtc);
	WRITE_ONCE(output->in_vblank, false);
	/* A CPU that saw in_vblank has written the interval, and relies on its being read now. */
	smp_mb();
	return READ_ONCE(timer->interval);
}

/**
 * virtgpu_vblank_time - the vblank that last passed by the clock
 * @crtc: the CRTC
 * @max_error: not set, because there is no error
 * @vblank_time: set to the time
 * @in_vblank_irq: not looked at
 *
 * For the core's helper a vblank passes when the timer runs, which may be late: a flip in between
 * would be told a time from before it was asked for.
 *
 * Returns: true.
 */
bool virtgpu_vblank_time(struct drm_crtc *crtc, int *max_error, ktime_t *vblank_time,
			 bool in_vblank_irq)
{
	struct drm_vblank_crtc *vblank = drm_crtc_vblank_crtc(crtc);
	s64 frame = vblank->framedur_ns, late;
	ktime_t now = ktime_get(), expires, time;

	if (!READ_ONCE(vblank->enabled) || frame <= 0) {
		*vblank_time = now;
		return true;
	}
	/* Whether or not the timer has been moved on meanwhile, the result is the same. */
	expires = READ_ONCE(vblank->vblank_timer.timer.node.expires);
	late = ktime_sub(now, expires);
	time = late < 0 ? ktime_sub_ns(expires, frame) :
			  ktime_add_ns(expires, div64_s64(late, frame) * frame);
	/*
	 * A timer that went on may have been set before vblanks were enabled again, or for frames
	 * of another mode. The core would count billions of vblanks if time went back.
	 */
	*vblank_time = max(min(time, now), vblank->time);
	return true;
}
