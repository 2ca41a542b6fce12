// SPDX-License-Identifier: GPL-2.0
/*
 * What virtio core lacks: a PCI reset calls the driver without the lock of the virtio device (7.3).
 * So it may do so beside probe and remove, and until the module has gone. Here is all that keeps
 * these apart. docs/upstream/virtio-reset-lock.patch would make it unnecessary.
 */
#include <linux/completion.h>
#include <linux/device/devres.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/virtio.h>

#include <drm/drm_drv.h>

#include "virtgpu_bind.h"
#include "virtgpu_device.h"
#include "virtgpu_life.h"

/* How long a PCI reset waits for the driver to leave. */
#define VIRTGPU_UNBIND_PATIENCE	(60 * HZ)

/* Protects &virtio_device.priv of all devices. */
static DEFINE_SPINLOCK(virtgpu_bind_lock);

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

	virtgpu_life_leave(vg);
	virtgpu_bind_set(vg->vdev, NULL);
	complete_all(&vg->recovery->unbound);
	drm_dev_put(&vg->drm);
}

/**
 * virtgpu_bind - tie a device to its virtio device, until the driver leaves that
 * @vg: the device, whose state says that it is starting; the caller's reference goes with it
 *
 * Returns: 0 or -ENOMEM.
 */
int virtgpu_bind(struct virtgpu_device *vg)
{
	init_completion(&vg->recovery->unbound);
	virtgpu_bind_set(vg->vdev, vg);
	return devm_add_action_or_reset(&vg->vdev->dev, virtgpu_unbind, vg);
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
 * virtgpu_bound_put - drop a reference of virtgpu_bound_get()
 * @vg: the device
 */
void virtgpu_bound_put(struct virtgpu_device *vg)
{
	drm_dev_put(&vg->drm);
}

/**
 * virtgpu_bound_wait - wait until a driver that leaves has left
 * @vg: the device
 *
 * The caller is about to take the registers away that virtio core reads last.
 */
void virtgpu_bound_wait(struct virtgpu_device *vg)
{
	if (virtgpu_life_is_leaving(vg))
		wait_for_completion_timeout(&vg->recovery->unbound, VIRTGPU_UNBIND_PATIENCE);
}

/**
 * virtgpu_bind_flush - wait until nobody is about to call the driver any more
 *
 * Called when the driver is not registered any more. A PCI reset that has found it before holds the
 * lock of the PCI device until it is over.
 */
void virtgpu_bind_flush(void)
{
	struct pci_dev *pdev = NULL;

	while ((pdev = pci_get_device(PCI_VENDOR_ID_REDHAT_QUMRANET, PCI_ANY_ID, pdev))) {
		device_lock(&pdev->dev);
		device_unlock(&pdev->dev);
	}
}
