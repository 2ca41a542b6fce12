// SPDX-License-Identifier: GPL-2.0
/*
 * The panic screen. In a panic the driver must not wait for locks, allocate memory or wait for
 * answers.
 */
#include <linux/bitops.h>

#include <drm/drm_framebuffer.h>
#include <drm/drm_panic.h>
#include <drm/drm_plane.h>
#include <drm/virtgpu_drm.h>

#include "display/display.h"
#include "display/fb.h"
#include "display/panic.h"
#include "memory/gem.h"
#include "memory/resource.h"
#include "transport/encode.h"

/**
 * virtgpu_panic_get_scanout_buffer - &drm_plane_helper_funcs.get_scanout_buffer
 * @plane: the plane
 * @sb: filled with the location of its pixels
 *
 * Returns: 0, or -ENODEV if nothing is shown, or if its pixels are not in pages of this driver.
 */
int virtgpu_panic_get_scanout_buffer(struct drm_plane *plane, struct drm_scanout_buffer *sb)
{
	struct drm_framebuffer *fb;
	struct virtgpu_view view;
	struct virtgpu_bo *bo;

	if (!plane->state || !plane->state->fb || !plane->state->visible)
		return -ENODEV;

	fb = plane->state->fb;
	bo = to_virtgpu_bo(fb->obj[0]);
	view = virtgpu_fb_view(fb, crtc_to_virtgpu_output(plane->state->crtc), fb);
	/* The panic code needs a picture that starts at the first byte of a page. */
	if (drm_gem_is_imported(fb->obj[0]) || fb->offsets[0])
		return -ENODEV;
	/* What a renderer draws is not in these pages. */
	if (!view.must_copy && !virtgpu_resource_is_guests(view.res))
		return -ENODEV;

	if (bo->base.vaddr)
		iosys_map_set_vaddr(&sb->map[0], bo->base.vaddr);
	else if (bo->base.pages)
		sb->pages = bo->base.pages;
	else
		return -ENODEV;

	sb->format = fb->format;
	sb->width = fb->width;
	sb->height = fb->height;
	sb->pitch[0] = fb->pitches[0];
	return 0;
}

/**
 * virtgpu_panic_returned - %VIRTGPU_DONE_PANIC: a command of the panic screen may be used again
 * @vg: the device
 * @cmd: the command
 */
void virtgpu_panic_returned(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	clear_bit(cmd->data.number, &vg->display->panic.busy);
}

/* Takes a second reference, because the command must not go back to the pool. */
static void virtgpu_panic_cmd_init(struct virtgpu_cmd *cmd, u32 type, u32 size)
{
	virtgpu_cmd_init(cmd, type, size);
	cmd->resp_type = 0;
	virtgpu_cmd_get(cmd);
}

/**
 * virtgpu_panic_flush - &drm_plane_helper_funcs.panic_flush: send the panic screen to the host
 * @plane: the plane
 */
void virtgpu_panic_flush(struct drm_plane *plane)
{
	struct virtgpu_device *vg = to_virtgpu_device(plane->dev);
	struct drm_framebuffer *fb = plane->state->fb;
	struct virtgpu_output *output = crtc_to_virtgpu_output(plane->state->crtc);
	const struct virtgpu_view view = virtgpu_fb_view(fb, output, fb);
	struct virtgpu_cmd *transfer = &vg->display->panic.transfer[output->index];
	struct virtgpu_cmd *flush = &vg->display->panic.flush[output->index];
	struct virtgpu_cmd *cmds[] = { transfer, flush };
	struct drm_rect all = { .x2 = fb->width, .y2 = fb->height };
	const struct virtgpu_resource *res = view.res;
	/* The host sees the pages of a blob without a transfer. */
	unsigned int first = view.must_copy ? 0 : 1, i;
	unsigned long bit = output->index * ARRAY_SIZE(cmds);

	static_assert(VIRTIO_GPU_MAX_SCANOUTS * ARRAY_SIZE(cmds) <= BITS_PER_LONG);

	if (test_bit(bit, &vg->display->panic.busy) || test_bit(bit + 1, &vg->display->panic.busy))
		return;

	virtgpu_panic_cmd_init(transfer, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
			       sizeof(struct virtio_gpu_transfer_to_host_2d));
	virtgpu_fill_transfer((void *)transfer->req, res->id, &all,
			      virtgpu_resource_offset(res, to_virtgpu_bo(fb->obj[0])));
	virtgpu_panic_cmd_init(flush, VIRTIO_GPU_CMD_RESOURCE_FLUSH,
			       sizeof(struct virtio_gpu_resource_flush));
	virtgpu_fill_flush((void *)flush->req, res->id, &all);
	for (i = first; i < ARRAY_SIZE(cmds); i++) {
		cmds[i]->done = VIRTGPU_DONE_PANIC;
		cmds[i]->data.number = bit + i;
		set_bit(bit + i, &vg->display->panic.busy);
	}

	virtgpu_bo_sync(fb, &all);
	i = first + virtgpu_queue_try_submit(&vg->transport->ctrl, cmds + first,
					     ARRAY_SIZE(cmds) - first);
	for (; i < ARRAY_SIZE(cmds); i++)
		clear_bit(bit + i, &vg->display->panic.busy);
}
