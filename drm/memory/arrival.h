/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_ARRIVAL_H
#define VIRTGPU_ARRIVAL_H

#include <linux/types.h>

struct virtgpu_bo;
struct virtgpu_cmd;
struct virtgpu_device;
struct virtgpu_rows;

int virtgpu_arrivals_init(struct virtgpu_device *vg, struct virtgpu_cmd *cmd, u32 max);
int virtgpu_arrivals_add(struct virtgpu_device *vg, struct virtgpu_cmd *cmd, struct virtgpu_bo *bo,
			 const struct virtgpu_rows *rows);
int virtgpu_arrival_wait(struct virtgpu_bo *bo);
void virtgpu_arrivals_done(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);

#endif
