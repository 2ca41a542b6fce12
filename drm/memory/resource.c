// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Host resources
 *
 * A resource is created together with its backing, and freed when the host has answered that it no
 * longer uses the backing. After a reset of the device all resources are created again.
 *
 * A host that runs out of memory for another resource can be told to destroy one that nobody shows.
 * Such a resource is *given up*: it keeps its number and its backing, and is created again when it
 * is next shown.
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_framebuffer.h>
#include <drm/drm_print.h>
#include <drm/drm_rect.h>

#include "memory/format.h"
#include "memory/gem.h"
#include "memory/memory.h"
#include "memory/resource.h"
#include "transport/encode.h"

/*
 * Maximum number of entries for a resource with several buffer objects. Hosts search the list of
 * entries from its start for each row, so the list should be short.
 */
#define VIRTGPU_RESOURCE_MAX_ENTRIES	2048

/* Maximum number of entries that QEMU and vhost-user-gpu accept. */
#define VIRTGPU_MAX_ENTRIES	16384

static u32 virtgpu_bo_entries(struct virtgpu_device *vg, struct virtgpu_bo *bo,
			      struct sg_table *sgt, struct virtio_gpu_mem_entry *entries)
{
	bool dma = vg->use_dma_addr || drm_gem_is_imported(&bo->base.base);
	struct scatterlist *sg;
	unsigned int i;

	if (!entries)
		return dma ? sgt->nents : sgt->orig_nents;

	if (dma) {
		for_each_sgtable_dma_sg(sgt, sg, i) {
			entries[i].addr = cpu_to_le64(sg_dma_address(sg));
			entries[i].length = cpu_to_le32(sg_dma_len(sg));
		}
	} else {
		for_each_sgtable_sg(sgt, sg, i) {
			entries[i].addr = cpu_to_le64(sg_phys(sg));
			entries[i].length = cpu_to_le32(sg->length);
		}
	}
	return i;
}

static u64 virtgpu_entries_size(const struct virtio_gpu_mem_entry *entries, u32 count)
{
	u64 size = 0;
	u32 i;

	for (i = 0; i < count; i++)
		size += le32_to_cpu(entries[i].length);
	return size;
}

/* Returns the table of an object's pages, which are mapped for the device. */
static struct sg_table *virtgpu_resource_table(struct virtgpu_device *vg, struct virtgpu_bo *bo)
{
	struct sg_table *sgt = virtgpu_dma_table(vg, &bo->mapping);

	if (sgt)
		return sgt;
	sgt = drm_gem_shmem_get_pages_sgt(&bo->base);
	if (IS_ERR(sgt))
		return ERR_PTR(virtgpu_dma_error(vg, bo->base.base.size, PTR_ERR(sgt)));
	virtgpu_dma_add(vg, &bo->mapping);
	return sgt;
}

static struct virtio_gpu_mem_entry *virtgpu_resource_map(struct virtgpu_resource *res, u32 *count,
							 gfp_t gfp)
{
	struct sg_table *sgts[VIRTGPU_RESOURCE_MAX_BOS];
	struct virtgpu_device *vg = res->vg;
	struct virtio_gpu_mem_entry *entries;
	u32 total = 0, n;
	unsigned int i;

	lockdep_assert_held(&res->lock);
	for (i = 0; i < res->num_backing; i++) {
		sgts[i] = virtgpu_resource_table(vg, res->backing[i].bo);
		if (IS_ERR(sgts[i]))
			return ERR_CAST(sgts[i]);
		total += virtgpu_bo_entries(vg, res->backing[i].bo, sgts[i], NULL);
	}
	if (res->num_backing > 1 && total > VIRTGPU_RESOURCE_MAX_ENTRIES)
		return ERR_PTR(-ENOSPC);
	if (total > VIRTGPU_MAX_ENTRIES) {
		drm_err_ratelimited(&vg->drm, "resource %u: its memory has more than %u pieces, which hosts do not accept\n",
				    res->id, VIRTGPU_MAX_ENTRIES);
		return ERR_PTR(-ENOMEM);
	}

	entries = kvmalloc_array(total, sizeof(*entries), gfp | __GFP_ZERO);
	if (!entries)
		return ERR_PTR(-ENOMEM);

	total = 0;
	for (i = 0; i < res->num_backing; i++) {
		n = virtgpu_bo_entries(vg, res->backing[i].bo, sgts[i], entries + total);
		res->backing[i].size = virtgpu_entries_size(entries + total, n);
		total += n;
	}
	*count = total;
	return entries;
}

