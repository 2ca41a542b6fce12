// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Command streams
 *
 * EXECBUFFER sends a command stream to the host. Before, it waits for the fences of the syncobjs
 * and of the sync file that the program names. After, the stream's own fence is in the reservations
 * of the named objects, in syncobjs and in a sync file. Streams and transfers are queued under
 * &virtgpu_fences.emit, after another check whether the context was lost meanwhile.
 */
#include <linux/dma-fence-chain.h>
#include <linux/dma-fence-unwrap.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include <drm/drm_exec.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_syncobj.h>
#include <drm/virtgpu_drm.h>

#include "memory/arrival.h"
#include "memory/gem.h"
#include "memory/resource.h"
#include "render/context.h"
#include "render/render.h"
#include "render/submit.h"
#include "transport/encode.h"

/* QEMU accepts 1024 descriptors for a command, and each page of a stream may need one. */
#define VIRTGPU_MAX_STREAM	(1000 * PAGE_SIZE)
/* With so many commands in the ring, a lazy stream takes answers off the ring first. */
#define VIRTGPU_UNNOTICED	16
/* Limits against large allocations. No program reaches them. */
#define VIRTGPU_MAX_SYNCOBJS	(64 * 1024)
#define VIRTGPU_MAX_OBJECTS	(256 * 1024)

struct virtgpu_event {
	struct drm_pending_event base;
	struct drm_event event;
};

/* A syncobj that gets the fence, at a point of its timeline or as its only fence. */
struct virtgpu_signal {
	struct drm_syncobj *syncobj;
	struct dma_fence_chain *chain;
	u64 point;
};

struct virtgpu_submit {
	struct virtgpu_device *vg;
	struct drm_file *file;
	struct drm_virtgpu_execbuffer *args;

	struct drm_gem_object **objects;
	struct virtgpu_cmd *cmd;
	struct virtgpu_fence *fence;
	u64 fence_context;
	int ring;

	struct drm_syncobj **resets;
	struct virtgpu_signal *signals;
	int fence_fd;
	struct sync_file *sync_file;
};

static int virtgpu_submit_objects(struct virtgpu_submit *submit)
{
	struct drm_virtgpu_execbuffer *args = submit->args;

	if (!args->num_bo_handles)
		return 0;
	if (args->num_bo_handles > VIRTGPU_MAX_OBJECTS)
		return -ENOMEM;
	return drm_gem_objects_lookup(submit->file, u64_to_user_ptr(args->bo_handles),
				      args->num_bo_handles, &submit->objects);
}

static int virtgpu_submit_stream(struct virtgpu_submit *submit, u32 ctx_id)
{
	struct drm_virtgpu_execbuffer *args = submit->args;
	struct virtgpu_cmd *cmd;

	if (args->size > VIRTGPU_MAX_STREAM)
		return -ENOMEM;
	cmd = virtgpu_cmd_submit_3d(submit->vg, ctx_id, u64_to_user_ptr(args->command), args->size);
	if (IS_ERR(cmd))
		return PTR_ERR(cmd);
	submit->cmd = cmd;
	return 0;
}

static int virtgpu_submit_event(struct virtgpu_submit *submit)
{
	struct virtgpu_event *event = kzalloc_obj(*event);
	int ret;

	if (!event)
		return -ENOMEM;
	event->event.type = VIRTGPU_EVENT_FENCE_SIGNALED;
	event->event.length = sizeof(event->event);
	ret = drm_event_reserve_init(&submit->vg->drm, submit->file, &event->base, &event->event);
	if (ret)
		kfree(event);
	else
		submit->fence->event = &event->base;
	return ret;
}

static int virtgpu_submit_fence(struct virtgpu_submit *submit, bool polled)
{
	struct drm_virtgpu_execbuffer *args = submit->args;

	if (!(args->flags & VIRTGPU_EXECBUF_FENCE_FD_OUT) && !args->num_out_syncobjs &&
	    !args->num_bo_handles && !polled)
		return 0;

	submit->fence = virtgpu_fence_alloc();
	if (!submit->fence)
		return -ENOMEM;
	if (args->flags & VIRTGPU_EXECBUF_FENCE_FD_OUT) {
		submit->fence_fd = get_unused_fd_flags(O_CLOEXEC);
		if (submit->fence_fd < 0)
			return submit->fence_fd;
	}
	return polled ? virtgpu_submit_event(submit) : 0;
}

