/* SPDX-License-Identifier: GPL-2.0 */
/*
 * See vblank_timer.c.
 *
 * Replaced: vblank timer
 */
#ifndef VIRTGPU_COMPAT_VBLANK_TIMER_H
#define VIRTGPU_COMPAT_VBLANK_TIMER_H

#include <linux/hrtimer.h>
#include <linux/spinlock.h>

#include <drm/drm_crtc.h>
#include <drm/drm_device.h>
#include <drm/drm_modeset_helper_vtables.h>
#include <drm/drm_vblank.h>

/**
 * struct drm_vblank_crtc_timer - the vblank timer of a CRTC
 * @timer: runs while vblanks are enabled
 * @interval_lock: protects @interval
 * @interval: the time between two vblanks, 0 if vblanks are disabled
 * @crtc: the CRTC, NULL before the timer has first started
 */
struct drm_vblank_crtc_timer {
	struct hrtimer timer;
	spinlock_t interval_lock;
	ktime_t interval;
	struct drm_crtc *crtc;
};

/**
 * struct virtgpu_compat_crtc_helper_funcs - &struct drm_crtc_helper_funcs with the new callback
 * @handle_vblank_timeout: handles a vblank; returns true if the timer is to go on
 */
struct virtgpu_compat_crtc_helper_funcs {
	struct drm_crtc_helper_funcs;
	bool (*handle_vblank_timeout)(struct drm_crtc *crtc);
};

int drm_crtc_vblank_start_timer(struct drm_crtc *crtc);
void drm_crtc_vblank_helper_disable_vblank_timer(struct drm_crtc *crtc);
void drm_crtc_vblank_atomic_enable(struct drm_crtc *crtc, struct drm_atomic_state *state);
void drm_crtc_vblank_atomic_disable(struct drm_crtc *crtc, struct drm_atomic_state *state);
void drm_crtc_vblank_atomic_flush(struct drm_crtc *crtc, struct drm_atomic_state *state);
int virtgpu_compat_vblank_init(struct drm_device *dev, unsigned int count);

/* The kernel's struct has no place for the timer. */
#define VIRTGPU_VBLANKTIMER_H
static inline struct drm_vblank_crtc_timer *virtgpu_vblank_timer(struct drm_crtc *crtc)
{
	struct drm_vblank_crtc_timer *timers = crtc->dev->dev_private;

	return &timers[drm_crtc_index(crtc)];
}

#define drm_crtc_helper_funcs	virtgpu_compat_crtc_helper_funcs
#define drm_vblank_init		virtgpu_compat_vblank_init

#endif
