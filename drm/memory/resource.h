/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_RESOURCE_H
#define VIRTGPU_RESOURCE_H

#include <linux/bits.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/uuid.h>

#include <drm/virtgpu_drm.h>

struct drm_framebuffer;
struct drm_rect;
struct virtgpu_bo;
struct virtgpu_cmd;
struct virtgpu_device;

/* Gallium's targets for a buffer and a two-dimensional texture, virgl's bind flag for own uses. */
#define VIRTGPU_TARGET_BUFFER		0
#define VIRTGPU_TARGET_2D		2
#define VIRTGPU_BIND_CUSTOM		BIT(17)

/* Buffer objects that back one resource. Each new one sends the whole list of pages again. */
#define VIRTGPU_RESOURCE_MAX_BOS	8

/**
 * struct virtgpu_backing - a buffer object in the backing of a resource
 * @bo: the buffer object
 * @size: bytes of its pages, as the host was told
 */
struct virtgpu_backing {
	struct virtgpu_bo *bo;
	u64 size;
};

/**
 * struct virtgpu_blob - parameters of a blob
 * @mem: whose memory it is: one of VIRTGPU_BLOB_MEM
 * @flags: VIRTGPU_BLOB_FLAG
 * @id: number of the memory in its context, if it is the host's
 * @ctx_id: the context
 * @size: bytes; 0 in a resource that is not a blob
 */
struct virtgpu_blob {
	u32 mem;
	u32 flags;
	u64 id;
	u32 ctx_id;
	u64 size;
};

/**
 * struct virtgpu_texture - parameters of a resource for a renderer, in the renderer's numbers
 * @target: dimensions and kind
 * @bind: what it is used for
 * @depth: pixels
 * @array_size: number of layers
 * @last_level: number of the smallest mipmap
 * @nr_samples: samples of a pixel
 * @flags: other flags
 */
struct virtgpu_texture {
	u32 target;
	u32 bind;
	u32 depth;
	u32 array_size;
	u32 last_level;
	u32 nr_samples;
	u32 flags;
};

/**
 * struct virtgpu_resource - a resource of the host, backed by buffer objects
 * @refs: users; the host destroys the resource when the last one is gone
 * @vg: the device
 * @lock: protects @backing and @num_backing, and their order in the queue; and @uuid
 * @backing: the buffer objects that back it, one behind the other
 * @num_backing: number of buffer objects in @backing
 * @on_host: the host may have the resource, and has to destroy it
 * @is_refused: the host has refused to create it, and is not told anything more about it
 * @is_attached: the host knows the backing
 * @is_given_up: the host has destroyed it to free memory; it is created again when next shown
 * @id: its number in the protocol
 * @format: pixel format, in the protocol's numbers
 * @width: pixels
 * @height: pixels
 * @is_3d: it was created for a renderer, and its pixels are on the host
 * @texture: the renderer's parameters
 * @blob: the parameters of the blob, if it is one
 * @uuid: the UUID by which other virtio devices know it, until the device is reset
 * @has_uuid: @uuid is known
 */
struct virtgpu_resource {
	struct kref refs;
	struct virtgpu_device *vg;
	struct mutex lock;
	struct virtgpu_backing backing[VIRTGPU_RESOURCE_MAX_BOS];
	unsigned int num_backing;
	bool on_host;
	bool is_refused;
	bool is_attached;
	bool is_given_up;
	u32 id;
	u32 format;
	u32 width;
	u32 height;
	bool is_3d;
	struct virtgpu_texture texture;
	struct virtgpu_blob blob;
	uuid_t uuid;
	bool has_uuid;
};

/* The only buffer object that backs a resource, or the first of several. */
static inline struct virtgpu_bo *virtgpu_resource_bo(const struct virtgpu_resource *res)
{
	return res->backing[0].bo;
}

/* Whether nothing has to be uploaded, because the host has the pixels or sees the guest's pages. */
static inline bool virtgpu_resource_is_uncopied(const struct virtgpu_resource *res)
{
	return res->is_3d || res->blob.size;
}

/* Whether the host sees the guest's pages, without a copy. */
static inline bool virtgpu_resource_is_guests(const struct virtgpu_resource *res)
{
	return res->blob.size && res->blob.mem == VIRTGPU_BLOB_MEM_GUEST;
}

/*
 * Whether it is a buffer for the results of queries. virgl has no copy of it, but writes into the
 * guest's memory while it executes streams, or later.
 */
static inline bool virtgpu_resource_is_custom(const struct virtgpu_resource *res)
{
	return res->is_3d && res->texture.target == VIRTGPU_TARGET_BUFFER &&
	       res->texture.bind & VIRTGPU_BIND_CUSTOM;
}

/* Whether a renderer reads and writes the guest's memory while it executes streams. */
static inline bool virtgpu_resource_is_direct(const struct virtgpu_resource *res)
{
	return res->blob.size || virtgpu_resource_is_custom(res);
}

/* Whether the host has refused to create it. False until the host has answered. */
static inline bool virtgpu_resource_is_refused(const struct virtgpu_resource *res)
{
	return READ_ONCE(res->is_refused);
}

/* Whether it was given up; stable under &virtgpu_swapchains.lock. */
static inline bool virtgpu_resource_is_given_up(const struct virtgpu_resource *res)
{
	return READ_ONCE(res->is_given_up);
}

struct virtgpu_resource *virtgpu_resource_create(struct virtgpu_bo *bo, u32 format, u32 width,
						 u32 height, bool wait);
struct virtgpu_resource *virtgpu_resource_create_blob(struct virtgpu_bo *bo,
						      const struct virtgpu_blob *blob, bool wait);
struct virtgpu_resource *virtgpu_resource_create_3d(struct virtgpu_bo *bo, u32 format, u32 width,
						    u32 height,
						    const struct virtgpu_texture *texture);
bool virtgpu_resource_fits(const struct virtgpu_resource *res, const struct drm_framebuffer *fb);
void virtgpu_resource_get(struct virtgpu_resource *res);
void virtgpu_resource_put(struct virtgpu_resource *res);
bool virtgpu_resource_give_up(struct virtgpu_resource *res);
int virtgpu_resource_take_back(struct virtgpu_resource *res);
int virtgpu_resource_back(struct virtgpu_resource *res);
int virtgpu_resource_add(struct virtgpu_resource *res, struct virtgpu_bo *bo);
void virtgpu_resource_remove(struct virtgpu_resource *res, struct virtgpu_bo *bo);
u64 virtgpu_resource_offset(const struct virtgpu_resource *res, const struct virtgpu_bo *bo);
struct virtgpu_cmd *virtgpu_resource_transfer(struct virtgpu_resource *res,
					      const struct drm_rect *rect, u64 offset);
int virtgpu_resource_upload(struct virtgpu_resource *res, const struct drm_framebuffer *fb,
			    const struct drm_rect *rects, unsigned int count);
void virtgpu_resource_created(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_resource_restored(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_resource_attached(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_resource_detached(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_resource_unref_done(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
int virtgpu_resource_uuid(struct virtgpu_resource *res, uuid_t *uuid);
void virtgpu_resources_restore(struct virtgpu_device *vg);

#endif
