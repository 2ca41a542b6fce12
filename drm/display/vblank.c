// SPDX-License-Identifier: GPL-2.0
/* The time of vblanks, which come from the core's timer. */
#include <linux/hrtimer.h>
#include <linux/math64.h>

#include <drm/drm_vblank.h>

#include "display/display.h"

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