/* Returns the list of pages that back a resource, with adjacent pages joined. */
static struct virtio_gpu_mem_entry *virtgpu_resource_entries(struct virtgpu_resource *res,
							     u32 *count, gfp_t gfp)
{
	struct virtio_gpu_mem_entry *entries;
	int idx;

	if (!drm_dev_enter(&res->vg->drm, &idx))
		return ERR_PTR(-ENODEV);
	entries = virtgpu_resource_map(res, count, gfp);
	drm_dev_exit(idx);
	return entries;
}

/*
 * Finds the resource of a command by its number, if it still exists. It is valid until
 * virtgpu_resource_unlock(). A reference instead might be the last one, and dropping that would
 * wait for room in the ring, which completions must not do.
 */
static struct virtgpu_resource *virtgpu_resource_lock(struct virtgpu_device *vg,
						      const struct virtgpu_cmd *cmd)
{
	xa_lock(&vg->memory->resources);
	return xa_load(&vg->memory->resources, cmd->data.number);
}

static void virtgpu_resource_unlock(struct virtgpu_device *vg)
{
	xa_unlock(&vg->memory->resources);
}

/**
 * virtgpu_resource_created - %VIRTGPU_DONE_RESOURCE_CREATED: the host may have refused a resource
 * @vg: the device
 * @cmd: the command, which has failed
 *
 * Only an error that the protocol has means that the host did not create it: a host that did not
 * answer may still do so, and any other answer says nothing. In these cases the resource is
 * destroyed later, which does no harm if the host does not have it.
 */
void virtgpu_resource_created(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	struct virtgpu_resource *res = virtgpu_resource_lock(vg, cmd);

	if (res && virtgpu_cmd_is_refused(cmd)) {
		WRITE_ONCE(res->is_refused, true);
		/* The pages of others may go only after the answer to ATTACH. */
		if (res->blob.size)
			WRITE_ONCE(res->on_host, false);
	}
	virtgpu_resource_unlock(vg);
}

/**
 * virtgpu_resource_restored - %VIRTGPU_DONE_RESOURCE_RESTORED: the same after a reset
 * @vg: the device
 * @cmd: the command, which has failed
 *
 * If the host refuses to create a resource again that it had before, another one has to take its
 * place.
 */
void virtgpu_resource_restored(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	virtgpu_resource_created(vg, cmd);
	if (virtgpu_cmd_is_refused(cmd))
		vg->memory->ops->lost(vg);
}

/**
 * virtgpu_resource_attached - %VIRTGPU_DONE_RESOURCE_ATTACHED: the host does not know the backing
 * @vg: the device
 * @cmd: the command, which has failed
 */
void virtgpu_resource_attached(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	struct virtgpu_resource *res = virtgpu_resource_lock(vg, cmd);

	if (res && cmd->status) {
		WRITE_ONCE(res->is_attached, false);
		if (virtgpu_resource_is_refused(res))
			WRITE_ONCE(res->on_host, false);
		else if (cmd->is_quiet && cmd->end == VIRTGPU_CMD_ANSWERED)
			drm_err_ratelimited(&vg->drm, "resource %u has no backing: %d\n", res->id,
					    cmd->status);
	}
	virtgpu_resource_unlock(vg);
}

/* Sets what happens to a resource if a command that nobody waits for fails. */
static void virtgpu_resource_on_error(const struct virtgpu_resource *res, struct virtgpu_cmd *cmd,
				      enum virtgpu_done done)
{
	cmd->done = done;
	cmd->data.number = res->id;
}

/**
 * struct virtgpu_sent - the commands that create a resource, to be waited for
 * @create: CREATE
 * @attach: ATTACH, or NULL if CREATE includes the backing
 */
struct virtgpu_sent {
	struct virtgpu_cmd *create;
	struct virtgpu_cmd *attach;
};

static struct virtgpu_cmd *virtgpu_resource_create_cmd_2d(const struct virtgpu_resource *res)
{
	return virtgpu_cmd_resource_create_2d(res->vg, res->id, res->format, res->width,
					      res->height);
}

static struct virtgpu_cmd *virtgpu_resource_create_cmd_3d(const struct virtgpu_resource *res)
{
	const struct virtgpu_texture *texture = &res->texture;
	const struct virtio_gpu_resource_create_3d create = {
		.resource_id = cpu_to_le32(res->id),
		.target = cpu_to_le32(texture->target),
		.format = cpu_to_le32(res->format),
		.bind = cpu_to_le32(texture->bind),
		.width = cpu_to_le32(res->width),
		.height = cpu_to_le32(res->height),
		.depth = cpu_to_le32(texture->depth),
		.array_size = cpu_to_le32(texture->array_size),
		.last_level = cpu_to_le32(texture->last_level),
		.nr_samples = cpu_to_le32(texture->nr_samples),
		.flags = cpu_to_le32(texture->flags),
	};

	return virtgpu_cmd_resource_create_3d(res->vg, &create);
}

