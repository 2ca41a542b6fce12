/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In Linux 6.12, the panic screen cannot write to pages without a mapping. Debian builds 6.12
 * without the panic screen, so nothing calls what the driver has for it, and the struct may have
 * the new form.
 *
 * Absent: panic screen
 */
#ifndef VIRTGPU_COMPAT_PANIC_PAGES_H
#define VIRTGPU_COMPAT_PANIC_PAGES_H

#ifdef CONFIG_DRM_PANIC
#error "This kernel is too old for this driver's panic screen: disable CONFIG_DRM_PANIC."
#endif

/* Instead of the kernel's own header. */
#define __DRM_PANIC_H__

#include <linux/iosys-map.h>
#include <linux/types.h>

#include <drm/drm_fourcc.h>

struct page;

/**
 * struct drm_scanout_buffer - where the pixels of a plane are
 * @format: their format
 * @map: the mapping of the buffer, or
 * @pages: the pages of a buffer without a mapping
 * @width: pixels in a row
 * @height: rows
 * @pitch: bytes from one row to the next
 */
struct drm_scanout_buffer {
	const struct drm_format_info *format;
	struct iosys_map map[DRM_FORMAT_MAX_PLANES];
	struct page **pages;
	unsigned int width;
	unsigned int height;
	unsigned int pitch[DRM_FORMAT_MAX_PLANES];
};

#endif
