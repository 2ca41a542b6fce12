// SPDX-License-Identifier: GPL-2.0
/* Timestamps of vblanks, which come from the core's timer. */
#include <linux/hrtimer.h>
#include <linux/math64.h>

#include <drm/drm_vblank.h>

#include "display/display.h"
#include "display/vblanktimer.h"

/**
 * virtgpu_vblank_time - &drm_crtc_funcs.get_vblank_timestamp: the time of the last vblank
 * @crtc: the CRTC
 * @max_error: not set, because there is no error
 * @vblank_time: set to the time
 * @in_vblank_irq: ignored
 *
 * The core's helper returns the last time that the timer was due. If the timer's callback is late,
 * that is too early, and a flip in between would get a time from before it was requested.
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
	/* The result is the same whether the timer was forwarded already or not. */
	expires = READ_ONCE(virtgpu_vblank_timer(crtc)->timer.node.expires);
	late = ktime_sub(now, expires);
	time = late < 0 ? ktime_sub_ns(expires, frame) :
			  ktime_add_ns(expires, div64_s64(late, frame) * frame);
	/*
	 * The timer may have been set before vblanks were enabled again, or for another mode. If
	 * time went back, the core would count billions of vblanks.
	 */
	*vblank_time = max(min(time, now), vblank->time);
	return true;
}