static struct virtgpu_cmd *virtgpu_resource_create_cmd_blob(const struct virtgpu_resource *res,
							    struct virtio_gpu_mem_entry *entries,
							    u32 count)
{
	const struct virtgpu_blob *blob = &res->blob;
	const struct virtio_gpu_resource_create_blob create = {
		.resource_id = cpu_to_le32(res->id),
		.blob_mem = cpu_to_le32(blob->mem),
		.blob_flags = cpu_to_le32(blob->flags),
		.blob_id = cpu_to_le64(blob->id),
		.size = cpu_to_le64(blob->size),
	};

	return virtgpu_cmd_resource_create_blob(res->vg, blob->ctx_id, &create, entries, count);
}

/* Sends CREATE of a blob, with its backing if it has pages in the guest. */
static int virtgpu_resource_send_blob(struct virtgpu_resource *res, enum virtgpu_done done,
				      struct virtgpu_sent *sent, gfp_t gfp)
{
	struct virtgpu_device *vg = res->vg;
	struct virtio_gpu_mem_entry *entries = NULL;
	struct virtgpu_cmd *cmd;
	u32 count = 0;

	if (virtgpu_bo_has_pages(virtgpu_resource_bo(res))) {
		entries = virtgpu_resource_entries(res, &count, gfp);
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	res->on_host = true;
	cmd = virtgpu_resource_create_cmd_blob(res, entries, count);
	virtgpu_resource_on_error(res, cmd, done);
	if (sent) {
		virtgpu_cmd_get(cmd);
		sent->create = cmd;
	}
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
	return 0;
}

/*
 * Whether the backing is attached only before the first transfer: most textures are never
 * transferred, and there are few bounce buffers.
 */
static bool virtgpu_resource_is_backed_late(const struct virtgpu_resource *res)
{
	return res->is_3d && !virtgpu_resource_is_custom(res) && virtgpu_dma_bounces(res->vg);
}

static void virtgpu_resource_send_unbacked(struct virtgpu_resource *res, enum virtgpu_done done)
{
	struct virtgpu_cmd *create = virtgpu_resource_create_cmd_3d(res);

	lockdep_assert_held(&res->lock);
	res->on_host = true;
	res->is_attached = false;
	virtgpu_resource_on_error(res, create, done);
	virtgpu_queue_submit(&res->vg->transport->ctrl, create);
}

/* Sends CREATE and ATTACH in one batch. */
static int virtgpu_resource_send_image(struct virtgpu_resource *res, enum virtgpu_done done,
				       struct virtgpu_sent *sent, gfp_t gfp)
{
	struct virtgpu_device *vg = res->vg;
	struct virtio_gpu_mem_entry *entries;
	struct virtgpu_cmd *create, *attach;
	u32 count;

	if (virtgpu_resource_is_backed_late(res)) {
		virtgpu_resource_send_unbacked(res, done);
		return 0;
	}

	lockdep_assert_held(&res->lock);
	entries = virtgpu_resource_entries(res, &count, gfp);
	if (IS_ERR(entries))
		return PTR_ERR(entries);

	res->on_host = true;
	res->is_attached = true;
	create = res->is_3d ? virtgpu_resource_create_cmd_3d(res) :
			      virtgpu_resource_create_cmd_2d(res);
	attach = virtgpu_cmd_attach_backing(vg, res->id, entries, count);
	/* ATTACH is sent before CREATE is answered. The answer to CREATE has the error. */
	attach->is_quiet = true;
	virtgpu_resource_on_error(res, create, done);
	virtgpu_resource_on_error(res, attach, VIRTGPU_DONE_RESOURCE_ATTACHED);
	if (sent) {
		virtgpu_cmd_get(create);
		virtgpu_cmd_get(attach);
		sent->create = create;
		sent->attach = attach;
	}
	virtgpu_queue_submit(&vg->transport->ctrl, create);
	virtgpu_queue_submit(&vg->transport->ctrl, attach);
	return 0;
}

/*
 * Has the host create a resource; the caller kicks. @done happens if it does not. @sent gets the
 * commands, with a reference for the caller; NULL when nobody waits. @gfp is for the list of pages.
 */
static int virtgpu_resource_send(struct virtgpu_resource *res, enum virtgpu_done done,
				 struct virtgpu_sent *sent, gfp_t gfp)
{
	int ret;

