/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_CONTEXT_H
#define VIRTGPU_CONTEXT_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

struct drm_device;
struct drm_file;
struct drm_gem_object;
struct virtgpu_cmd;
struct virtgpu_device;

/* Bits of &drm_virtgpu_context_init's poll mask. */
#define VIRTGPU_MAX_RINGS	64
/* With the NUL that the host does not get. */
#define VIRTGPU_NAME_SIZE	64

/**
 * struct virtgpu_context - an open file's context on the host
 * @refs: of the file and of each fence on its rings, which a host forgets with the context; not of
 *	fences on rings that are polled
 * @vg: the device
 * @destroy: has the host destroy it
 * @id: its number there
 * @owner: a number of its own that no other context ever has
 * @lock: protects what follows
 * @is_created: whether the host has it
 * @is_ready: and it has what the file has, too; read without @lock
 * @is_lost: the host had it when the device was reset, or its work did not end
 * @is_named: whether user space chose @name
 * @capset: what kind of context it is, 0 for the host's default
 * @objects: how many handles the file has of each resource, by number; they are attached
 * @num_rings: how many timelines it has of its own
 * @fence_context: &dma_fence.context of its first ring
 * @progress: when each ring last had a fence signalled, in jiffies
 * @poll_mask: rings whose fences send an event
 * @name: for people who debug the host
 */
struct virtgpu_context {
	struct kref refs;
	struct virtgpu_device *vg;
	struct work_struct destroy;
	u32 id;
	u64 owner;
	struct mutex lock;
	bool is_created;
	bool is_ready;
	bool is_lost;
	bool is_named;
	u32 capset;
	struct xarray objects;
	u32 num_rings;
	u64 fence_context;
	unsigned long progress[VIRTGPU_MAX_RINGS];
	u64 poll_mask;
	char name[VIRTGPU_NAME_SIZE];
};

int virtgpu_context_open(struct drm_device *dev, struct drm_file *file);
void virtgpu_context_postclose(struct drm_device *dev, struct drm_file *file);
void virtgpu_context_get(struct virtgpu_context *ctx);
void virtgpu_context_put(struct virtgpu_context *ctx);
bool virtgpu_context_polls(const struct virtgpu_context *ctx, int ring);
int virtgpu_context_create(struct virtgpu_device *vg, struct drm_file *file);
void virtgpu_contexts_lost(struct virtgpu_device *vg);
bool virtgpu_contexts_live(struct virtgpu_device *vg);
void virtgpu_context_lose(struct virtgpu_device *vg, u64 owner);

void virtgpu_context_created(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_context_destroyed(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_context_forgotten(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);

int virtgpu_context_opened(struct drm_gem_object *gem, struct drm_file *file);
void virtgpu_context_closed(struct drm_gem_object *gem, struct drm_file *file);
struct virtgpu_resource *virtgpu_context_name(struct drm_file *file, u32 handle,
					      struct drm_gem_object *gem);

int virtgpu_ioctl_context_init(struct drm_device *dev, void *data, struct drm_file *file);

#endif