/* Copies a syncobj's struct, of which user space may know fewer or more bytes. */
static int virtgpu_submit_syncobj(const struct drm_virtgpu_execbuffer *args, u64 array, u32 index,
				  struct drm_virtgpu_execbuffer_syncobj *desc)
{
	u64 address = array + (u64)index * args->syncobj_stride;

	memset(desc, 0, sizeof(*desc));
	if (copy_from_user(desc, u64_to_user_ptr(address),
			   min_t(size_t, args->syncobj_stride, sizeof(*desc))))
		return -EFAULT;
	return 0;
}

static int virtgpu_submit_signals(struct virtgpu_submit *submit)
{
	struct drm_virtgpu_execbuffer *args = submit->args;
	struct drm_virtgpu_execbuffer_syncobj desc;
	u32 i;
	int ret;

	if (!args->num_out_syncobjs)
		return 0;
	if (args->num_out_syncobjs > VIRTGPU_MAX_SYNCOBJS)
		return -ENOMEM;
	submit->signals = kvzalloc_objs(*submit->signals, args->num_out_syncobjs);
	if (!submit->signals)
		return -ENOMEM;

	for (i = 0; i < args->num_out_syncobjs; i++) {
		struct virtgpu_signal *signal = &submit->signals[i];

		ret = virtgpu_submit_syncobj(args, args->out_syncobjs, i, &desc);
		if (ret)
			return ret;
		if (desc.flags)
			return -EINVAL;
		signal->point = desc.point;
		if (desc.point) {
			signal->chain = dma_fence_chain_alloc();
			if (!signal->chain)
				return -ENOMEM;
		}
		signal->syncobj = drm_syncobj_find(submit->file, desc.handle);
		if (!signal->syncobj)
			return -EINVAL;
	}
	return 0;
}

/* Waits for a fence, unless it is on the stream's own ring, which keeps the order anyway. */
static int virtgpu_submit_wait(struct virtgpu_submit *submit, struct dma_fence *fence)
{
	struct dma_fence_unwrap iter;
	struct dma_fence *part;
	int ret;

	dma_fence_unwrap_for_each(part, &iter, fence) {
		if (dma_fence_match_context(part, submit->fence_context))
			continue;
		ret = dma_fence_wait(part, true);
		if (ret) {
			dma_fence_put(iter.chain);
			return ret;
		}
	}
	return 0;
}

static int virtgpu_submit_wait_syncobjs(struct virtgpu_submit *submit)
{
	struct drm_virtgpu_execbuffer *args = submit->args;
	struct drm_virtgpu_execbuffer_syncobj desc;
	struct dma_fence *fence;
	u32 i;
	int ret;

	if (!args->num_in_syncobjs)
		return 0;
	if (args->num_in_syncobjs > VIRTGPU_MAX_SYNCOBJS)
		return -ENOMEM;
	submit->resets = kvzalloc_objs(*submit->resets, args->num_in_syncobjs);
	if (!submit->resets)
		return -ENOMEM;

	for (i = 0; i < args->num_in_syncobjs; i++) {
		ret = virtgpu_submit_syncobj(args, args->in_syncobjs, i, &desc);
		if (ret)
			return ret;
		if (desc.flags & ~VIRTGPU_EXECBUF_SYNCOBJ_FLAGS)
			return -EINVAL;
		ret = drm_syncobj_find_fence(submit->file, desc.handle, desc.point, 0, &fence);
		if (ret)
			return ret;
		ret = virtgpu_submit_wait(submit, fence);
		dma_fence_put(fence);
		if (ret)
			return ret;
		if (desc.flags & VIRTGPU_EXECBUF_SYNCOBJ_RESET) {
			submit->resets[i] = drm_syncobj_find(submit->file, desc.handle);
			if (!submit->resets[i])
				return -EINVAL;
		}
	}
	return 0;
}

static int virtgpu_submit_wait_fd(struct virtgpu_submit *submit)
{
	struct dma_fence *fence;
	int ret;

	if (!(submit->args->flags & VIRTGPU_EXECBUF_FENCE_FD_IN))
		return 0;
	fence = sync_file_get_fence(submit->args->fence_fd);
	if (!fence)
		return -EINVAL;
	ret = virtgpu_submit_wait(submit, fence);
	dma_fence_put(fence);
	return ret;
}

