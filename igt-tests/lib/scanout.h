/* SPDX-License-Identifier: GPL-2.0 */
/* Reads what the guest scans out. */
#ifndef SCANOUT_H
#define SCANOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "image.h"

/**
 * scanout_read - read the framebuffer that a head shows from guest memory
 * @index: the head's number
 * @is_drawn_by_host: a renderer on the host drew it; copy it to the guest's memory first
 * @fb: set to the framebuffer's id unless NULL
 *
 * Returns: the picture, which is freed at the end of the subtest.
 */
struct image scanout_read(int index, bool is_drawn_by_host, uint32_t *fb);

#endif
