/* SPDX-License-Identifier: GPL-2.0 */
/* Pictures that a test shows. */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdint.h>

/**
 * struct image - a picture
 * @width: pixels
 * @height: pixels
 * @pixels: XRGB8888 (ARGB8888 for cursors), rows without padding
 */
struct image {
	uint32_t width;
	uint32_t height;
	uint32_t *pixels;
};

/**
 * struct rect - part of a picture
 * @x: left edge
 * @y: upper edge
 * @w: pixels
 * @h: pixels
 */
struct rect {
	uint32_t x, y, w, h;
};

/* Returns a black picture, which is freed at the end of the subtest. */
struct image image_new(uint32_t width, uint32_t height);

/* Returns the colour of a pixel in pattern number @seed; neighbours and seeds differ. */
uint32_t pattern(uint32_t seed, uint32_t x, uint32_t y);

/* Fills a part of a picture with a pattern. */
void image_pattern(struct image *image, uint32_t seed, struct rect part);

/* Returns the rectangle of a whole picture. */
struct rect image_all(const struct image *image);

#endif
