/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_SUBMIT_H
#define VIRTGPU_SUBMIT_H

#include <linux/types.h>

struct drm_device;
struct drm_file;
struct drm_gem_object;
struct virtgpu_cmd;
struct virtgpu_context;
struct virtgpu_rows;

int virtgpu_submit_plain(const struct virtgpu_context *ctx, struct virtgpu_cmd *cmd);
int virtgpu_submit_transfer(struct virtgpu_context *ctx, struct virtgpu_cmd *cmd,
			    struct drm_gem_object *gem, const struct virtgpu_rows *rows,
			    bool from_host);
int virtgpu_ioctl_execbuffer(struct drm_device *dev, void *data, struct drm_file *file);

#endif
