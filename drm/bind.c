// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Replacements for parts of virtio core
 *
 * virtio core (7.3) calls the driver for a PCI reset without the lock of the virtio device, so
 * possibly during probe and remove. To keep these apart, probe and remove take the lock of the PCI
 * device, which a PCI reset holds from its first callback to its end.
 * docs/upstream/virtio-reset-lock.patch would make this locking unnecessary. The two exclude each
 * other: with the patch, a reset waits for the lock of the virtio device while it holds that of the
 * PCI device, for which probe and remove wait here.
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

/* Milliseconds between two attempts to take the lock of a PCI device. */
#define VIRTGPU_BIND_TRY	10

/* Protects &virtio_device.priv of all devices. */
static DEFINE_SPINLOCK(virtgpu_bind_lock);

/**
 * virtgpu_bind_lock_parent - prevent PCI resets while the driver is bound or unbound
 * @vdev: the virtio device
 *
 * If the driver of the PCI device is being bound or unbound, that thread holds the lock, and may
 * wait for the lock of the virtio device, which the caller holds. So the lock is only tried.
 *
 * Returns: true if the caller holds the lock now, and must call virtgpu_bind_unlock_parent().
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
 * virtgpu_bind_unlock_parent - allow PCI resets again
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

/* Called after everything else that virtio core does when the driver leaves a device. */
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
 * virtgpu_bind - bind a device to its virtio device, until the driver leaves it
 * @vg: the device, whose state is %VIRTGPU_STARTING; takes the caller's reference
 *
 * Returns: 0 or -ENOMEM.
 */
int virtgpu_bind(struct virtgpu_device *vg)
{
	virtgpu_bind_set(vg->vdev, vg);
	return devm_add_action_or_reset(&vg->vdev->dev, virtgpu_unbind, vg);
}

/**
 * virtgpu_bound_leave - begin to leave the device
 * @vg: the device
 *
 * The PCI device is not reset from now on until virtio core has finished.
 */
void virtgpu_bound_leave(struct virtgpu_device *vg)
{
	vg->recovery->has_parent_lock = virtgpu_bind_lock_parent(vg->vdev);
	virtgpu_life_leave(vg);
}

/**
 * virtgpu_bound_notify - &virtio_driver.config_changed: schedule reading the configuration
 * @vdev: the virtio device
 *
 * display/hotplug.c has an overview of what follows. After a reset virtio core may call this even
 * if the driver has left the device meanwhile.
 */
void virtgpu_bound_notify(struct virtio_device *vdev)
{
	struct virtgpu_device *vg;
	unsigned long flags;

	spin_lock_irqsave(&virtgpu_bind_lock, flags);
	vg = vdev->priv;
	/* A device that is away reads the heads when it is back. */
	if (vg && virtgpu_life_is_up(vg))
		queue_work(vg->wq, &vg->recovery->config_work);
	spin_unlock_irqrestore(&virtgpu_bind_lock, flags);
}

/**
 * virtgpu_bound_get - the device that is bound to a virtio device
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
 * virtgpu_bound_wait - wait until virtio core has finished the probe
 * @vg: the device
 *
 * After the driver's probe, virtio core sets the device's status to ready. A reset clears the
 * status and waits until the device reads as clear. If core sets the status in between, the reset
 * waits for ever. The wait of this function also ends if the driver leaves the device after a
 * failed probe.
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
