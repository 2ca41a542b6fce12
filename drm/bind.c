// SPDX-License-Identifier: GPL-2.0
/*
 * What virtio core lacks: a PCI reset calls the driver without the lock of the virtio device (7.3),
 * so it may do so beside probe and remove. Here is all that keeps these apart: both take
 * the lock of the PCI device, which a PCI reset holds from its first callback to its end.
 * docs/upstream/virtio-reset-lock.patch would make that unnecessary.
 */
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/device/devres.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>

#include <drm/drm_drv.h>

#include "bind.h"
#include "device.h"
#include "life.h"

/* How often the lock of a PCI device is tried, in milliseconds. */
#define VIRTGPU_BIND_TRY	10

/* Protects &virtio_device.priv of all devices. */
static DEFINE_SPINLOCK(virtgpu_bind_lock);

/**
 * virtgpu_bind_lock_parent - keep PCI resets away while the driver comes or goes
 * @vdev: the virtio device
 *
 * Who binds or unbinds the PCI device's driver holds the lock already, or waits with it for the
 * lock of the virtio device, which the caller holds. So the lock is only tried.
 *
 * Returns: whether the caller has the lock now, and has to give it back.
 */
bool virtgpu_bind_lock_parent(struct virtio_device *vdev)
{
	struct device *parent = vdev->dev.parent;

	while (READ_ONCE(parent->links.status) == DL_DEV_DRIVER_BOUND) {
		if (device_trylock(parent))
			return true;
		msleep(VIRTGPU_BIND_TRY);
	}
	return false;
}

/**
 * virtgpu_bind_unlock_parent - let PCI resets through again
 * @vdev: the virtio device
 */
void virtgpu_bind_unlock_parent(struct virtio_device *vdev)
{
	device_unlock(vdev->dev.parent);
}

static void virtgpu_bind_set(struct virtio_device *vdev, struct virtgpu_device *vg)
{
	unsigned long flags;

	spin_lock_irqsave(&virtgpu_bind_lock, flags);
	vdev->priv = vg;
	spin_unlock_irqrestore(&virtgpu_bind_lock, flags);
}

/* Comes after all that virtio core does with a device that its driver leaves. */
static void virtgpu_unbind(void *data)
{
	struct virtgpu_device *vg = data;
	struct virtio_device *vdev = vg->vdev;
	bool has_lock = vg->recovery->has_parent_lock;

	virtgpu_life_leave(vg);
	virtgpu_bind_set(vdev, NULL);
	drm_dev_put(&vg->drm);
	if (has_lock)
		virtgpu_bind_unlock_parent(vdev);
}

/**
 * virtgpu_bind - tie a device to its virtio device, until the driver leaves that
 * @vg: the device, whose state says that it is starting; the caller's reference goes with it
 *
 * Returns: 0 or -ENOMEM.
 */
int virtgpu_bind(struct virtgpu_device *vg)
{
	virtgpu_bind_set(vg->vdev, vg);
	return devm_add_action_or_reset(&vg->vdev->dev, virtgpu_unbind, vg);
}

/**
 * virtgpu_bound_leave - the driver begins to leave the device
 * @vg: the device
 *
 * From here until virtio core has done the last of what it does then, the PCI device is not reset.
 */
void virtgpu_bound_leave(struct virtgpu_device *vg)
{
	vg->recovery->has_parent_lock = virtgpu_bind_lock_parent(vg->vdev);
	virtgpu_life_leave(vg);
}

/**
 * virtgpu_bound_notify - &virtio_driver.config_changed: have the heads looked at
 * @vdev: the virtio device
 *
 * virtio core lets these events through after a reset, even if it ends after the driver has left.
 */
void virtgpu_bound_notify(struct virtio_device *vdev)
{
	struct virtgpu_device *vg;
	unsigned long flags;

	spin_lock_irqsave(&virtgpu_bind_lock, flags);
	vg = vdev->priv;
	/* All that is away reads the heads when it is back. */
	if (vg && virtgpu_life_is_up(vg))
		queue_work(vg->wq, &vg->recovery->config_work);
	spin_unlock_irqrestore(&virtgpu_bind_lock, flags);
}

/**
 * virtgpu_bound_get - the device that is tied to a virtio device
 * @vdev: the virtio device
 *
 * Returns: the device with a reference for the caller, or NULL.
 */
struct virtgpu_device *virtgpu_bound_get(struct virtio_device *vdev)
{
	struct virtgpu_device *vg;
	unsigned long flags;

	spin_lock_irqsave(&virtgpu_bind_lock, flags);
	vg = vdev->priv;
	if (vg)
		drm_dev_get(&vg->drm);
	spin_unlock_irqrestore(&virtgpu_bind_lock, flags);
	return vg;
}

/**
 * virtgpu_bound_wait - wait until virtio core has done the last of what it does in a probe
 * @vg: the device
 *
 * After the driver's part core marks the device as ready, unless it is. A reset that clears the
 * mark just before that would wait for ever for the device to be clear. A driver that leaves after
 * a failed probe ends the wait.
 */
void virtgpu_bound_wait(struct virtgpu_device *vg)
{
	while (!device_is_bound(&vg->vdev->dev) && !virtgpu_life_is_leaving(vg))
		msleep(VIRTGPU_BIND_TRY);
}

/**
 * virtgpu_bound_put - drop a reference of virtgpu_bound_get()
 * @vg: the device
 */
void virtgpu_bound_put(struct virtgpu_device *vg)
{
	drm_dev_put(&vg->drm);
}