	lockdep_assert_held(&res->vg->memory->making);
	mutex_lock(&res->lock);
	ret = res->blob.size ? virtgpu_resource_send_blob(res, done, sent, gfp) :
			       virtgpu_resource_send_image(res, done, sent, gfp);
	mutex_unlock(&res->lock);
	return ret;
}

/* Whether the host says that it is out of memory. Then it may help to destroy a resource. */
static bool virtgpu_cmd_finds_no_room(const struct virtgpu_cmd *cmd, int status)
{
	return status == -ENOMEM && cmd->end == VIRTGPU_CMD_ANSWERED;
}

/*
 * Waits for the answers to the commands that create a resource. Returns -EDQUOT if the host is out
 * of memory.
 */
static int virtgpu_resource_wait(struct virtgpu_resource *res, const struct virtgpu_sent *sent)
{
	struct virtgpu_device *vg = res->vg;
	int ret, attach_ret = 0;

	ret = virtgpu_queue_wait(&vg->transport->ctrl, sent->create);
	/* Only blobs for zero copy are waited for: the host cannot show the guest's pages. */
	if (res->blob.size && ret && ret != -ETIMEDOUT &&
	    sent->create->end == VIRTGPU_CMD_ANSWERED)
		virtgpu_zero_copy_stop(vg);
	if (virtgpu_cmd_finds_no_room(sent->create, ret))
		ret = -EDQUOT;
	virtgpu_cmd_put(vg, sent->create);

	if (sent->attach) {
		attach_ret = virtgpu_queue_wait(&vg->transport->ctrl, sent->attach);
		virtgpu_cmd_put(vg, sent->attach);
	}
	return ret ?: attach_ret;
}

/* Has the host create a resource. Without @wait the caller kicks. */
static int virtgpu_resource_make(struct virtgpu_resource *res, bool wait)
{
	struct virtgpu_device *vg = res->vg;
	struct virtgpu_sent sent = {};
	int ret;

	mutex_lock(&vg->memory->making);
	ret = virtgpu_resource_send(res, VIRTGPU_DONE_RESOURCE_CREATED, wait ? &sent : NULL,
				    GFP_KERNEL);
	mutex_unlock(&vg->memory->making);
	if (ret || !wait)
		return ret;

	virtgpu_queue_kick(&vg->transport->ctrl);
	return virtgpu_resource_wait(res, &sent);
}

static void virtgpu_resource_free(struct virtgpu_resource *res)
{
	unsigned int i;

	xa_erase(&res->vg->memory->resources, res->id);
	for (i = 0; i < res->num_backing; i++)
		virtgpu_bo_put_later(res->backing[i].bo);
	mutex_destroy(&res->lock);
	kfree(res);
}

/**
 * virtgpu_resource_unref_done - %VIRTGPU_DONE_RESOURCE_UNREF: the host no longer uses the backing
 * @vg: the device
 * @cmd: the command
 */
void virtgpu_resource_unref_done(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	virtgpu_resource_free(cmd->data.res);
}

/* Has the host destroy a resource, and frees it when the host no longer uses the backing. */
static void virtgpu_resource_unref(struct virtgpu_resource *res)
{
	struct virtgpu_device *vg = res->vg;
	struct virtgpu_cmd *cmd = virtgpu_cmd_resource_unref(vg, res->id);

	/* The host may have refused to create what user space asked for. */
	cmd->is_quiet = virtgpu_resource_is_uncopied(res);
	cmd->done = VIRTGPU_DONE_RESOURCE_UNREF;
	cmd->data.res = res;
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
	virtgpu_queue_kick(&vg->transport->ctrl);
}

static void virtgpu_resource_release(struct kref *refs)
{
	struct virtgpu_resource *res = container_of(refs, struct virtgpu_resource, refs);

	if (READ_ONCE(res->on_host))
		virtgpu_resource_unref(res);
	else
		virtgpu_resource_free(res);
}

static struct virtgpu_resource *virtgpu_resource_new(struct virtgpu_bo *bo, u32 format, u32 width,
						     u32 height)
{
	struct virtgpu_device *vg = to_virtgpu_device(bo->base.base.dev);
	struct virtgpu_resource *res;
	int ret;

	res = kzalloc_obj(*res);
	if (!res)
		return ERR_PTR(-ENOMEM);

	kref_init(&res->refs);
	res->vg = vg;
	mutex_init(&res->lock);
	res->backing[0].bo = bo;
	res->num_backing = 1;
	res->format = format;
	res->width = width;
	res->height = height;

	/* A host that has lost an UNREF refuses its number, so numbers are not reused soon. */
	ret = xa_alloc_cyclic(&vg->memory->resources, &res->id, res, xa_limit_31b,
			      &vg->memory->next_resource, GFP_KERNEL);
	if (ret < 0) {
		kfree(res);
		return ERR_PTR(ret);
	}
	virtgpu_bo_get(bo);
	return res;
}

/**
 * virtgpu_resource_create - create a 2D resource that is backed by a buffer object
 * @bo: the buffer object
 * @format: pixel format, in the protocol's numbers
 * @width: pixels of a row of the backing
 * @height: number of rows
 * @wait: wait for the host's answer. Otherwise the caller kicks, and a host that refuses the
 *	resource also refuses the commands that use it
 *
 * Returns: the resource or an error pointer: -ENOMEM if the guest is out of memory; -EDQUOT if the
 * host is, see &virtgpu_memory_ops.make_room; -EINVAL if the host does not know the format;
 * -ETIMEDOUT or -EIO for a host in trouble; -ENODEV if the device was reset meanwhile, see
 * &virtgpu_trouble_ops.again, or is gone.
 */
struct virtgpu_resource *virtgpu_resource_create(struct virtgpu_bo *bo, u32 format, u32 width,
						 u32 height, bool wait)
{
	struct virtgpu_resource *res = virtgpu_resource_new(bo, format, width, height);
	int ret;

	if (IS_ERR(res))
		return res;

	ret = virtgpu_resource_make(res, wait);
	if (ret) {
		virtgpu_resource_put(res);
		return ERR_PTR(ret);
	}
	return res;
}

/**
 * virtgpu_resource_create_3d - create the resource of a buffer object for a renderer
 * @bo: the buffer object
 * @format: pixel format, in the renderer's numbers
 * @width: pixels
 * @height: pixels
 * @texture: the renderer's other parameters
 *
 * Does not wait: a host that refuses the resource also refuses the commands that use it. The caller
 * kicks.
 *
 * Returns: the resource or an error pointer.
 */
struct virtgpu_resource *virtgpu_resource_create_3d(struct virtgpu_bo *bo, u32 format, u32 width,
						    u32 height,
						    const struct virtgpu_texture *texture)
{
	struct virtgpu_resource *res = virtgpu_resource_new(bo, format, width, height);
	int ret;

	if (IS_ERR(res))
		return res;

	res->is_3d = true;
	res->texture = *texture;
	ret = virtgpu_resource_make(res, false);
	if (ret) {
		virtgpu_resource_put(res);
		return ERR_PTR(ret);
	}
	return res;
}

/**
 * virtgpu_resource_create_blob - create the resource of a buffer object as a blob
 * @bo: the buffer object
 * @blob: parameters of the blob
 * @wait: wait for the host's answer. Otherwise the caller kicks, and a host that refuses the
 *	resource also refuses the commands that use it
 *
 * Returns: the resource or an error pointer.
 */
struct virtgpu_resource *virtgpu_resource_create_blob(struct virtgpu_bo *bo,
						      const struct virtgpu_blob *blob, bool wait)
{
	struct virtgpu_resource *res = virtgpu_resource_new(bo, 0, 0, 0);
	int ret;

	if (IS_ERR(res))
		return res;

	res->blob = *blob;
	ret = virtgpu_resource_make(res, wait);
	if (ret) {
		virtgpu_resource_put(res);
		return ERR_PTR(ret);
	}
	return res;
}

/**
 * virtgpu_resource_fits - whether a resource can show the pixels of a framebuffer
 * @res: the resource
 * @fb: the framebuffer
 *
 * Returns: true if it has the framebuffer's format and shape, and the host has not refused it.
 */
bool virtgpu_resource_fits(const struct virtgpu_resource *res, const struct drm_framebuffer *fb)
{
	return res->format == virtgpu_format_from_fourcc(fb->format->format) &&
	       res->width == virtgpu_format_row(fb) && res->height == fb->height &&
	       !virtgpu_resource_is_refused(res);
}

/**
 * virtgpu_resource_get - take a reference
 * @res: the resource
 */
void virtgpu_resource_get(struct virtgpu_resource *res)
{
	kref_get(&res->refs);
}

/**
 * virtgpu_resource_put - drop a reference; the last one has the host destroy the resource
 * @res: the resource
 */
void virtgpu_resource_put(struct virtgpu_resource *res)
{
	kref_put(&res->refs, virtgpu_resource_release);
}

/* Has the host destroy a resource that the driver keeps. Returns true if the host has done so. */
static bool virtgpu_resource_give_up_locked(struct virtgpu_resource *res)
{
	struct virtgpu_device *vg = res->vg;
	struct virtgpu_cmd *cmd;
	bool is_unknown = false;
	int ret;

	lockdep_assert_held(&res->lock);
	if (!READ_ONCE(res->on_host) || virtgpu_resource_is_refused(res))
		return false;
	cmd = virtgpu_cmd_resource_unref(vg, res->id);
	virtgpu_cmd_get(cmd);
	/* If the command is not sent, or is lost with a reset, the host has what it had. */
	ret = virtgpu_queue_submit(&vg->transport->ctrl, cmd);
	if (!ret) {
		virtgpu_queue_kick(&vg->transport->ctrl);
		ret = virtgpu_queue_wait(&vg->transport->ctrl, cmd);
		is_unknown = ret == -ETIMEDOUT || cmd->end == VIRTGPU_CMD_ANSWERED;
	}
	virtgpu_cmd_put(vg, cmd);
	if (!ret) {
		WRITE_ONCE(res->on_host, false);
		WRITE_ONCE(res->is_attached, false);
		WRITE_ONCE(res->is_given_up, true);
	} else if (is_unknown) {
		/* The host may not have it any more, so another one has to take its place. */
		WRITE_ONCE(res->is_refused, true);
	}
	return !ret;
}

/**
 * virtgpu_resource_give_up - have the host destroy a resource that nobody shows, and wait
 * @res: a 2D resource
 *
 * The resource keeps its number and its backing.
 *
 * Returns: true if the host has destroyed it.
 */
bool virtgpu_resource_give_up(struct virtgpu_resource *res)
{
	struct virtgpu_device *vg = res->vg;
	bool is_done;

	/* Under this lock no reset creates it again at the same time. */
	mutex_lock(&vg->memory->making);
	mutex_lock(&res->lock);
	is_done = virtgpu_resource_give_up_locked(res);
	mutex_unlock(&res->lock);
	mutex_unlock(&vg->memory->making);
	return is_done;
}

/**
 * virtgpu_resource_take_back - have the host create a resource that was given up, and wait
 * @res: the resource, whose pixels have to be sent again
 *
 * Returns: 0 or a negative errno, see virtgpu_resource_create(). If the guest or the host has no
 * memory for it, the resource stays given up. After other errors another one has to take its place.
 */
int virtgpu_resource_take_back(struct virtgpu_resource *res)
{
	int ret = virtgpu_resource_make(res, true);

	mutex_lock(&res->lock);
	if (!ret) {
		WRITE_ONCE(res->is_given_up, false);
	} else if (ret == -EDQUOT && !READ_ONCE(res->on_host)) {
		WRITE_ONCE(res->is_refused, false);
	} else if (virtgpu_resource_is_refused(res) || READ_ONCE(res->on_host)) {
		WRITE_ONCE(res->is_refused, true);
		WRITE_ONCE(res->is_given_up, false);
	}
	mutex_unlock(&res->lock);
	return ret;
}

/* Returns the command that tells the host the whole backing. The host must not know any. */
static struct virtgpu_cmd *virtgpu_resource_attach(struct virtgpu_resource *res, gfp_t gfp)
{
	struct virtio_gpu_mem_entry *entries;
	struct virtgpu_cmd *cmd;
	u32 count;

