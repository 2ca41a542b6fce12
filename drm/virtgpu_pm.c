// SPDX-License-Identifier: GPL-2.0
/*
 * Suspend, hibernation, reset and recovery. In each the device may be reset and forget everything:
 * take the queues down, bring them up, create the resources anew, show what was shown.
 */
#include <linux/virtio.h>
#include <linux/virtio_config.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_modeset_helper.h>
#include <drm/drm_modeset_lock.h>
#include <drm/drm_print.h>

#include "virtgpu_context.h"
#include "virtgpu_display.h"
#include "virtgpu_life.h"
#include "virtgpu_pm.h"
#include "virtgpu_render.h"
#include "virtgpu_resource.h"

/**
 * virtgpu_freeze - &virtio_driver.freeze
 * @vdev: the virtio device
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_freeze(struct virtio_device *vdev)
{
	struct virtgpu_device *vg = vdev->priv;
	int ret;

	if (vg->num_scanouts) {
		ret = drm_mode_config_helper_suspend(&vg->drm);
		if (ret)
			return ret;
	}

	cancel_work_sync(&vg->recovery->config_work);
	virtgpu_contexts_lost(vg);
	virtgpu_queues_stop(vg);
	return 0;
}

static int virtgpu_bring_up_resources(struct virtgpu_device *vg)
{
	int ret;

	lockdep_assert_held(&vg->memory->making);
	ret = virtgpu_queues_start(vg);
	if (ret)
		return ret;

	virtgpu_resources_restore(vg);
	/* Behind that, because a commit before it may have shown what the host did not have yet. */
	virtgpu_display_forget(vg);
	return 0;
}

/* Everything but the picture. */
static int virtgpu_bring_up(struct virtgpu_device *vg)
{
	int ret;

	/* And those that were made meanwhile. Who found one before that has sent all it sends. */
	mutex_lock(&vg->render->fences.emit);
	virtgpu_contexts_lost(vg);
	mutex_unlock(&vg->render->fences.emit);
	mutex_lock(&vg->memory->making);
	ret = virtgpu_bring_up_resources(vg);
	mutex_unlock(&vg->memory->making);
	if (ret)
		return ret;

	if (vg->num_scanouts) {
		virtgpu_hotplug_restored(vg);
		queue_work(vg->wq, &vg->recovery->config_work);
	}
	return 0;
}

/**
 * virtgpu_restore - &virtio_driver.restore
 * @vdev: the virtio device
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_restore(struct virtio_device *vdev)
{
	struct virtgpu_device *vg = vdev->priv;
	int ret;

	ret = virtgpu_bring_up(vg);
	if (ret || !vg->num_scanouts)
		return ret;
	return drm_mode_config_helper_resume(&vg->drm);
}

/**
 * virtgpu_reset_prepare - &virtio_driver.reset_prepare
 * @vdev: the virtio device
 *
 * Until virtgpu_reset_done() commits go nowhere; their state is what is shown then.
 *
 * Returns: 0.
 */
int virtgpu_reset_prepare(struct virtio_device *vdev)
{
	/* Before who waits for a fence hears of it. */
	virtgpu_contexts_lost(vdev->priv);
	virtgpu_queues_stop(vdev->priv);
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
	struct virtgpu_device *vg = vdev->priv;
	int ret;

	ret = virtgpu_bring_up(vg);
	if (ret || !vg->num_scanouts)
		return ret;
	virtgpu_display_redraw(vg);
	return 0;
}

/* The lock of the parent device is held by all who reset, remove or suspend it: none overlap. */
static int virtgpu_reset_device(struct virtio_device *vdev)
{
	struct device *parent = vdev->dev.parent;
	int ret;

	if (!device_trylock(parent))
		return -EBUSY;
	ret = virtio_device_reset_prepare(vdev) ?: virtio_device_reset_done(vdev);
	device_unlock(parent);
	return ret;
}

static void virtgpu_reset_work(struct work_struct *work)
{
	struct virtgpu_recovery *recovery = container_of(to_delayed_work(work),
							 struct virtgpu_recovery, reset_work);
	struct virtgpu_device *vg = recovery->vg;
	struct drm_device *drm = &vg->drm;
	struct drm_modeset_acquire_ctx ctx;
	bool is_broken = xchg(&vg->recovery->is_broken, false);
	int ret;

	/* It may have been dead only when the reset was decided upon, which may be long ago. */
	if (!is_broken && virtgpu_life_has_answered(vg)) {
		drm_info(drm, "the host answers again: the device is not reset\n");
		virtgpu_life_ask(vg);
		return;
	}

	/* New trouble leads to no reset for a while. This one may take long, so set it twice. */
	WRITE_ONCE(vg->recovery->reset_at, jiffies);
	if (vg->num_scanouts) {
		/* Programs wait instead of seeing a device that has no queues. */
		DRM_MODESET_LOCK_ALL_BEGIN(drm, ctx, 0, ret);
		ret = virtgpu_reset_device(vg->vdev);
		DRM_MODESET_LOCK_ALL_END(drm, ctx, ret);
	} else {
		ret = virtgpu_reset_device(vg->vdev);
	}
	if (ret == -EBUSY) {
		/* What somebody else does with it may be a reset, but need not be one. */
		if (is_broken)
			WRITE_ONCE(vg->recovery->is_broken, true);
		queue_delayed_work(system_freezable_wq, &vg->recovery->reset_work, HZ);
	} else if (ret) {
		drm_err(drm, "the device did not come back: %d\n", ret);
	}
	WRITE_ONCE(vg->recovery->reset_at, jiffies);
}

/* Acts on a change of the device's configuration. */
static void virtgpu_config_work(struct work_struct *work)
{
	struct virtgpu_recovery *recovery = container_of(work, struct virtgpu_recovery,
							 config_work);
	struct virtgpu_device *vg = recovery->vg;

	/* After the reset the windows are read. */
	if (vg->vdev->config->get_status(vg->vdev) & VIRTIO_CONFIG_S_NEEDS_RESET)
		virtgpu_reset_schedule(vg, "the device asks for it");
	else
		virtgpu_hotplug(vg);
}

/**
 * virtgpu_recovery_init - get ready to judge the device and to reset it
 * @vg: the device
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
	recovery->reset_at = jiffies - virtgpu_queue_patience();
	INIT_DELAYED_WORK(&recovery->reset_work, virtgpu_reset_work);
	INIT_WORK(&recovery->config_work, virtgpu_config_work);
	vg->recovery = recovery;
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

static void virtgpu_reset_soon(struct virtgpu_device *vg, const char *why)
{
	unsigned long next = READ_ONCE(vg->recovery->reset_at) + virtgpu_queue_patience();
	unsigned long delay = time_before(jiffies, next) ? next - jiffies : 0;

	if (queue_delayed_work(system_freezable_wq, &vg->recovery->reset_work, delay))
		drm_err(&vg->drm, "%s: the device will be reset\n", why);
}

/**
 * virtgpu_reset_schedule - have the device reset and restored, soon
 * @vg: the device
 * @why: for people
 *
 * A device that breaks again at once is reset again only after a while.
 */
void virtgpu_reset_schedule(struct virtgpu_device *vg, const char *why)
{
	WRITE_ONCE(vg->recovery->is_broken, true);
	virtgpu_reset_soon(vg, why);
}

/**
 * virtgpu_reset_dead - the same for a device that answers nothing, unless it does so before
 * @vg: the device
 */
void virtgpu_reset_dead(struct virtgpu_device *vg)
{
	virtgpu_reset_soon(vg, "the host answers nothing");
}
