// SPDX-License-Identifier: GPL-2.0
/* In Linux 6.12, the core has no timer for devices without a vblank interrupt. */
#include <drm/drm_atomic.h>
#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#undef drm_vblank_init

static enum hrtimer_restart drm_vblank_timer_function(struct hrtimer *hrtimer)
{
	struct drm_vblank_crtc_timer *timer = container_of(hrtimer, struct drm_vblank_crtc_timer,
							   timer);
	const struct virtgpu_compat_crtc_helper_funcs *funcs =
		(const void *)timer->crtc->helper_private;
	unsigned long flags;
	ktime_t interval;

	spin_lock_irqsave(&timer->interval_lock, flags);
	interval = timer->interval;
	spin_unlock_irqrestore(&timer->interval_lock, flags);
	if (!interval)
		return HRTIMER_NORESTART;

	/* Before the vblank is handled: an interrupt comes after its vblank, too. */
	hrtimer_forward_now(hrtimer, interval);
	return funcs->handle_vblank_timeout(timer->crtc) ? HRTIMER_RESTART : HRTIMER_NORESTART;
}

/**
 * drm_crtc_vblank_start_timer - start the vblank timer of a CRTC
 * @crtc: the CRTC; the caller has made sure that its timer does not run
 *
 * Returns: 0.
 */
int drm_crtc_vblank_start_timer(struct drm_crtc *crtc)
{
	struct drm_vblank_crtc_timer *timer = virtgpu_vblank_timer(crtc);
	unsigned long flags;

	if (!timer->crtc) {
		timer->crtc = crtc;
		spin_lock_init(&timer->interval_lock);
		hrtimer_init(&timer->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL);
		timer->timer.function = drm_vblank_timer_function;
	}
	drm_calc_timestamping_constants(crtc, &crtc->mode);
	spin_lock_irqsave(&timer->interval_lock, flags);
	timer->interval = ns_to_ktime(drm_crtc_vblank_crtc(crtc)->framedur_ns);
	spin_unlock_irqrestore(&timer->interval_lock, flags);
	hrtimer_start(&timer->timer, timer->interval, HRTIMER_MODE_REL);
	return 0;
}

/**
 * drm_crtc_vblank_helper_disable_vblank_timer - &drm_crtc_funcs.disable_vblank
 * @crtc: the CRTC
 *
 * Does not wait for a callback of the timer, which may wait for a lock of the caller.
 */
void drm_crtc_vblank_helper_disable_vblank_timer(struct drm_crtc *crtc)
{
	struct drm_vblank_crtc_timer *timer = virtgpu_vblank_timer(crtc);
	unsigned long flags;

	spin_lock_irqsave(&timer->interval_lock, flags);
	timer->interval = 0;
	spin_unlock_irqrestore(&timer->interval_lock, flags);
	hrtimer_try_to_cancel(&timer->timer);
}

static void virtgpu_compat_vblank_fini(struct drm_device *dev, void *data)
{
	struct drm_vblank_crtc_timer *timers = data;
	unsigned int i;

	for (i = 0; i < dev->num_crtcs; i++)
		if (timers[i].crtc)
			hrtimer_cancel(&timers[i].timer);
}

/**
 * virtgpu_compat_vblank_init - drm_vblank_init() of newer kernels
 * @dev: the DRM device
 * @count: CRTCs that it has
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_compat_vblank_init(struct drm_device *dev, unsigned int count)
{
	int ret = drm_vblank_init(dev, count);

	if (ret)
		return ret;
	dev->dev_private = drmm_kcalloc(dev, count, sizeof(struct drm_vblank_crtc_timer),
					GFP_KERNEL);
	if (!dev->dev_private)
		return -ENOMEM;
	return drmm_add_action_or_reset(dev, virtgpu_compat_vblank_fini, dev->dev_private);
}

/**
 * drm_crtc_vblank_atomic_enable - &drm_crtc_helper_funcs.atomic_enable
 * @crtc: the CRTC
 * @state: the commit
 */
void drm_crtc_vblank_atomic_enable(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	drm_crtc_vblank_on(crtc);
}

/**
 * drm_crtc_vblank_atomic_disable - &drm_crtc_helper_funcs.atomic_disable
 * @crtc: the CRTC
 * @state: the commit
 */
void drm_crtc_vblank_atomic_disable(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	drm_crtc_vblank_off(crtc);
}

/**
 * drm_crtc_vblank_atomic_flush - &drm_crtc_helper_funcs.atomic_flush: send a flip's event
 * @crtc: the CRTC
 * @state: the commit
 *
 * At the next vblank, or at once if there are no vblanks.
 */
void drm_crtc_vblank_atomic_flush(struct drm_crtc *crtc, struct drm_atomic_state *state)
{
	struct drm_crtc_state *new = drm_atomic_get_new_crtc_state(state, crtc);
	struct drm_pending_vblank_event *event;

	spin_lock_irq(&crtc->dev->event_lock);
	event = new->event;
	new->event = NULL;
	if (event && !drm_crtc_vblank_get(crtc))
		drm_crtc_arm_vblank_event(crtc, event);
	else if (event)
		drm_crtc_send_vblank_event(crtc, event);
	spin_unlock_irq(&crtc->dev->event_lock);
}
