/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, drivers have a date, and the core warns if it is missing. */
#ifndef VIRTGPU_COMPAT_DRIVER_DATE_H
#define VIRTGPU_COMPAT_DRIVER_DATE_H

#include <drm/drm_drv.h>

/* The same date as mainline's driver has. */
#define patchlevel	date = "0", .patchlevel

#endif