/* Returns the errno for a program whose command could not be queued. */
static int virtgpu_submit_error(int error)
{
	switch (error) {
	case -ENODEV:
		/* Its context is lost with the reset. */
		return -EIO;
	case -E2BIG:
		return -ENOMEM;
	default:
		return error;
	}
}

/* Queues the command. */
static int virtgpu_submit_send(struct virtgpu_submit *submit)
{
	struct virtgpu_device *vg = submit->vg;
	int ret;

	if (submit->args->flags & VIRTGPU_EXECBUF_FENCE_FD_OUT) {
		submit->sync_file = sync_file_create(&submit->fence->base);
		if (!submit->sync_file)
			return -ENOMEM;
	}
	ret = virtgpu_queue_submit(&vg->transport->ctrl, submit->cmd);
	submit->cmd = NULL;
	return virtgpu_submit_error(ret);
}

static int virtgpu_submit_emit(struct virtgpu_submit *submit)
{
	struct virtgpu_context *ctx = submit->file->driver_priv;
	struct virtgpu_device *vg = submit->vg;
	struct virtgpu_fence *fence = submit->fence;
	int ret = -EIO;

	if (!fence) {
		submit->cmd->is_lazy = true;
		if (READ_ONCE(vg->transport->ctrl.in_flight) >= VIRTGPU_UNNOTICED)
			virtgpu_queue_reap(&vg->transport->ctrl);
	}

	mutex_lock(&vg->render->fences.emit);
	/* The context may have been lost during the waits for fences. */
	if (READ_ONCE(ctx->is_lost))
		goto unlock;
	if (fence)
		virtgpu_fence_emit(vg, fence, submit->cmd, ctx, submit->ring);
	ret = virtgpu_submit_send(submit);
unlock:
	mutex_unlock(&vg->render->fences.emit);
	return ret;
}

/* Synchronizes guest memory that the stream may use with its bounce buffers, before and after. */
static int virtgpu_submit_sync(struct virtgpu_submit *submit)
{
	u32 count = submit->args->num_bo_handles, i;
	struct virtgpu_device *vg = submit->vg;
	int ret = 0;

	for (i = 0; !ret && i < count; i++) {
		struct virtgpu_bo *bo = to_virtgpu_bo(submit->objects[i]);
		const struct virtgpu_resource *res = READ_ONCE(bo->res);
		const struct virtgpu_rows all = { .length = bo->base.base.size, .count = 1 };

		if (!res || !virtgpu_resource_is_direct(res) || !virtgpu_bo_has_pages(bo))
			continue;
		if (!submit->cmd->data.arrivals)
			ret = virtgpu_arrivals_init(vg, submit->cmd, count);
		ret = ret ?: virtgpu_arrivals_add(vg, submit->cmd, bo, &all);
		if (!ret)
			virtgpu_dma_sync_for_device(vg, &bo->base, &all);
	}
	return ret;
}

static int virtgpu_submit_locked(struct virtgpu_submit *submit)
{
	u32 count = submit->args->num_bo_handles, i;
	struct drm_exec exec;
	int ret;

	if (!count)
		return virtgpu_submit_emit(submit);

	drm_exec_init(&exec, DRM_EXEC_INTERRUPTIBLE_WAIT, count);
	drm_exec_until_all_locked(&exec) {
		ret = drm_exec_prepare_array(&exec, submit->objects, count, 1);
		drm_exec_retry_on_contention(&exec);
		if (ret)
			goto out;
	}
	ret = virtgpu_submit_sync(submit);
	ret = ret ?: virtgpu_submit_emit(submit);
	if (ret)
		goto out;
	for (i = 0; i < count; i++)
		dma_resv_add_fence(submit->objects[i]->resv, &submit->fence->base,
				   DMA_RESV_USAGE_WRITE);
out:
	drm_exec_fini(&exec);
	return ret;
}

