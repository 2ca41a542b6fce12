// SPDX-License-Identifier: GPL-2.0
/* Rendering: contexts of open files, their command streams, and the fences that these signal. */
#include <drm/drm_managed.h>

#include "render/render.h"

static void virtgpu_contexts_fini(struct drm_device *dev, void *data)
{
	xa_destroy(data);
}

/**
 * virtgpu_render_init - set up rendering, without asking the host
 * @vg: the device
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_render_init(struct virtgpu_device *vg)
{
	struct virtgpu_render *render;

	render = drmm_kzalloc(&vg->drm, sizeof(*render), GFP_KERNEL);
	if (!render)
		return -ENOMEM;
	render->vg = vg;
	vg->render = render;

	virtgpu_fences_init(vg);
	xa_init_flags(&render->contexts, XA_FLAGS_ALLOC1);
	return drmm_add_action_or_reset(&vg->drm, virtgpu_contexts_fini, &render->contexts);
}
