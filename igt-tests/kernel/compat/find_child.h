/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, the data for device_find_child() is not const. */
#ifndef COMPAT_FIND_CHILD_H
#define COMPAT_FIND_CHILD_H

#include <linux/device.h>

#define device_find_child(parent, data, match) \
	device_find_child(parent, (void *)(data), (void *)(match))

#endif
