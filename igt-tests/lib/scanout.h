/* SPDX-License-Identifier: GPL-2.0 */
/* What the guest scans out, whoever drew it. */
#ifndef SCANOUT_H
#define SCANOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

/**
 * scanout_read - read the framebuffer that a head shows from guest memory
 * @index: the head's number
 * @is_drawn_by_host: a renderer on the host drew it, and copies it to the guest's memory first
 * @fb: set to the framebuffer's id unless NULL
 *
 * Returns: the picture, freed at the subtest's end.
 */
struct image scanout_read(int index, bool is_drawn_by_host, uint32_t *fb);

#endif