	lockdep_assert_held(&res->lock);
	entries = virtgpu_resource_entries(res, &count, gfp);
	if (IS_ERR(entries))
		return ERR_CAST(entries);

	cmd = virtgpu_cmd_attach_backing(res->vg, res->id, entries, count);
	virtgpu_resource_on_error(res, cmd, VIRTGPU_DONE_RESOURCE_ATTACHED);
	return cmd;
}

/**
 * virtgpu_resource_back - make sure that the host knows the backing, before a transfer
 * @res: the resource
 *
 * Returns: 0 or a negative errno, -ENOMEM if there is no room for bounce buffers.
 */
int virtgpu_resource_back(struct virtgpu_resource *res)
{
	struct virtgpu_cmd *attach;
	int ret = 0;

	if (!virtgpu_resource_is_backed_late(res))
		return 0;
	mutex_lock(&res->lock);
	if (!READ_ONCE(res->is_attached)) {
		attach = virtgpu_resource_attach(res, GFP_KERNEL);
		ret = PTR_ERR_OR_ZERO(attach);
		if (!ret) {
			res->is_attached = true;
			virtgpu_queue_submit(&res->vg->transport->ctrl, attach);
		}
	}
	mutex_unlock(&res->lock);
	return ret;
}

/* Replaces the backing that the host knows by the present one. */
static void virtgpu_resource_change_backing(struct virtgpu_resource *res,
					    struct virtgpu_cmd *attach)
{
	lockdep_assert_held(&res->lock);
	virtgpu_cmd_detach_backing(res->vg, res->id, NULL);
	res->is_attached = true;
	virtgpu_queue_submit(&res->vg->transport->ctrl, attach);
}

/* Sends the backing with one more buffer object; returns the command, with a reference. */
static struct virtgpu_cmd *virtgpu_resource_send_added(struct virtgpu_resource *res,
						       struct virtgpu_bo *bo)
{
	struct virtgpu_cmd *attach;

