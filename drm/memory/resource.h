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

/* Gallium's numbers for a buffer and a two-dimensional texture, virgl's for a use of its own. */
#define VIRTGPU_TARGET_BUFFER		0
#define VIRTGPU_TARGET_2D		2
#define VIRTGPU_BIND_CUSTOM		BIT(17)

/* Buffer objects behind one resource; the whole list is sent again with each new one. */
#define VIRTGPU_RESOURCE_MAX_BOS	8

/**
 * struct virtgpu_backing - a buffer object that backs a resource, or a part of it
 * @bo: the buffer object
 * @size: bytes that the host was told about
 */
struct virtgpu_backing {
	struct virtgpu_bo *bo;
	u64 size;
};

/**
 * struct virtgpu_blob - a resource that is plain memory
 * @mem: whose: one of VIRTGPU_BLOB_MEM
 * @flags: VIRTGPU_BLOB_FLAG
 * @id: which of the context's, if it is the host's
 * @ctx_id: the context that knows @id
 * @size: bytes; 0 in a resource that is no blob
 */
struct virtgpu_blob {
	u32 mem;
	u32 flags;
	u64 id;
	u32 ctx_id;
	u64 size;
};

/**
 * struct virtgpu_texture - what a renderer wants to know of a resource, in its own terms
 * @target: dimensions and kind
 * @bind: what it is used for
 * @depth: pixels
 * @array_size: layers
 * @last_level: the smallest mipmap
 * @nr_samples: of a pixel
 * @flags: others
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
 * struct virtgpu_resource - an image on the host, backed by buffer objects of ours
 * @refs: users; the host's image goes with the last one
 * @vg: the device
 * @lock: protects @backing and @num_backing, and their order in the queue; and @uuid
 * @backing: the pages that back it, one buffer object behind the other
 * @num_backing: how many
 * @on_host: the host has an image to destroy
 * @is_refused: the host did not make it, and is told no more of it
 * @is_attached: the host knows the backing
 * @is_given_up: the host was told to destroy it, and it is made again when it is next shown
 * @id: its number in the protocol
 * @format: pixel format, in the protocol's numbers
 * @width: pixels
 * @height: pixels
 * @is_3d: made for a renderer, which draws to it: its pixels are the host's
 * @texture: what the renderer knows of it
 * @blob: the memory it is, if it is a blob
 * @uuid: what other virtio devices know it by, until the device is reset
 * @has_uuid: whether the host was asked for @uuid
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

/* The only buffer object behind a resource, or the first of several. */
static inline struct virtgpu_bo *virtgpu_resource_bo(const struct virtgpu_resource *res)
{
	return res->backing[0].bo;
}

/* Nothing has to be uploaded: the host has the pixels, or sees the guest's. */
static inline bool virtgpu_resource_is_uncopied(const struct virtgpu_resource *res)
{
	return res->is_3d || res->blob.size;
}

/* The host sees the guest's memory, and nobody copies it. */
static inline bool virtgpu_resource_is_guests(const struct virtgpu_resource *res)
{
	return res->blob.size && res->blob.mem == VIRTGPU_BLOB_MEM_GUEST;
}

/*
 * A buffer for results of queries and the like: virgl has no copy of it, but writes into the
 * guest's memory while it carries out streams, or later.
 */
static inline bool virtgpu_resource_is_custom(const struct virtgpu_resource *res)
{
	return res->is_3d && res->texture.target == VIRTGPU_TARGET_BUFFER &&
	       res->texture.bind & VIRTGPU_BIND_CUSTOM;
}

/* A renderer reads and writes the guest's memory of it while it carries out streams. */
static inline bool virtgpu_resource_is_direct(const struct virtgpu_resource *res)
{
	return res->blob.size || virtgpu_resource_is_custom(res);
}

/* The host said that it did not make it; until it answers nobody knows. */
static inline bool virtgpu_resource_is_refused(const struct virtgpu_resource *res)
{
	return READ_ONCE(res->is_refused);
}

/* It was given up for others, which is known to whoever has its image's lock. */
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
