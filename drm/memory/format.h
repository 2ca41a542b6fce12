/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_FORMAT_H
#define VIRTGPU_FORMAT_H

#include <linux/types.h>

struct drm_framebuffer;

#define VIRTGPU_FORMAT_COUNT 8

void virtgpu_format_list(u32 fourccs[VIRTGPU_FORMAT_COUNT]);
u32 virtgpu_format_from_fourcc(u32 fourcc);
bool virtgpu_format_known(u32 format);
u32 virtgpu_format_pixel_size(u32 format);
bool virtgpu_format_has_bpp(u32 bpp);
u32 virtgpu_format_row(const struct drm_framebuffer *fb);

#endif
