/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_VBLANKTIMER_H
#define VIRTGPU_VBLANKTIMER_H

#include <drm/drm_vblank.h>

/* The core's vblank timer of a CRTC. */
static inline struct drm_vblank_crtc_timer *virtgpu_vblank_timer(struct drm_crtc *crtc)
{
	return &drm_crtc_vblank_crtc(crtc)->vblank_timer;
}

#endif
