// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Contexts
 *
 * A context is what a renderer on the host keeps for one open file. It is created when the file
 * first needs it, because many files never render. The driver attaches an object to the context
 * with the file's first handle of it, and detaches it with the last.
 *
 * A context is *lost* with a reset of the device, or when its work does not end. After that the
 * file gets -EIO.
 */
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_print.h>
#include <drm/virtgpu_drm.h>

#include "memory/gem.h"
#include "memory/resource.h"
#include "render/context.h"
#include "render/render.h"
#include "transport/encode.h"

/* Each parameter may be set once. */
#define VIRTGPU_MAX_CONTEXT_PARAMS	4

static void virtgpu_context_free(struct virtgpu_device *vg, struct virtgpu_context *ctx)
{
	xa_erase(&vg->render->contexts, ctx->id);
	xa_destroy(&ctx->objects);
	mutex_destroy(&ctx->lock);
	kfree(ctx);
	vg->trouble->context_gone(vg);
}

/**
 * virtgpu_context_destroyed - %VIRTGPU_DONE_CONTEXT_DESTROYED: the number of a context is free
 * @vg: the device
 * @cmd: the command
 */
void virtgpu_context_destroyed(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	virtgpu_fences_cancel(vg, cmd->data.ctx);
	virtgpu_context_free(vg, cmd->data.ctx);
}

/*
 * In a work, because sending waits for room in the ring, and the completions that make room may
 * drop the last reference.
 */
static void virtgpu_context_destroy_work(struct work_struct *work)
{
	struct virtgpu_context *ctx = container_of(work, struct virtgpu_context, destroy);
	struct virtgpu_device *vg = ctx->vg;

	if (ctx->is_created && !READ_ONCE(ctx->is_lost))
		virtgpu_cmd_ctx_destroy(vg, ctx->id, VIRTGPU_DONE_CONTEXT_DESTROYED, ctx);
	else
		virtgpu_context_free(vg, ctx);
}

static void virtgpu_context_release(struct kref *refs)
{
	struct virtgpu_context *ctx = container_of(refs, struct virtgpu_context, refs);

	queue_work(ctx->vg->wq, &ctx->destroy);
}

/**
 * virtgpu_context_get - keep a context on the host
 * @ctx: the context
 */
void virtgpu_context_get(struct virtgpu_context *ctx)
{
	kref_get(&ctx->refs);
}

/**
 * virtgpu_context_put - drop a reference; the last one destroys the context
 * @ctx: the context
 */
void virtgpu_context_put(struct virtgpu_context *ctx)
{
	kref_put(&ctx->refs, virtgpu_context_release);
}

/**
 * virtgpu_context_polls - whether a file polls a ring of its context
 * @ctx: the context
 * @ring: the ring, or %VIRTGPU_NO_RING
 *
 * Returns: true if the file gets an event for each fence of the ring.
 */
bool virtgpu_context_polls(const struct virtgpu_context *ctx, int ring)
{
	return ring != VIRTGPU_NO_RING && ctx->poll_mask & BIT_ULL(ring);
}

/**
 * virtgpu_context_open - &drm_driver.open
 * @dev: the DRM device
 * @file: the file
 *
 * The host creates the context when it is first needed.
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_context_open(struct drm_device *dev, struct drm_file *file)
{
	struct virtgpu_device *vg = to_virtgpu_device(dev);
	struct virtgpu_context *ctx;
	int ret, i;

	if (!vg->has_3d)
		return 0;

	ctx = kzalloc_obj(*ctx);
	if (!ctx)
		return -ENOMEM;
	mutex_init(&ctx->lock);
	kref_init(&ctx->refs);
	xa_init(&ctx->objects);
	ctx->vg = vg;
	ctx->owner = atomic64_inc_return(&vg->render->last_owner);
	for (i = 0; i < VIRTGPU_MAX_RINGS; i++)
		ctx->progress[i] = jiffies;
	INIT_WORK(&ctx->destroy, virtgpu_context_destroy_work);
	ret = xa_alloc(&vg->render->contexts, &ctx->id, ctx, xa_limit_31b, GFP_KERNEL);
	if (ret) {
		kfree(ctx);
		return ret;
	}
	file->driver_priv = ctx;
	return 0;
}

/**
 * virtgpu_context_postclose - &drm_driver.postclose
 * @dev: the DRM device
 * @file: the file
 */
void virtgpu_context_postclose(struct drm_device *dev, struct drm_file *file)
{
	struct virtgpu_context *ctx = file->driver_priv;

	if (ctx)
		virtgpu_context_put(ctx);
}

