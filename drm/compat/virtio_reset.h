/* SPDX-License-Identifier: GPL-2.0 */
/*
 * See virtio_reset.c.
 *
 * Absent: recovery after others have reset the PCI function
 * Absent: switching heads off before a shutdown
 */
#ifndef VIRTGPU_COMPAT_VIRTIO_RESET_H
#define VIRTGPU_COMPAT_VIRTIO_RESET_H

#include <linux/module.h>
#include <linux/printk.h>
#include <linux/virtio.h>

/**
 * struct virtgpu_compat_virtio_driver - &struct virtio_driver with the callbacks of newer kernels
 * @reset_prepare: prepares for a reset
 * @reset_done: brings the device back after a reset
 * @shutdown: not called, because virtio core resets the device itself
 * @suspend: the driver's &virtio_driver.freeze
 * @resume: the driver's &virtio_driver.restore
 */
struct virtgpu_compat_virtio_driver {
	struct virtio_driver;
	int (*reset_prepare)(struct virtio_device *dev);
	int (*reset_done)(struct virtio_device *dev);
	void (*shutdown)(struct virtio_device *dev);
	int (*suspend)(struct virtio_device *dev);
	int (*resume)(struct virtio_device *dev);
};

int virtgpu_compat_freeze(struct virtio_device *dev);
int virtgpu_compat_restore(struct virtio_device *dev);
int virtio_device_reset_prepare(struct virtio_device *dev);
int virtio_device_reset_done(struct virtio_device *dev);

static inline int virtgpu_compat_register(struct virtgpu_compat_virtio_driver *driver)
{
	pr_info("virtgpu: this kernel does not have: %s\n", VIRTGPU_COMPAT_ABSENT);
	driver->suspend = driver->freeze;
	driver->resume = driver->restore;
	driver->freeze = virtgpu_compat_freeze;
	driver->restore = virtgpu_compat_restore;
	return register_virtio_driver(driver);
}

#define virtio_driver	virtgpu_compat_virtio_driver

#undef module_virtio_driver
#define module_virtio_driver(driver)	\
	module_driver(driver, virtgpu_compat_register, unregister_virtio_driver)

#endif