	lockdep_assert_held(&res->lock);
	if (res->num_backing == VIRTGPU_RESOURCE_MAX_BOS)
		return ERR_PTR(-ENOSPC);
	res->backing[res->num_backing++].bo = bo;
	attach = virtgpu_resource_attach(res, GFP_KERNEL);
	if (IS_ERR(attach)) {
		res->num_backing--;
		return attach;
	}
	virtgpu_bo_get(bo);
	virtgpu_cmd_get(attach);
	virtgpu_resource_change_backing(res, attach);
	return attach;
}

/**
 * virtgpu_resource_add - add a buffer object to the backing of a resource, and wait
 * @res: a 2D resource
 * @bo: the buffer object, to which the resource holds a reference from now on
 *
 * Returns: 0 or a negative errno; -ENOSPC if the backing has too many objects or entries.
 */
int virtgpu_resource_add(struct virtgpu_resource *res, struct virtgpu_bo *bo)
{
	struct virtgpu_device *vg = res->vg;
	struct virtgpu_cmd *attach;
	int ret;

	/* After a reset the host has the resource only when all are created again. */
	mutex_lock(&vg->memory->making);
	mutex_lock(&res->lock);
	attach = virtgpu_resource_send_added(res, bo);
	mutex_unlock(&res->lock);
	mutex_unlock(&vg->memory->making);
	if (IS_ERR(attach))
		return PTR_ERR(attach);

	virtgpu_queue_kick(&vg->transport->ctrl);
	ret = virtgpu_queue_wait(&vg->transport->ctrl, attach);
	virtgpu_cmd_put(vg, attach);
	if (ret)
		virtgpu_resource_remove(res, bo);
	return ret;
}

/**
 * virtgpu_resource_detached - %VIRTGPU_DONE_RESOURCE_DETACHED: the host no longer uses an object
 * @vg: the device
 * @cmd: the command
 */
void virtgpu_resource_detached(struct virtgpu_device *vg, struct virtgpu_cmd *cmd)
{
	virtgpu_bo_put_later(cmd->data.bo);
}

/**
 * virtgpu_resource_remove - remove a buffer object from the backing of a resource
 * @res: the resource
 * @bo: the buffer object, which must not be the only one
 *
 * The other objects are attached again now or, if that fails, with the next upload.
 */
void virtgpu_resource_remove(struct virtgpu_resource *res, struct virtgpu_bo *bo)
{
	struct virtgpu_device *vg = res->vg;
	struct virtgpu_cmd *attach;
	unsigned int i = 0;

	mutex_lock(&res->lock);
	while (res->backing[i].bo != bo)
		i++;
	res->num_backing--;
	memmove(&res->backing[i], &res->backing[i + 1],
		(res->num_backing - i) * sizeof(res->backing[0]));

	if ((virtgpu_resource_is_refused(res) || virtgpu_resource_is_given_up(res)) &&
	    !READ_ONCE(res->is_attached)) {
		/* The host does not know of the pages. */
		mutex_unlock(&res->lock);
		virtgpu_bo_put(bo);
		return;
	}
	res->is_attached = false;
	virtgpu_cmd_detach_backing(vg, res->id, bo);
	attach = virtgpu_resource_attach(res, GFP_KERNEL);
	if (!IS_ERR(attach)) {
		res->is_attached = true;
		virtgpu_queue_submit(&vg->transport->ctrl, attach);
	}
	mutex_unlock(&res->lock);
	virtgpu_queue_kick(&vg->transport->ctrl);
}

/**
 * virtgpu_resource_offset - the offset of a buffer object in the backing of a resource
 * @res: the resource, locked or in a panic
 * @bo: the buffer object, one of those that back it
 *
 * Returns: bytes.
 */
u64 virtgpu_resource_offset(const struct virtgpu_resource *res, const struct virtgpu_bo *bo)
{
	u64 offset = 0;
	unsigned int i;

	for (i = 0; i < res->num_backing && res->backing[i].bo != bo; i++)
		offset += res->backing[i].size;
	return offset;
}

/* Returns the bytes from the first pixel of a framebuffer to the first pixel of a rectangle. */
static u64 virtgpu_pixel_offset(u32 pitch, u32 bytes, const struct drm_rect *rect)
{
	return (u64)rect->y1 * pitch + rect->x1 * bytes;
}

/**
 * virtgpu_resource_upload - copy rectangles of a framebuffer to the host
 * @res: the resource, backed by the framebuffer's buffer object among others
 * @fb: the framebuffer
 * @rects: its pixels
 * @count: how many rectangles
 *
 * Waits for memory instead of failing, because a commit must not fail.
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_resource_upload(struct virtgpu_resource *res, const struct drm_framebuffer *fb,
			    const struct drm_rect *rects, unsigned int count)
{
	struct virtgpu_bo *bo = to_virtgpu_bo(fb->obj[0]);
	struct virtgpu_device *vg = res->vg;
	struct virtgpu_cmd *attach;
	unsigned int i;
	u64 base;

	mutex_lock(&res->lock);
	if (virtgpu_resource_is_given_up(res)) {
		/* The next commit on this head needed the memory, and follows at once. */
		mutex_unlock(&res->lock);
		return -EBUSY;
	}
	if (!READ_ONCE(res->is_attached)) {
		attach = virtgpu_resource_attach(res, GFP_KERNEL | __GFP_NOFAIL);
		if (IS_ERR(attach)) {
			mutex_unlock(&res->lock);
			return PTR_ERR(attach);
		}
		virtgpu_resource_change_backing(res, attach);
	}

	base = virtgpu_resource_offset(res, bo) + fb->offsets[0];
	for (i = 0; i < count; i++) {
		const struct drm_rect *rect = &rects[i];
		u64 offset = base + virtgpu_pixel_offset(fb->pitches[0], fb->format->cpp[0],
							 rect);
		struct virtgpu_cmd *cmd = virtgpu_cmd_transfer(vg, res->id, rect, offset);

		virtgpu_bo_sync(fb, rect);
		cmd->is_lazy = true;
		virtgpu_queue_submit(&vg->transport->ctrl, cmd);
	}
	mutex_unlock(&res->lock);
	return 0;
}

