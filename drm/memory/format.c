// SPDX-License-Identifier: GPL-2.0
/*
 * Pixel formats. DRM names a format by the bits of a little-endian word, the protocol by the order
 * of the bytes in memory.
 */
#include <linux/array_size.h>
#include <linux/virtio_gpu.h>

#include <drm/drm_fourcc.h>
#include <drm/drm_framebuffer.h>

#include "memory/format.h"

/* Consoles and compositors prefer the first format. The core knows the size of a pixel. */
static const struct {
	u32 fourcc;
	u32 format;
} virtgpu_formats[VIRTGPU_FORMAT_COUNT] = {
	{ DRM_FORMAT_XRGB8888, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM },
	{ DRM_FORMAT_ARGB8888, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM },
	{ DRM_FORMAT_XBGR8888, VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM },
	{ DRM_FORMAT_ABGR8888, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM },
	{ DRM_FORMAT_BGRX8888, VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM },
	{ DRM_FORMAT_BGRA8888, VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM },
	{ DRM_FORMAT_RGBX8888, VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM },
	{ DRM_FORMAT_RGBA8888, VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM },
};

/**
 * virtgpu_format_list - list the formats that a primary plane can show
 * @fourccs: filled with DRM's names of the formats
 */
void virtgpu_format_list(u32 fourccs[VIRTGPU_FORMAT_COUNT])
{
	int i;

	for (i = 0; i < VIRTGPU_FORMAT_COUNT; i++)
		fourccs[i] = virtgpu_formats[i].fourcc;
}

/**
 * virtgpu_format_from_fourcc - the protocol's number for a DRM format
 * @fourcc: DRM's name
 *
 * Returns: the number, 0 when the protocol has none.
 */
u32 virtgpu_format_from_fourcc(u32 fourcc)
{
	int i;

	for (i = 0; i < VIRTGPU_FORMAT_COUNT; i++)
		if (virtgpu_formats[i].fourcc == fourcc)
			return virtgpu_formats[i].format;
	return 0;
}

/**
 * virtgpu_format_known - whether a 2D resource can have a format
 * @format: the protocol's number of the format
 *
 * Returns: true if so.
 */
bool virtgpu_format_known(u32 format)
{
	int i;

	for (i = 0; i < VIRTGPU_FORMAT_COUNT; i++)
		if (virtgpu_formats[i].format == format)
			return true;
	return false;
}

/**
 * virtgpu_format_pixel_size - size of a pixel of a 2D resource
 * @format: the protocol's number of the format
 *
 * Returns: bytes; 0 for a format that a 2D resource cannot have.
 */
u32 virtgpu_format_pixel_size(u32 format)
{
	int i;

	for (i = 0; i < VIRTGPU_FORMAT_COUNT; i++)
		if (virtgpu_formats[i].format == format)
			return drm_format_info(virtgpu_formats[i].fourcc)->cpp[0];
	return 0;
}

/**
 * virtgpu_format_has_bpp - whether a format has pixels of a size
 * @bpp: bits of a pixel
 *
 * Returns: true if so.
 */
bool virtgpu_format_has_bpp(u32 bpp)
{
	int i;

	for (i = 0; i < VIRTGPU_FORMAT_COUNT; i++)
		if (drm_format_info_bpp(drm_format_info(virtgpu_formats[i].fourcc), 0) == bpp)
			return true;
	return false;
}

/**
 * virtgpu_format_row - length of a framebuffer's rows
 * @fb: the framebuffer
 *
 * Returns: pixels from the start of a row to the start of the next.
 */
u32 virtgpu_format_row(const struct drm_framebuffer *fb)
{
	return fb->pitches[0] / fb->format->cpp[0];
}
