/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_ENCODE_H
#define VIRTGPU_ENCODE_H

#include <linux/uuid.h>
#include <linux/virtio_gpu.h>

#include "transport/transport.h"

struct drm_rect;
struct virtgpu_bo;
struct virtgpu_context;
struct virtgpu_device;

int virtgpu_cmd_get_display_info(struct virtgpu_device *vg,
				 struct virtio_gpu_resp_display_info *info);
void virtgpu_cmd_question(struct virtgpu_device *vg);
int virtgpu_cmd_get_edid(struct virtgpu_device *vg, u32 scanout,
			 struct virtio_gpu_resp_edid *edid);

struct virtgpu_cmd *virtgpu_cmd_resource_create_2d(struct virtgpu_device *vg, u32 id, u32 format,
						   u32 width, u32 height);
struct virtgpu_cmd *virtgpu_cmd_attach_backing(struct virtgpu_device *vg, u32 id,
					       struct virtio_gpu_mem_entry *entries, u32 count);
void virtgpu_cmd_detach_backing(struct virtgpu_device *vg, u32 id, struct virtgpu_bo *bo);
struct virtgpu_cmd *virtgpu_cmd_resource_unref(struct virtgpu_device *vg, u32 id);

struct virtgpu_cmd *virtgpu_cmd_transfer(struct virtgpu_device *vg, u32 id,
					 const struct drm_rect *rect, u64 offset);
void virtgpu_cmd_set_scanout(struct virtgpu_device *vg, u32 scanout, u32 id,
			     const struct drm_rect *rect);
struct virtgpu_cmd *virtgpu_cmd_flush(struct virtgpu_device *vg, u32 id,
				      const struct drm_rect *rect);
struct virtgpu_cmd *virtgpu_cmd_cursor(struct virtgpu_device *vg, u32 type,
				       const struct virtio_gpu_update_cursor *cursor);

int virtgpu_cmd_get_capset_info(struct virtgpu_device *vg, u32 index,
				struct virtio_gpu_resp_capset_info *info);
int virtgpu_cmd_get_capset(struct virtgpu_device *vg, u32 id, u32 version, void *data, u32 size);
void virtgpu_cmd_ctx_create(struct virtgpu_device *vg, u32 id, u32 capset, const char *name,
			    struct virtgpu_context *ctx);
void virtgpu_cmd_ctx_destroy(struct virtgpu_device *vg, u32 id, enum virtgpu_done done,
			     struct virtgpu_context *ctx);
void virtgpu_cmd_ctx_resource(struct virtgpu_device *vg, u32 type, u32 ctx_id, u32 id);
struct virtgpu_cmd *
virtgpu_cmd_resource_create_3d(struct virtgpu_device *vg,
			       const struct virtio_gpu_resource_create_3d *create);
struct virtgpu_cmd *virtgpu_cmd_transfer_3d(struct virtgpu_device *vg, u32 type, u32 ctx_id,
					    const struct virtio_gpu_transfer_host_3d *transfer);
struct virtgpu_cmd *virtgpu_cmd_submit_3d(struct virtgpu_device *vg, u32 ctx_id,
					  const void __user *stream, u32 size);

struct virtgpu_cmd *
virtgpu_cmd_resource_create_blob(struct virtgpu_device *vg, u32 ctx_id,
				 const struct virtio_gpu_resource_create_blob *create,
				 struct virtio_gpu_mem_entry *entries, u32 count);
void virtgpu_cmd_set_scanout_blob(struct virtgpu_device *vg,
				  const struct virtio_gpu_set_scanout_blob *scanout,
				  const struct drm_rect *rect);
struct virtgpu_cmd *virtgpu_cmd_map_blob(struct virtgpu_device *vg, u32 id, u64 offset);
void virtgpu_cmd_unmap_blob(struct virtgpu_device *vg, u32 id);
int virtgpu_cmd_assign_uuid(struct virtgpu_device *vg, u32 id, uuid_t *uuid);

void virtgpu_fill_transfer(struct virtio_gpu_transfer_to_host_2d *req, u32 id,
			   const struct drm_rect *rect, u64 offset);
void virtgpu_fill_flush(struct virtio_gpu_resource_flush *req, u32 id,
			const struct drm_rect *rect);

#endif
