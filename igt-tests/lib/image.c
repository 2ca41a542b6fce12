// SPDX-License-Identifier: GPL-2.0
#include <stdlib.h>

#include "harness.h"
#include "image.h"

struct image image_new(uint32_t width, uint32_t height)
{
	struct image image = { width, height, calloc((size_t)width * height, 4) };

	check(image.pixels, "out of memory");
	at_end(free, image.pixels);
	return image;
}

uint32_t pattern(uint32_t seed, uint32_t x, uint32_t y)
{
	uint32_t hash = seed * 0x9e3779b1u ^ x * 0x85ebca6bu ^ y * 0xc2b2ae35u;

	hash ^= hash >> 15;
	hash *= 0x2c1b3c6du;
	hash ^= hash >> 13;
	return hash & 0xffffff;
}

void image_pattern(struct image *image, uint32_t seed, struct rect part)
{
	uint32_t x, y;

	for (y = part.y; y < part.y + part.h; y++)
		for (x = part.x; x < part.x + part.w; x++)
			image->pixels[y * image->width + x] = pattern(seed, x, y);
}

struct rect image_all(const struct image *image)
{
	return (struct rect){ 0, 0, image->width, image->height };
}