static void virtgpu_submit_publish(struct virtgpu_submit *submit)
{
	struct drm_virtgpu_execbuffer *args = submit->args;
	u32 i;

	for (i = 0; i < args->num_out_syncobjs; i++) {
		struct virtgpu_signal *signal = &submit->signals[i];

		if (signal->chain)
			drm_syncobj_add_point(signal->syncobj, signal->chain,
					      &submit->fence->base, signal->point);
		else
			drm_syncobj_replace_fence(signal->syncobj, &submit->fence->base);
		signal->chain = NULL;
	}
	for (i = 0; i < args->num_in_syncobjs; i++)
		if (submit->resets[i])
			drm_syncobj_replace_fence(submit->resets[i], NULL);
	if (submit->sync_file) {
		args->fence_fd = submit->fence_fd;
		fd_install(submit->fence_fd, submit->sync_file->file);
		submit->sync_file = NULL;
		submit->fence_fd = -1;
	}
}

/* Frees everything. Most submissions have none of the lists. */
static void virtgpu_submit_cleanup(struct virtgpu_submit *submit)
{
	struct drm_virtgpu_execbuffer *args = submit->args;
	u32 i;

	if (submit->resets) {
		for (i = 0; i < args->num_in_syncobjs; i++)
			if (submit->resets[i])
				drm_syncobj_put(submit->resets[i]);
		kvfree(submit->resets);
	}

	if (submit->signals) {
		for (i = 0; i < args->num_out_syncobjs; i++) {
			dma_fence_chain_free(submit->signals[i].chain);
			if (submit->signals[i].syncobj)
				drm_syncobj_put(submit->signals[i].syncobj);
		}
		kvfree(submit->signals);
	}

	if (submit->sync_file)
		fput(submit->sync_file->file);
	if (submit->fence_fd >= 0)
		put_unused_fd(submit->fence_fd);
	if (submit->cmd)
		virtgpu_cmd_cancel(submit->vg, submit->cmd);
	virtgpu_fence_put(submit->vg, submit->fence);

	if (submit->objects) {
		for (i = 0; i < args->num_bo_handles; i++)
			drm_gem_object_put(submit->objects[i]);
		kvfree(submit->objects);
	}
}

static int virtgpu_submit_prepare(struct virtgpu_submit *submit, const struct virtgpu_context *ctx)
{
	int ret;

	ret = virtgpu_submit_objects(submit);
	ret = ret ?: virtgpu_submit_stream(submit, ctx->id);
	ret = ret ?: virtgpu_submit_fence(submit, virtgpu_context_polls(ctx, submit->ring));
	ret = ret ?: virtgpu_submit_signals(submit);
	ret = ret ?: virtgpu_submit_wait_syncobjs(submit);
	return ret ?: virtgpu_submit_wait_fd(submit);
}

/**
 * virtgpu_ioctl_execbuffer - send a command stream of a context to the host
 * @dev: the DRM device
 * @data: the arguments
 * @file: the file
 *
 * Returns: 0; -ENOSYS without a renderer; -EINVAL for unknown flags, for a ring that the context
 * does not have, and for invalid fences and syncobjs; -ENOENT for invalid objects; -EALREADY for an
 * object that is named twice; -EFAULT; -ENOMEM, also for a stream that is too long for the host;
 * -EIO for a context that is lost.
 */
int virtgpu_ioctl_execbuffer(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct virtgpu_device *vg = to_virtgpu_device(dev);
	struct virtgpu_context *ctx = file->driver_priv;
	struct drm_virtgpu_execbuffer *args = data;
	struct virtgpu_submit submit = {
		.vg = vg, .file = file, .args = args, .fence_fd = -1,
		.fence_context = vg->render->fences.context, .ring = VIRTGPU_NO_RING,
	};
	int ret;

	if (!vg->has_3d)
		return -ENOSYS;
	if (args->flags & ~VIRTGPU_EXECBUF_FLAGS)
		return -EINVAL;

	if (args->flags & VIRTGPU_EXECBUF_RING_IDX) {
		if (args->ring_idx >= ctx->num_rings)
			return -EINVAL;
		submit.ring = args->ring_idx;
		submit.fence_context = ctx->fence_context + submit.ring;
	}

	ret = virtgpu_context_create(vg, file);
	ret = ret ?: virtgpu_submit_prepare(&submit, ctx);
	ret = ret ?: virtgpu_submit_locked(&submit);
	if (!ret) {
		virtgpu_queue_kick(&vg->transport->ctrl);
		virtgpu_submit_publish(&submit);
	}
	virtgpu_submit_cleanup(&submit);
	return ret;
}

