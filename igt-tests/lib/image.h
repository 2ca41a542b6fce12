/* SPDX-License-Identifier: GPL-2.0 */
/* Pictures that a test means to show. */
#ifndef IMAGE_H
#define IMAGE_H

#include <stdint.h>

/**
 * struct image - a picture
 * @width: pixels
 * @height: pixels
 * @pixels: XRGB8888 (ARGB8888 for cursors), rows without gaps
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

/* A black picture, freed at the subtest's end. */
struct image image_new(uint32_t width, uint32_t height);

/* The colour of a pixel in the pattern number @seed; neighbours and seeds all differ. */
uint32_t pattern(uint32_t seed, uint32_t x, uint32_t y);

/* Fills a part with a pattern. */
void image_pattern(struct image *image, uint32_t seed, struct rect part);

/* The whole of a picture. */
struct rect image_all(const struct image *image);

#endif
