// SPDX-License-Identifier: GPL-2.0
/*
 * Resets, those of the PCI device that somebody asks for and those that a device in trouble needs:
 * why there is one, and how the device comes back with its resources and its picture.
 */
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_modeset_lock.h>
#include <drm/drm_print.h>

#include "bind.h"
#include "display/display.h"
#include "life.h"
#include "memory/resource.h"
#include "render/context.h"
#include "render/render.h"
#include "reset.h"

/**
 * struct virtgpu_cause_rule - what follows from a cause; enum virtgpu_cause has the evidence
 * @text: for people
 * @is_called_off: there is no reset if the device answers anything before it begins
 */
struct virtgpu_cause_rule {
	const char *text;
	bool is_called_off;
};

static const struct virtgpu_cause_rule virtgpu_cause_rules[] = {
	[VIRTGPU_CAUSE_NONE] = { "none", false },
	[VIRTGPU_CAUSE_DEAD] = { "the host answers nothing", true },
	[VIRTGPU_CAUSE_FORGETFUL] = { "the host forgets commands", false },
	[VIRTGPU_CAUSE_BROKEN] = { "the ring is broken", false },
	[VIRTGPU_CAUSE_ASKED] = { "the device asks for it", false },
	[VIRTGPU_CAUSE_KEPT_BACK] = { "the host cannot be told to give memory back", false },
};

/**
 * virtgpu_cause_text - a cause for people
 * @cause: the cause
 *
 * Returns: a constant string.
 */
const char *virtgpu_cause_text(enum virtgpu_cause cause)
{
	return virtgpu_cause_rules[cause].text;
}

/**
 * virtgpu_cause_is_called_off - whether an answer of the device calls the reset off
 * @cause: the cause
 *
 * Returns: whether it does.
 */
bool virtgpu_cause_is_called_off(enum virtgpu_cause cause)
{
	return virtgpu_cause_rules[cause].is_called_off;
}

/**
 * virtgpu_reset_decide - have the device reset and restored, soon
 * @vg: the device
 * @cause: why
 *
 * A device that breaks again at once is reset again only after a while. May be called in softirq.
 */
void virtgpu_reset_decide(struct virtgpu_device *vg, enum virtgpu_cause cause)
{
	unsigned long delay;

	if (!virtgpu_life_decide(vg, cause, &delay))
		return;
	drm_err(&vg->drm, "%s: the device will be reset\n", virtgpu_cause_text(cause));
	queue_delayed_work(system_freezable_wq, &vg->recovery->reset_work, delay);
}

static int virtgpu_bring_up_resources(struct virtgpu_device *vg)
{
	int ret;

	lockdep_assert_held(&vg->memory->making);
	ret = virtgpu_queues_start(vg);
	if (ret)
		return ret;

	virtgpu_resources_restore(vg);
	virtgpu_queue_restored(&vg->transport->ctrl);
	/* Behind that, because a commit before it may have shown what the host did not have yet. */
	virtgpu_display_forget(vg);
	return 0;
}

/**
 * virtgpu_bring_up - have a device that was reset or asleep as it was, except for the picture
 * @vg: the device, whose state says that it is away
 *
 * Returns: 0 or a negative errno; then the device is gone.
 */
int virtgpu_bring_up(struct virtgpu_device *vg)
{
	int ret;

	/* And those that were made meanwhile. Who found one before that has sent all it sends. */
	mutex_lock(&vg->render->fences.emit);
	virtgpu_contexts_lost(vg);
	mutex_unlock(&vg->render->fences.emit);
	mutex_lock(&vg->memory->making);
	ret = virtgpu_bring_up_resources(vg);
	mutex_unlock(&vg->memory->making);
	if (ret) {
		virtgpu_life_fail(vg, ret);
		return ret;
	}
	if (!virtgpu_life_up(vg)) {
		/* The driver has waited long enough for this, and leaves. */
		virtgpu_queues_stop(vg);
		return -ENODEV;
	}
	if (vg->num_scanouts) {
		virtgpu_hotplug_restored(vg);
		queue_work(vg->wq, &vg->recovery->config_work);
	}
	return 0;
}

/**
 * virtgpu_reset_prepare - &virtio_driver.reset_prepare
 * @vdev: the virtio device
 *
 * Until virtgpu_reset_done() commits go nowhere; their state is what is shown then.
 *
 * Returns: 0, or -EOPNOTSUPP if there is no driver to come back after the reset.
 */
int virtgpu_reset_prepare(struct virtio_device *vdev)
{
	struct virtgpu_device *vg = virtgpu_bound_get(vdev);

	if (!vg)
		return -EOPNOTSUPP;
	virtgpu_bound_wait(vg);
	if (!virtgpu_life_begin_reset(vg)) {
		virtgpu_bound_put(vg);
		return -EOPNOTSUPP;
	}
	/* Before who waits for a fence hears of it. */
	virtgpu_contexts_lost(vg);
	virtgpu_queues_stop(vg);
	virtgpu_bound_put(vg);
	return 0;
}

