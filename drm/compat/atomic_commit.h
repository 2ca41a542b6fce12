/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, struct drm_atomic_commit is called drm_atomic_state. */
#ifndef VIRTGPU_COMPAT_ATOMIC_COMMIT_H
#define VIRTGPU_COMPAT_ATOMIC_COMMIT_H

/* Before the new name, because it also is the name of a function, which the driver does not use. */
#include <drm/drm_atomic.h>

#define drm_atomic_commit	drm_atomic_state
#define drm_atomic_commit_get	drm_atomic_state_get
#define drm_atomic_commit_put	drm_atomic_state_put

#endif
