/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, a device without hardware is a platform device. */
#ifndef COMPAT_FAUX_H
#define COMPAT_FAUX_H

#include <linux/err.h>
#include <linux/platform_device.h>

#define faux_device		platform_device
#define faux_device_destroy	platform_device_unregister

static inline struct faux_device *faux_device_create(const char *name, struct device *parent,
						     const void *ops)
{
	struct faux_device *faux = platform_device_register_simple(name, PLATFORM_DEVID_NONE, NULL, 0);

	return IS_ERR(faux) ? NULL : faux;
}

#endif