/**
 * virtgpu_context_created - %VIRTGPU_DONE_CONTEXT_CREATED: the host has a context, or it is lost
 * @vg: the device
 * @cmd: the command
 *
 * A command that was not answered was sent during a reset, so the host does not have the context.
 */
void virtgpu_context_created(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	struct virtgpu_context *ctx = cmd->data.ctx;

	if (cmd->end != VIRTGPU_CMD_ANSWERED)
		WRITE_ONCE(ctx->is_lost, true);
	virtgpu_context_put(ctx);
}

static int virtgpu_context_create_locked(struct virtgpu_device *vg, struct virtgpu_context *ctx)
{
	unsigned long id;
	void *count;
	int ret;

	lockdep_assert_held(&ctx->lock);
	if (READ_ONCE(ctx->is_lost))
		return -EIO;
	if (ctx->is_created)
		return 0;
	/* A reset in progress would lose a context that is created now. */
	ret = vg->trouble->wait(vg);
	if (ret)
		return ret;

	if (!ctx->is_named)
		get_task_comm(ctx->name, current);
	virtgpu_context_get(ctx);
	virtgpu_cmd_ctx_create(vg, ctx->id, ctx->capset, ctx->name, ctx);
	ctx->is_created = true;
	/* The objects of which the file had handles before. */
	xa_for_each(&ctx->objects, id, count)
		virtgpu_cmd_ctx_resource(vg, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, ctx->id, id);
	/* Pairs with virtgpu_context_create(): commands of others are queued after these. */
	smp_store_release(&ctx->is_ready, true);
	return 0;
}

/**
 * virtgpu_context_create - make sure that a file has its context on the host
 * @vg: the device
 * @file: the file
 *
 * Returns: 0; -EIO for a context that is lost; otherwise see virtgpu_life_wait().
 */
int virtgpu_context_create(struct virtgpu_device *vg, struct drm_file *file)
{
	struct virtgpu_context *ctx = file->driver_priv;
	int ret;

	/* Pairs with virtgpu_context_create_locked(), whose commands come first. */
	if (smp_load_acquire(&ctx->is_ready) && !READ_ONCE(ctx->is_lost))
		return 0;

	mutex_lock(&ctx->lock);
	ret = virtgpu_context_create_locked(vg, ctx);
	mutex_unlock(&ctx->lock);
	return ret;
}

/**
 * virtgpu_contexts_lose - mark all contexts as lost, because of a reset
 * @vg: the device
 */
void virtgpu_contexts_lose(struct virtgpu_device *vg)
{
	struct virtgpu_context *ctx;
	unsigned long id;

	xa_lock(&vg->render->contexts);
	xa_for_each(&vg->render->contexts, id, ctx)
		if (ctx->is_created)
			WRITE_ONCE(ctx->is_lost, true);
	xa_unlock(&vg->render->contexts);
}

/**
 * virtgpu_contexts_live - count the contexts, which a reset would destroy
 * @vg: the device
 *
 * Returns: their number.
 */
unsigned int virtgpu_contexts_live(struct virtgpu_device *vg)
{
	struct virtgpu_context *ctx;
	unsigned int count = 0;
	unsigned long id;

	xa_lock(&vg->render->contexts);
	xa_for_each(&vg->render->contexts, id, ctx)
		count += ctx->is_created && !READ_ONCE(ctx->is_lost);
	xa_unlock(&vg->render->contexts);
	return count;
}

static struct virtgpu_context *virtgpu_context_find(struct virtgpu_device *vg, u64 owner)
{
	struct virtgpu_context *ctx;
	unsigned long id;

	xa_lock(&vg->render->contexts);
	xa_for_each(&vg->render->contexts, id, ctx)
		if (ctx->owner == owner && kref_get_unless_zero(&ctx->refs))
			break;
	xa_unlock(&vg->render->contexts);
	return ctx;
}

/**
 * virtgpu_lost_context_destroyed - %VIRTGPU_DONE_LOST_CONTEXT_DESTROYED: drop its reference
 * @vg: the device
 * @cmd: the command
 */
void virtgpu_lost_context_destroyed(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	virtgpu_context_put(cmd->data.ctx);
}

/**
 * virtgpu_context_lose - lose a context whose work does not end, and have the host destroy it
 * @vg: the device
 * @owner: &virtgpu_context.owner of the context, which may be freed already
 */