/**
 * virtgpu_resource_transfer - copy pixels from the backing to the host
 * @res: the resource, backed by one buffer object
 * @rect: its pixels
 * @offset: bytes from the start of the backing to the first of these pixels
 *
 * Returns: the command, to be submitted.
 */
struct virtgpu_cmd *virtgpu_resource_transfer(struct virtgpu_resource *res,
					      const struct drm_rect *rect, u64 offset)
{
	const u64 bytes = virtgpu_format_pixel_size(res->format);
	struct virtgpu_device *vg = res->vg;
	/* The bytes that the host reads. */
	const struct virtgpu_rows rows = {
		.offset = offset,
		.length = drm_rect_width(rect) * bytes,
		/* Longer rows do not fit into any backing. */
		.pitch = min_t(u64, res->width * bytes, U32_MAX),
		.count = drm_rect_height(rect),
	};

	virtgpu_dma_sync_for_device(vg, &virtgpu_resource_bo(res)->base, &rows);
	return virtgpu_cmd_transfer(vg, res->id, rect, offset);
}

/**
 * virtgpu_resource_uuid - the UUID by which other virtio devices know a resource
 * @res: the resource
 * @uuid: set on success
 *
 * The host is asked once, and again after a reset, because a reset discards UUIDs.
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_resource_uuid(struct virtgpu_resource *res, uuid_t *uuid)
{
	int ret;

	do {
		ret = 0;
		mutex_lock(&res->lock);
		if (!res->has_uuid)
			ret = virtgpu_cmd_assign_uuid(res->vg, res->id, &res->uuid);
		if (!ret) {
			res->has_uuid = true;
			uuid_copy(uuid, &res->uuid);
		}
		mutex_unlock(&res->lock);
	} while (res->vg->trouble->again(res->vg, &ret));
	return ret;
}

static void virtgpu_resource_forget_uuid(struct virtgpu_resource *res)
{
	mutex_lock(&res->lock);
	res->has_uuid = false;
	mutex_unlock(&res->lock);
}

static bool virtgpu_resource_is_to_be_restored(const struct virtgpu_resource *res)
{
	/* Memory of the host was destroyed with its context. */
	return READ_ONCE(res->on_host) && !virtgpu_resource_is_refused(res) &&
	       virtgpu_bo_has_pages(virtgpu_resource_bo(res));
}

