// SPDX-License-Identifier: GPL-2.0
/*
 * In Linux 6.12, virtio core does not reset a device for its driver, but resumes devices in the
 * same way. So the driver's own resets are suspends for the core. It does not learn of resets of
 * the PCI device by others.
 */
#include <linux/device.h>
#include <linux/virtio.h>

/* The caller of a reset holds the lock of the parent, as a suspend does. */
static bool virtgpu_compat_is_reset(struct virtio_device *dev)
{
	return dev_get_drvdata(&dev->dev);
}

static void virtgpu_compat_set_reset(struct virtio_device *dev, bool is_reset)
{
	dev_set_drvdata(&dev->dev, is_reset ? dev : NULL);
}

static struct virtio_driver *virtgpu_compat_driver(struct virtio_device *dev)
{
	return container_of(dev->dev.driver, struct virtio_driver, driver);
}

/**
 * virtgpu_compat_freeze - &virtio_driver.freeze
 * @dev: the virtio device
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_compat_freeze(struct virtio_device *dev)
{
	struct virtio_driver *driver = virtgpu_compat_driver(dev);

	return virtgpu_compat_is_reset(dev) ? driver->reset_prepare(dev) : driver->suspend(dev);
}

/**
 * virtgpu_compat_restore - &virtio_driver.restore
 * @dev: the virtio device
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_compat_restore(struct virtio_device *dev)
{
	struct virtio_driver *driver = virtgpu_compat_driver(dev);

	return virtgpu_compat_is_reset(dev) ? driver->reset_done(dev) : driver->resume(dev);
}

/**
 * virtio_device_reset_prepare - prepare for a reset
 * @dev: the virtio device; its parent is locked
 *
 * Returns: 0 or a negative errno.
 */
int virtio_device_reset_prepare(struct virtio_device *dev)
{
	int ret;

	virtgpu_compat_set_reset(dev, true);
	ret = virtio_device_freeze(dev);
	virtgpu_compat_set_reset(dev, false);
	return ret;
}

/**
 * virtio_device_reset_done - reset a device and bring it back
 * @dev: the virtio device; its parent is locked
 *
 * Returns: 0 or a negative errno.
 */
int virtio_device_reset_done(struct virtio_device *dev)
{
	int ret;

	virtgpu_compat_set_reset(dev, true);
	ret = virtio_device_restore(dev);
	virtgpu_compat_set_reset(dev, false);
	return ret;
}
