/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_KMS_H
#define VIRTGPU_KMS_H

struct virtgpu_device;

int virtgpu_kms_init(struct virtgpu_device *vg);

#endif
