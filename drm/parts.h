/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_PARTS_H
#define VIRTGPU_PARTS_H

struct virtgpu_device;

int virtgpu_parts_init(struct virtgpu_device *vg);

#endif