void virtgpu_context_lose(struct virtgpu_device *vg, u64 owner)
{
	struct virtgpu_context *ctx = virtgpu_context_find(vg, owner);
	bool was_lost;

	if (!ctx)
		return;
	/* After this section none of its commands are queued any more. */
	mutex_lock(&vg->render->fences.emit);
	was_lost = xchg(&ctx->is_lost, true);
	mutex_unlock(&vg->render->fences.emit);
	if (was_lost) {
		virtgpu_context_put(ctx);
		return;
	}
	drm_err(&vg->drm, "context %u (%s) does not finish its work: it is lost\n", ctx->id,
		ctx->name);
	virtgpu_cmd_ctx_destroy(vg, ctx->id, VIRTGPU_DONE_LOST_CONTEXT_DESTROYED, ctx);
	vg->trouble->context_gone(vg);
}

/* Attaches or detaches a resource if the host has the context. The caller kicks. */
static void virtgpu_context_tell(struct virtgpu_context *ctx, u32 type, u32 id)
{
	lockdep_assert_held(&ctx->lock);
	if (!ctx->is_created || READ_ONCE(ctx->is_lost))
		return;
	virtgpu_cmd_ctx_resource(ctx->vg, type, ctx->id, id);
}

/* A file got a handle of an object. */
static int virtgpu_context_add(struct virtgpu_context *ctx, const struct virtgpu_resource *res)
{
	unsigned long count;
	int ret;

	lockdep_assert_held(&ctx->lock);
	count = xa_to_value(xa_load(&ctx->objects, res->id));
	ret = xa_err(xa_store(&ctx->objects, res->id, xa_mk_value(count + 1), GFP_KERNEL));
	if (!ret && !count)
		virtgpu_context_tell(ctx, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, res->id);
	return ret;
}

/* A file closes a handle of an object. */
static void virtgpu_context_remove(struct virtgpu_context *ctx, const struct virtgpu_resource *res)
{
	unsigned long count;

	lockdep_assert_held(&ctx->lock);
	count = xa_to_value(xa_load(&ctx->objects, res->id));
	if (count > 1) {
		/* Replacing an entry needs no memory. */
		xa_store(&ctx->objects, res->id, xa_mk_value(count - 1), GFP_KERNEL);
	} else if (count) {
		xa_erase(&ctx->objects, res->id);
		/* Sent with the next kick; the end of the buffer kicks. */
		if (!virtgpu_resource_is_refused(res))
			virtgpu_context_tell(ctx, VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, res->id);
	}
}

/**
 * virtgpu_context_opened - &virtgpu_memory_ops.opened: a file got a handle
 * @gem: the object
 * @file: the file
 *
 * A dumb buffer has no resource before it is named, see virtgpu_context_name().
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_context_opened(struct drm_gem_object *gem, struct drm_file *file)
{
	struct virtgpu_resource *res = READ_ONCE(to_virtgpu_bo(gem)->res);
	struct virtgpu_context *ctx = file->driver_priv;
	int ret;

	/* Without a renderer files have no context. */
	if (!ctx || !res || virtgpu_resource_is_refused(res))
		return 0;

	mutex_lock(&ctx->lock);
	ret = virtgpu_context_add(ctx, res);
	mutex_unlock(&ctx->lock);
	virtgpu_queue_kick(&ctx->vg->transport->ctrl);
	return ret;
}

/**
 * virtgpu_context_closed - &virtgpu_memory_ops.closed: a file closes a handle
 * @gem: the object
 * @file: the file
 */
void virtgpu_context_closed(struct drm_gem_object *gem, struct drm_file *file)
{
	struct virtgpu_context *ctx = file->driver_priv;
	struct virtgpu_resource *res = READ_ONCE(to_virtgpu_bo(gem)->res);

	if (!ctx || !res)
		return;
	mutex_lock(&ctx->lock);
	virtgpu_context_remove(ctx, res);
	mutex_unlock(&ctx->lock);
}

/* If the handle was closed meanwhile, the context did not have the object yet: removes it now. */
static int virtgpu_context_check_handle(struct virtgpu_context *ctx, struct drm_file *file,
					u32 handle, struct drm_gem_object *gem,
					const struct virtgpu_resource *res)
{
	struct drm_gem_object *again = drm_gem_object_lookup(file, handle);

	if (again)
		drm_gem_object_put(again);
	if (again == gem)
		return 0;
	mutex_lock(&ctx->lock);
	virtgpu_context_remove(ctx, res);
	mutex_unlock(&ctx->lock);
	return -ENOENT;
}

/**
 * virtgpu_context_name - the resource of a handle that a program names in an ioctl
 * @file: the file
 * @handle: the handle
 * @gem: the object of the handle
 *
 * A dumb buffer gets a resource now, which is attached to the file's context if there is one. It is
 * detached when the file closes a handle, and attached again if another handle is named.
 *
 * Returns: the resource, valid as long as @gem, or an error pointer, see virtgpu_bo_resource().
 */
