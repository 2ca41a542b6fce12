/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_SUBMIT_H
#define VIRTGPU_SUBMIT_H

#include <linux/types.h>

struct drm_device;
struct drm_file;
struct drm_gem_object;
struct virtgpu_cmd;
struct virtgpu_context;

int virtgpu_submit_plain(const struct virtgpu_context *ctx, struct virtgpu_cmd *cmd);
int virtgpu_submit_fenced(struct virtgpu_context *ctx, struct virtgpu_cmd *cmd,
			  struct drm_gem_object *gem);
int virtgpu_ioctl_execbuffer(struct drm_device *dev, void *data, struct drm_file *file);

#endif
