// SPDX-License-Identifier: GPL-2.0
/*
 * Suspend and hibernation. The device may lose its whole state. Meanwhile drivers are neither bound
 * nor unbound, and recovery's work is frozen.
 */
#include <linux/virtio.h>
#include <linux/workqueue.h>

#include <drm/drm_atomic.h>
#include <drm/drm_atomic_helper.h>
#include <drm/drm_modeset_helper.h>

#include "display/display.h"
#include "drv.h"
#include "life.h"
#include "render/context.h"
#include "render/render.h"
#include "reset.h"

/*
 * Switches the heads off and saves their state. After a resume that failed, the state is saved
 * already, and what a program has switched on since is switched off.
 */
static int virtgpu_suspend_heads(struct virtgpu_device *vg)
{
	if (!vg->drm.mode_config.suspend_state)
		return drm_mode_config_helper_suspend(&vg->drm);
	drm_atomic_helper_shutdown(&vg->drm);
	return 0;
}

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
		ret = virtgpu_suspend_heads(vg);
		if (ret)
			return ret;
	}

	virtgpu_life_sleep(vg);
	cancel_work_sync(&vg->recovery->config_work);
	virtgpu_contexts_lose(vg);
	virtgpu_queues_stop(vg);
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
 * virtgpu_suspend_forget - release what a suspend has saved, if the device did not come back
 * @vg: the device, which the driver leaves
 */
void virtgpu_suspend_forget(struct virtgpu_device *vg)
{
	struct drm_atomic_commit *state = vg->drm.mode_config.suspend_state;

	if (!state)
		return;
	vg->drm.mode_config.suspend_state = NULL;
	drm_atomic_commit_put(state);
}