struct virtgpu_resource *virtgpu_context_name(struct drm_file *file, u32 handle,
					      struct drm_gem_object *gem)
{
	struct virtgpu_context *ctx = file->driver_priv;
	struct virtgpu_bo *bo = to_virtgpu_bo(gem);
	struct virtgpu_resource *res = READ_ONCE(bo->res);
	bool is_new;
	int ret = 0;

	/* Textures and blobs had a resource before they had handles. */
	if (res && virtgpu_resource_is_uncopied(res))
		return res;

	res = virtgpu_bo_resource(bo, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM);
	if (IS_ERR(res) || !ctx || virtgpu_resource_is_refused(res))
		return res;

	mutex_lock(&ctx->lock);
	is_new = !xa_load(&ctx->objects, res->id);
	if (is_new)
		ret = virtgpu_context_add(ctx, res);
	mutex_unlock(&ctx->lock);
	if (is_new && !ret)
		ret = virtgpu_context_check_handle(ctx, file, handle, gem, res);
	virtgpu_queue_kick(&ctx->vg->transport->ctrl);
	return ret ? ERR_PTR(ret) : res;
}

static int virtgpu_context_set(struct virtgpu_device *vg, struct virtgpu_context *ctx,
			       const struct drm_virtgpu_context_set_param *set)
{
	long len;

	switch (set->param) {
	case VIRTGPU_CONTEXT_PARAM_CAPSET_ID:
		if (ctx->capset || !virtgpu_capset_known(vg, set->value))
			return -EINVAL;
		ctx->capset = set->value;
		return 0;
	case VIRTGPU_CONTEXT_PARAM_NUM_RINGS:
		if (ctx->fence_context || set->value > VIRTGPU_MAX_RINGS)
			return -EINVAL;
		/* A context may say that it has no rings; the core warns about 0. */
		ctx->fence_context = dma_fence_context_alloc(max(set->value, 1ULL));
		ctx->num_rings = set->value;
		return 0;
	case VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK:
		if (ctx->poll_mask)
			return -EINVAL;
		ctx->poll_mask = set->value;
		return 0;
	case VIRTGPU_CONTEXT_PARAM_DEBUG_NAME:
		if (ctx->is_named)
			return -EINVAL;
		len = strncpy_from_user(ctx->name, u64_to_user_ptr(set->value),
					VIRTGPU_NAME_SIZE - 1);
		if (len < 0)
			return len;
		ctx->is_named = true;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Whether the rings to be polled are rings of the context. */
static bool virtgpu_context_has_polled_rings(const struct virtgpu_context *ctx)
{
	return ctx->num_rings == VIRTGPU_MAX_RINGS || !(ctx->poll_mask >> ctx->num_rings);
}

/* Resets all parameters of a context. */
static void virtgpu_context_unset(struct virtgpu_context *ctx)
{
	ctx->is_named = false;
	ctx->capset = 0;
	ctx->num_rings = 0;
	ctx->fence_context = 0;
	ctx->poll_mask = 0;
	memset(ctx->name, 0, sizeof(ctx->name));
}

/**
 * virtgpu_ioctl_context_init - set the parameters of a file's context, and create it
 * @dev: the DRM device
 * @data: the arguments
 * @file: the file
 *
 * Returns: 0; -EEXIST if the context exists; -EINVAL if the device does not support parameters, for
 * unknown and repeated parameters, and for polled rings that the context does not have; -EFAULT.
 */
int virtgpu_ioctl_context_init(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct virtgpu_device *vg = to_virtgpu_device(dev);
	struct virtgpu_context *ctx = file->driver_priv;
	struct drm_virtgpu_context_set_param params[VIRTGPU_MAX_CONTEXT_PARAMS];
	struct drm_virtgpu_context_init *args = data;
	int ret = 0;
	u32 i;

	if (!vg->has_context_init || args->num_params > ARRAY_SIZE(params))
		return -EINVAL;
	if (copy_from_user(params, u64_to_user_ptr(args->ctx_set_params),
			   args->num_params * sizeof(*params)))
		return -EFAULT;

	mutex_lock(&ctx->lock);
	if (ctx->is_created) {
		mutex_unlock(&ctx->lock);
		return -EEXIST;
	}
	for (i = 0; i < args->num_params && !ret; i++)
		ret = virtgpu_context_set(vg, ctx, &params[i]);
	if (!ret && !virtgpu_context_has_polled_rings(ctx))
		ret = -EINVAL;
	if (!ret)
		ret = virtgpu_context_create_locked(vg, ctx);
	if (ret)
		virtgpu_context_unset(ctx);
	mutex_unlock(&ctx->lock);
	if (!ret)
		virtgpu_queue_kick(&vg->transport->ctrl);
	return ret;
}
