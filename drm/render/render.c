// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Rendering
 *
 * If the host has renderers, each open file gets a *context* there (context.c). A program reads
 * what a renderer can do from its capability set (capset.c), and sends it command streams
 * (submit.c). A *fence* (fence.c) signals when the host has executed a stream. The ioctls are in
 * ioctl.c. Without a renderer most of them fail with the same errno as in mainline's driver.
 */
#include <drm/drm_managed.h>

#include "render/render.h"

static void virtgpu_contexts_fini(struct drm_device *dev, void *data)
{
	xa_destroy(data);
}

/**
 * virtgpu_render_init - initialize the render part, without asking the host
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
