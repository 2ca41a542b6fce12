// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Resets
 *
 * A reset is requested by the administrator, for the PCI device, or is due because of trouble
 * (&enum virtgpu_cause). Both stop the queues, which takes all commands back, and then bring the
 * device up: the queues are started, all resources are created again, and the current state is
 * committed once more. Contexts are lost. Programs wait meanwhile.
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
 * struct virtgpu_cause_rule - the rule for a cause of resets
 * @text: its name, for messages
 * @is_called_off: the reset is cancelled if the device answers anything before it begins
 */
struct virtgpu_cause_rule {
	const char *text;
	bool is_called_off;
};

static const struct virtgpu_cause_rule virtgpu_cause_rules[] = {
	[VIRTGPU_CAUSE_NONE] = { "none", false },
	[VIRTGPU_CAUSE_DEAD] = { "the host does not answer", true },
	[VIRTGPU_CAUSE_FORGETFUL] = { "the host has lost commands", false },
	[VIRTGPU_CAUSE_BROKEN] = { "the ring is broken", false },
	[VIRTGPU_CAUSE_ASKED] = { "the device requests a reset", false },
	[VIRTGPU_CAUSE_KEPT_BACK] = { "a command that releases memory could not be sent", false },
};

/**
 * virtgpu_cause_text - the name of a cause, for messages
 * @cause: the cause
 *
 * Returns: a constant string.
 */
const char *virtgpu_cause_text(enum virtgpu_cause cause)
{
	return virtgpu_cause_rules[cause].text;
}

/**
 * virtgpu_cause_is_called_off - whether an answer of the device cancels the reset
 * @cause: the cause
 *
 * Returns: true if so.
 */
bool virtgpu_cause_is_called_off(enum virtgpu_cause cause)
{
	return virtgpu_cause_rules[cause].is_called_off;
}

/**
 * virtgpu_reset_decide - decide on a reset of the device, log why, and schedule it
 * @vg: the device
 * @cause: why
 *
 * All decisions come here: those of virtgpu_life_judge(), of the queues, and of
 * virtgpu_config_work(). If the last reset was short ago, this one is delayed. May be called in
 * softirq.
 */
void virtgpu_reset_decide(struct virtgpu_device *vg, enum virtgpu_cause cause)
{
	unsigned long delay;

	if (!virtgpu_life_note_due(vg, cause, &delay))
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
	/* After that, because an earlier commit may have shown what the host did not have yet. */
	virtgpu_display_forget(vg);
	return 0;
}

/**
 * virtgpu_bring_up - restore a device that was reset or suspended, except for its picture
 * @vg: the device, whose state says that it is away
 *
 * Returns: 0, or a negative errno if the device is gone.
 */
int virtgpu_bring_up(struct virtgpu_device *vg)
{
	int ret;

	/*
	 * Also contexts that were created since the reset began. Under this lock nobody is queueing
	 * commands of a context that was found valid before.
	 */
	mutex_lock(&vg->render->fences.emit);
	virtgpu_contexts_lose(vg);
	mutex_unlock(&vg->render->fences.emit);
	mutex_lock(&vg->memory->making);
	ret = virtgpu_bring_up_resources(vg);
	mutex_unlock(&vg->memory->making);
	if (ret) {
		virtgpu_life_fail(vg, ret);
		return ret;
	}
	if (!virtgpu_life_up(vg)) {
		/* The driver has waited for this until the time limit, and leaves. */
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
 * Until virtgpu_reset_done() commits send nothing. Their state is shown after that.
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
	/* Before the fences are signalled, because programs react to them. */
	virtgpu_contexts_lose(vg);
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
 * Resets the device under the lock of its parent. Everybody else who resets or suspends the PCI
 * device holds this lock, so virtio core does not do two of these at a time. The lock is only
 * tried, because a removal of the PCI device holds it while it waits for this work.
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
		/* Does nothing if virtgpu_reset_done() has done so already. */
		if (ret)
			virtgpu_life_fail(vg, ret);
		virtgpu_life_end_recovery(vg);
		ret = 0;
	}
	device_unlock(parent);
	return ret;
}

/* Holds the modeset locks during the reset, so that programs wait for it. */
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
	/* The decision may be old. */
	if (virtgpu_cause_is_called_off(cause) && virtgpu_life_has_answered(vg) &&
	    virtgpu_life_call_off(vg, cause)) {
		drm_info(&vg->drm, "the host answers again: the device is not reset\n");
		virtgpu_life_ask(vg);
		return;
	}
	/* Somebody else has the lock, perhaps for a reset, perhaps not: try again. */
	if (virtgpu_reset_heads(vg))
		queue_delayed_work(system_freezable_wq, &vg->recovery->reset_work, HZ);
}

/* Handles a change of the device's configuration; display/hotplug.c has an overview. */
static void virtgpu_config_work(struct work_struct *work)
{
	struct virtgpu_recovery *recovery = container_of(work, struct virtgpu_recovery,
							 config_work);
	struct virtgpu_device *vg = recovery->vg;

	/* Its registers may not be accessible. The heads are read when the device is back. */
	if (!virtgpu_life_is_up(vg))
		return;
	/* The heads are read after the reset. */
	if (vg->vdev->config->get_status(vg->vdev) & VIRTIO_CONFIG_S_NEEDS_RESET)
		virtgpu_reset_decide(vg, VIRTGPU_CAUSE_ASKED);
	else
		virtgpu_hotplug(vg);
}

/**
 * virtgpu_recovery_init - initialize the state of a device and its recovery
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
 * virtgpu_recovery_fini - stop recovery, and changes of the configuration
 * @vg: the device
 */
void virtgpu_recovery_fini(struct virtgpu_device *vg)
{
	disable_work_sync(&vg->recovery->config_work);
	virtgpu_life_disable(vg);
	disable_delayed_work_sync(&vg->recovery->reset_work);
}

/**
 * virtgpu_mend - repair a device that has lost commands without a reset
 * @vg: the device
 */
void virtgpu_mend(struct virtgpu_device *vg)
{
	drm_err_ratelimited(&vg->drm, "the host has lost commands: the heads are redrawn\n");
	virtgpu_queue_send_kept(&vg->transport->ctrl);
	virtgpu_display_mend(vg);
}
