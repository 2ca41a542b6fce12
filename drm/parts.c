// SPDX-License-Identifier: GPL-2.0
/* Initializes the parts of the driver, and gives them their callbacks into the parts above them. */
#include <linux/workqueue.h>

#include <drm/drm_managed.h>

#include "display/cursor.h"
#include "display/display.h"
#include "display/output.h"
#include "display/panic.h"
#include "drv.h"
#include "life.h"
#include "memory/arrival.h"
#include "memory/resource.h"
#include "render/context.h"
#include "render/render.h"
#include "reset.h"

static const struct virtgpu_trouble_ops virtgpu_trouble_ops = {
	.ask = virtgpu_life_ask,
	.reset = virtgpu_reset_decide,
	.forget = virtgpu_life_forget,
	.wait = virtgpu_life_wait,
	.context_gone = virtgpu_life_context_gone,
	.again = virtgpu_life_again,
};

static const struct virtgpu_done_row virtgpu_done_rows[VIRTGPU_DONE_COUNT] = {
	[VIRTGPU_DONE_NOTHING] = {},

	[VIRTGPU_DONE_RESOURCE_CREATED] = { virtgpu_resource_created, .on_error = true },
	[VIRTGPU_DONE_RESOURCE_RESTORED] = { virtgpu_resource_restored, .on_error = true },
	[VIRTGPU_DONE_RESOURCE_ATTACHED] = { virtgpu_resource_attached, .on_error = true },
	[VIRTGPU_DONE_RESOURCE_DETACHED] = { virtgpu_resource_detached, .gives_back = true },
	[VIRTGPU_DONE_RESOURCE_UNREF] = { virtgpu_resource_unref_done, .gives_back = true },
	[VIRTGPU_DONE_ARRIVALS] = { virtgpu_arrivals_done },

	[VIRTGPU_DONE_FRAME] = { virtgpu_output_flushed },
	[VIRTGPU_DONE_SCANOUT] = { virtgpu_output_shown },
	[VIRTGPU_DONE_CURSOR_UPLOADED] = { virtgpu_cursor_uploaded },
	[VIRTGPU_DONE_CURSOR_ORDERED] = { virtgpu_cursor_ordered },
	[VIRTGPU_DONE_PANIC] = { virtgpu_panic_returned },

	[VIRTGPU_DONE_CONTEXT_CREATED] = { virtgpu_context_created },
	[VIRTGPU_DONE_CONTEXT_DESTROYED] = { virtgpu_context_destroyed, .gives_back = true },
	[VIRTGPU_DONE_LOST_CONTEXT_DESTROYED] = {
		virtgpu_lost_context_destroyed, .gives_back = true
	},

	[VIRTGPU_DONE_QUESTION] = { virtgpu_life_answered },
};

static const struct virtgpu_transport_ops virtgpu_transport_ops = {
	.done = virtgpu_done_rows,
	.fence_ended = virtgpu_fence_done,
};

static const struct virtgpu_memory_ops virtgpu_memory_ops = {
	.opened = virtgpu_context_opened,
	.closed = virtgpu_context_closed,
	.gone = virtgpu_swapchains_leave,
	.make_room = virtgpu_swapchains_give_up,
	.lost = virtgpu_display_redraw,
};

static void virtgpu_wq_fini(struct drm_device *dev, void *wq)
{
	destroy_workqueue(wq);
}

/* Before the parts are freed, because works that are still queued use them. */
static void virtgpu_wq_flush(struct drm_device *dev, void *wq)
{
	flush_workqueue(wq);
}

/**
 * virtgpu_parts_init - initialize all parts of a device except recovery, without asking the host
 * @vg: the device, its features known, with its recovery
 *
 * They are freed with the DRM device.
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_parts_init(struct virtgpu_device *vg)
{
	struct drm_device *drm = &vg->drm;
	int ret;

	/* With a rescuer, because completions free memory; high priority, because frames wait. */
	vg->wq = alloc_workqueue("virtgpu", WQ_UNBOUND | WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	if (!vg->wq)
		return -ENOMEM;
	ret = drmm_add_action_or_reset(drm, virtgpu_wq_fini, vg->wq);
	if (ret)
		return ret;

	vg->trouble = &virtgpu_trouble_ops;
	ret = virtgpu_transport_init(vg, &virtgpu_transport_ops);
	ret = ret ?: virtgpu_memory_init(vg, &virtgpu_memory_ops);
	ret = ret ?: virtgpu_render_init(vg);
	ret = ret ?: virtgpu_display_init(vg);
	return ret ?: drmm_add_action_or_reset(drm, virtgpu_wq_flush, vg->wq);
}
