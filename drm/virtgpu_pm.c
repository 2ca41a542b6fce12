// SPDX-License-Identifier: GPL-2.0
/*
 * Suspend, hibernation, reset and recovery. In each the device may be reset and forget everything,
 * so that they are one: take the queues down, bring them up, create the resources anew, show what
 * was shown.
 */
#include <linux/virtio.h>

#include <drm/drm_modeset_helper.h>
#include <drm/drm_print.h>

#include "virtgpu_drv.h"
#include "virtgpu_pm.h"
#include "virtgpu_resource.h"

/**
 * virtgpu_freeze - &virtio_driver.freeze and .reset_prepare
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

	cancel_work_sync(&vg->hotplug_work);
	virtgpu_queues_stop(vg);
	return 0;
}

/**
 * virtgpu_restore - &virtio_driver.restore and .reset_done
 * @vdev: the virtio device
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_restore(struct virtio_device *vdev)
{
	struct virtgpu_device *vg = vdev->priv;
	int ret;
	u32 i;

	ret = virtgpu_queues_start(vg);
	if (ret)
		return ret;

	for (i = 0; i < vg->num_scanouts; i++)
		virtgpu_output_forget(&vg->outputs[i]);
	virtgpu_resources_restore(vg);
	if (!vg->num_scanouts)
		return 0;

	/* The host's windows may have changed while nobody listened. */
	queue_work(vg->wq, &vg->hotplug_work);
	return drm_mode_config_helper_resume(&vg->drm);
}

/**
 * virtgpu_reset_work - bring back a device that lost commands or broke
 * @work: &virtgpu_device.reset_work
 */
void virtgpu_reset_work(struct work_struct *work)
{
	struct virtgpu_device *vg = container_of(work, struct virtgpu_device, reset_work);
	int ret;

	drm_info(&vg->drm, "resetting the device\n");
	ret = virtio_device_reset_prepare(vg->vdev);
	if (!ret)
		ret = virtio_device_reset_done(vg->vdev);
	if (ret)
		drm_err(&vg->drm, "the device did not come back: %d\n", ret);
}