/**
 * virtgpu_resources_restore - create all resources again on a device that was reset
 * @vg: the device, with &virtgpu_memory.making locked since before its queues were started
 *
 * The pixels are not restored: what is shown has to be transferred again, and what a renderer had
 * drawn is lost. Waits for memory instead of failing, because programs do not learn of the reset.
 */
void virtgpu_resources_restore(struct virtgpu_device *vg)
{
	struct virtgpu_resource *res;
	unsigned long id;
	int ret;

	lockdep_assert_held(&vg->memory->making);
	xa_lock(&vg->memory->resources);
	xa_for_each(&vg->memory->resources, id, res) {
		if (!kref_get_unless_zero(&res->refs))
			continue;
		xa_unlock(&vg->memory->resources);
		virtgpu_resource_forget_uuid(res);
		ret = 0;
		if (virtgpu_resource_is_to_be_restored(res))
			ret = virtgpu_resource_send(res, VIRTGPU_DONE_RESOURCE_RESTORED, NULL,
						    GFP_KERNEL | __GFP_NOFAIL);
		if (ret)
			drm_err(&vg->drm, "resource %u is lost: %d\n", res->id, ret);
		virtgpu_resource_put(res);
		xa_lock(&vg->memory->resources);
	}
	xa_unlock(&vg->memory->resources);
	virtgpu_queue_kick(&vg->transport->ctrl);
}
