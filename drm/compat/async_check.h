/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, planes are asked only for changes of a cursor whether they are asynchronous. */
#ifndef VIRTGPU_COMPAT_ASYNC_CHECK_H
#define VIRTGPU_COMPAT_ASYNC_CHECK_H

#include <drm/drm_atomic.h>
#include <drm/drm_modeset_helper_vtables.h>
#include <drm/drm_plane.h>

/**
 * struct virtgpu_compat_plane_helper_funcs - &struct drm_plane_helper_funcs with the new callback
 * @atomic_async_check_flip: &drm_plane_helper_funcs.atomic_async_check of newer kernels
 */
struct virtgpu_compat_plane_helper_funcs {
	struct drm_plane_helper_funcs;
	int (*atomic_async_check_flip)(struct drm_plane *plane, struct drm_atomic_state *state,
				       bool flip);
};

static inline int virtgpu_compat_async_check(struct drm_plane *plane,
					     struct drm_atomic_state *state)
{
	const struct virtgpu_compat_plane_helper_funcs *funcs = (const void *)plane->helper_private;

	return funcs->atomic_async_check_flip(plane, state, false);
}

#define drm_plane_helper_funcs	virtgpu_compat_plane_helper_funcs
#define atomic_async_check	\
	atomic_async_check = virtgpu_compat_async_check, .atomic_async_check_flip

#endif