/**
 * virtgpu_reset_done - &virtio_driver.reset_done
 * @vdev: the virtio device
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_reset_done(struct virtio_device *vdev)
{
	struct virtgpu_device *vg = virtgpu_bound_get(vdev);
	int ret;

	if (!vg)
		return -ENODEV;
	ret = virtgpu_bring_up(vg);
	if (!ret)
		virtgpu_display_redraw(vg);
	virtgpu_bound_put(vg);
	return ret;
}

/*
 * The lock of the parent device is held by all others who reset it or have it sleep, so that virtio
 * core does not do two of these at a time. A removal of the PCI device holds it, too, and waits for
 * this work, hence the attempt.
 */
static int virtgpu_reset_device(struct virtgpu_device *vg)
{
	struct virtio_device *vdev = vg->vdev;
	struct device *parent = vdev->dev.parent;
	int ret = -EBUSY;

	if (!device_trylock(parent))
		return -EBUSY;
	if (virtgpu_life_begin_recovery(vg)) {
		ret = virtio_device_reset_prepare(vdev) ?: virtio_device_reset_done(vdev);
		/* Unless virtgpu_reset_done() was called and has said so. */
		if (ret)
			virtgpu_life_fail(vg, ret);
		virtgpu_life_end_recovery(vg);
		ret = 0;
	}
	device_unlock(parent);
	return ret;
}

/* Programs wait instead of seeing a device that has no queues. */
static int virtgpu_reset_heads(struct virtgpu_device *vg)
{
	struct drm_device *drm = &vg->drm;
	struct drm_modeset_acquire_ctx ctx;
	int ret;

	if (!vg->num_scanouts)
		return virtgpu_reset_device(vg);
	DRM_MODESET_LOCK_ALL_BEGIN(drm, ctx, 0, ret);
	ret = virtgpu_reset_device(vg);
	DRM_MODESET_LOCK_ALL_END(drm, ctx, ret);
	return ret;
}

static void virtgpu_reset_work(struct work_struct *work)
{
	struct virtgpu_recovery *recovery = container_of(to_delayed_work(work),
							 struct virtgpu_recovery, reset_work);
	struct virtgpu_device *vg = recovery->vg;
	enum virtgpu_cause cause = virtgpu_life_due(vg);

	/* The device was reset meanwhile. */
	if (cause == VIRTGPU_CAUSE_NONE)
		return;
	/* This may have been decided long ago. */
	if (virtgpu_cause_is_called_off(cause) && virtgpu_life_has_answered(vg) &&
	    virtgpu_life_call_off(vg, cause)) {
		drm_info(&vg->drm, "the host answers again: the device is not reset\n");
		virtgpu_life_ask(vg);
		return;
	}
	/* What somebody else does with it may be a reset, but need not be one. */
	if (virtgpu_reset_heads(vg))
		queue_delayed_work(system_freezable_wq, &vg->recovery->reset_work, HZ);
}

/* Acts on a change of the device's configuration. */
static void virtgpu_config_work(struct work_struct *work)
{
	struct virtgpu_recovery *recovery = container_of(work, struct virtgpu_recovery,
							 config_work);
	struct virtgpu_device *vg = recovery->vg;

	/* Its registers may be away, too. When it is back its heads are read. */
	if (!virtgpu_life_is_up(vg))
		return;
	/* After the reset the windows are read. */
	if (vg->vdev->config->get_status(vg->vdev) & VIRTIO_CONFIG_S_NEEDS_RESET)
		virtgpu_reset_decide(vg, VIRTGPU_CAUSE_ASKED);
	else
		virtgpu_hotplug(vg);
}

/**
 * virtgpu_recovery_init - get ready to judge a device and to reset it
 * @vg: the device, which has no other parts yet
 *
 * Returns: 0 or -ENOMEM.
 */
int virtgpu_recovery_init(struct virtgpu_device *vg)
{
	struct virtgpu_recovery *recovery;

	recovery = drmm_kzalloc(&vg->drm, sizeof(*recovery), GFP_KERNEL);
	if (!recovery)
		return -ENOMEM;
	recovery->vg = vg;
	vg->recovery = recovery;
	INIT_DELAYED_WORK(&recovery->reset_work, virtgpu_reset_work);
	INIT_WORK(&recovery->config_work, virtgpu_config_work);
	virtgpu_life_init(vg);
	return 0;
}

/**
 * virtgpu_recovery_fini - no resets from here on, and no news of windows
 * @vg: the device
 */
void virtgpu_recovery_fini(struct virtgpu_device *vg)
{
	disable_work_sync(&vg->recovery->config_work);
	virtgpu_life_disable(vg);
	disable_delayed_work_sync(&vg->recovery->reset_work);
}

/**
 * virtgpu_mend - have a device that has lost commands told again what it is to show, soon
 * @vg: the device
 */
void virtgpu_mend(struct virtgpu_device *vg)
{
	drm_err_ratelimited(&vg->drm, "the host forgets commands: the heads are drawn anew\n");
	virtgpu_queue_send_kept(&vg->transport->ctrl);
	virtgpu_display_mend(vg);
}
