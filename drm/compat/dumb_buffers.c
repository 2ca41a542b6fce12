// SPDX-License-Identifier: GPL-2.0
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/math.h>
#include <linux/mm.h>
#include <linux/overflow.h>

#include <drm/drm_mode.h>

/**
 * drm_mode_size_dumb - compute pitch and size of a dumb buffer
 * @dev: the DRM device
 * @args: size in pixels and bits per pixel in, pitch and bytes out
 * @hw_pitch_align: alignment of the pitch in bytes, or 0
 * @hw_size_align: alignment of the size in bytes, a multiple of a page, or 0
 *
 * Returns: 0, or -EINVAL if the buffer has no bytes or more than fit in 32 bits.
 */
int drm_mode_size_dumb(struct drm_device *dev, struct drm_mode_create_dumb *args,
		       unsigned long hw_pitch_align, unsigned long hw_size_align)
{
	u32 pitch, size, rounded;

	hw_size_align = hw_size_align ?: PAGE_SIZE;
	if (hw_size_align > U32_MAX || hw_pitch_align > U32_MAX ||
	    !IS_ALIGNED(hw_size_align, PAGE_SIZE))
		return -EINVAL;
	if (check_mul_overflow(args->width, DIV_ROUND_UP(args->bpp, 8), &pitch))
		return -EINVAL;
	if (hw_pitch_align) {
		rounded = roundup(pitch, (u32)hw_pitch_align);
		if (rounded < pitch)
			return -EINVAL;
		pitch = rounded;
	}
	if (check_mul_overflow(args->height, pitch, &size))
		return -EINVAL;
	rounded = roundup(size, (u32)hw_size_align);
	if (!size || rounded < size)
		return -EINVAL;
	args->pitch = pitch;
	args->size = rounded;
	return 0;
}
