/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_COMMIT_H
#define VIRTGPU_COMMIT_H

#include <linux/types.h>

struct drm_atomic_commit;
struct drm_device;
struct work_struct;

int virtgpu_atomic_commit(struct drm_device *dev, struct drm_atomic_commit *state, bool nonblock);
void virtgpu_atomic_commit_tail(struct drm_atomic_commit *state);
void virtgpu_redraw_work(struct work_struct *work);

#endif