/* Prepares a transfer from the host, whose bytes are copied to the CPU before the fence signals. */
static int virtgpu_transfer_fetch(struct virtgpu_device *vg, struct virtgpu_cmd *cmd,
				  struct virtgpu_bo *bo, const struct virtgpu_rows *rows)
{
	int ret;

	ret = virtgpu_arrivals_init(vg, cmd, 1);
	ret = ret ?: virtgpu_arrivals_add(vg, cmd, bo, rows);
	/* The transfer fetches what a stream has written; the CPU's bytes must not overwrite it. */
	if (!ret && !virtgpu_resource_is_custom(bo->res))
		virtgpu_dma_sync_for_device(vg, &bo->base, rows);
	return ret;
}

/* Synchronizes an object's memory with its bounce buffers, before the transfer and after it. */
static int virtgpu_transfer_sync(struct virtgpu_device *vg, struct virtgpu_cmd *cmd,
				 struct virtgpu_bo *bo, const struct virtgpu_rows *rows,
				 bool from_host)
{
	int ret;

	if (from_host)
		return virtgpu_transfer_fetch(vg, cmd, bo, rows);
	ret = virtgpu_arrival_wait(bo);
	if (!ret)
		virtgpu_dma_sync_for_device(vg, &bo->base, rows);
	return ret;
}

/**
 * virtgpu_submit_plain - queue a command of a context without a fence
 * @ctx: the context
 * @cmd: the command, which is consumed in any case
 *
 * Returns: 0; -EIO for a context that is lost; or why the command could not be queued.
 */
int virtgpu_submit_plain(const struct virtgpu_context *ctx, struct virtgpu_cmd *cmd)
{
	struct virtgpu_device *vg = ctx->vg;
	int ret = -EIO;

	mutex_lock(&vg->render->fences.emit);
	if (READ_ONCE(ctx->is_lost))
		virtgpu_cmd_cancel(vg, cmd);
	else
		ret = virtgpu_submit_error(virtgpu_queue_submit(&vg->transport->ctrl, cmd));
	mutex_unlock(&vg->render->fences.emit);
	return ret;
}

/**
 * virtgpu_submit_transfer - queue a transfer with a fence in the object's reservation
 * @ctx: the context
 * @cmd: the command, which is consumed in any case
 * @gem: the object whose memory it reads or writes
 * @rows: the bytes that it may read or write
 * @from_host: it writes to the memory
 *
 * Returns: 0; -ENOMEM; -EINTR if a signal came before the object was free; -EIO for a context that
 * is lost; or why the command could not be queued.
 */
int virtgpu_submit_transfer(struct virtgpu_context *ctx, struct virtgpu_cmd *cmd,
			    struct drm_gem_object *gem, const struct virtgpu_rows *rows,
			    bool from_host)
{
	struct virtgpu_fence *fence = virtgpu_fence_alloc();
	struct virtgpu_device *vg = ctx->vg;
	int ret;

	if (!fence) {
		virtgpu_cmd_cancel(vg, cmd);
		return -ENOMEM;
	}
	ret = dma_resv_lock_interruptible(gem->resv, NULL);
	if (ret)
		goto err_cancel;
	ret = dma_resv_reserve_fences(gem->resv, 1);
	ret = ret ?: virtgpu_transfer_sync(vg, cmd, to_virtgpu_bo(gem), rows, from_host);
	if (ret)
		goto err_unlock;

	mutex_lock(&vg->render->fences.emit);
	if (READ_ONCE(ctx->is_lost)) {
		mutex_unlock(&vg->render->fences.emit);
		ret = -EIO;
		goto err_unlock;
	}
	virtgpu_fence_emit(vg, fence, cmd, ctx, VIRTGPU_NO_RING);
	ret = virtgpu_submit_error(virtgpu_queue_submit(&vg->transport->ctrl, cmd));
	mutex_unlock(&vg->render->fences.emit);
	virtgpu_queue_kick(&vg->transport->ctrl);

	if (!ret)
		dma_resv_add_fence(gem->resv, &fence->base, DMA_RESV_USAGE_WRITE);
	dma_resv_unlock(gem->resv);
	virtgpu_fence_put(vg, fence);
	return ret;

err_unlock:
	dma_resv_unlock(gem->resv);
err_cancel:
	virtgpu_cmd_cancel(vg, cmd);
	virtgpu_fence_put(vg, fence);
	return ret;
}
