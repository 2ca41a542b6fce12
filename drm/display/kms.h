/* SPDX-License-Identifier: GPL-2.0 */
/* Functions that kms.c and the heads use. */
#ifndef VIRTGPU_KMS_H
#define VIRTGPU_KMS_H

#include <linux/types.h>

struct drm_atomic_commit;
struct drm_connector;
struct drm_crtc;
struct drm_device;
struct drm_plane;
struct virtgpu_device;
struct work_struct;

struct drm_plane *virtgpu_primary_create(struct virtgpu_device *vg, u32 index);
struct drm_plane *virtgpu_cursor_create(struct virtgpu_device *vg, u32 index);

bool virtgpu_commit_waits(struct drm_atomic_commit *state);
void virtgpu_commit_tail(struct drm_atomic_commit *state, bool may_wait);
int virtgpu_atomic_commit(struct drm_device *dev, struct drm_atomic_commit *state, bool nonblock);
void virtgpu_atomic_commit_tail(struct drm_atomic_commit *state);
void virtgpu_crtc_reset(struct drm_crtc *crtc);
void virtgpu_plane_reset(struct drm_plane *plane);
void virtgpu_connector_reset(struct drm_connector *connector);
void virtgpu_redraw_work(struct work_struct *work);

#endif
