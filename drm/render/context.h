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

/* Number of bits in the poll mask of a context. */
#define VIRTGPU_MAX_RINGS	64
/* Including the NUL, which is not sent to the host. */
#define VIRTGPU_NAME_SIZE	64

/**
 * struct virtgpu_context - an open file's context on the host
 * @refs: one reference of the file, and one of each fence on its rings, because a host drops the
 *	fences of a context that it destroys. Fences on polled rings hold none
 * @vg: the device
 * @destroy: work that has the host destroy the context
 * @id: its number on the host
 * @owner: a number that no other context ever has
 * @lock: protects the members below
 * @is_created: the host has the context
 * @is_ready: the host has the context and its objects; read without @lock
 * @is_lost: the context was lost with a reset, or because its work did not end
 * @is_named: user space has chosen @name
 * @capset: the renderer, 0 for the host's default
 * @objects: by number of a resource, how many handles the file has; these resources are attached
 * @num_rings: number of its own timelines
 * @fence_context: &dma_fence.context of its first ring
 * @progress: when a fence of each ring was last signalled, in jiffies
 * @poll_mask: rings whose fences send an event
 * @name: name for debugging on the host
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
void virtgpu_contexts_lose(struct virtgpu_device *vg);
unsigned int virtgpu_contexts_live(struct virtgpu_device *vg);
void virtgpu_context_lose(struct virtgpu_device *vg, u64 owner);

void virtgpu_context_created(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_context_destroyed(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);
void virtgpu_lost_context_destroyed(struct virtgpu_device *vg, struct virtgpu_cmd *cmd);

int virtgpu_context_opened(struct drm_gem_object *gem, struct drm_file *file);
void virtgpu_context_closed(struct drm_gem_object *gem, struct drm_file *file);
struct virtgpu_resource *virtgpu_context_name(struct drm_file *file, u32 handle,
					      struct drm_gem_object *gem);

int virtgpu_ioctl_context_init(struct drm_device *dev, void *data, struct drm_file *file);

#endif
