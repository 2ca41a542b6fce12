// SPDX-License-Identifier: GPL-2.0
/**
 * DOC: Encoders
 *
 * There is one function for each command of the protocol. A function that returns a command leaves
 * it to the caller to submit it. Only functions that wait for the answer kick the queue.
 */
#include <linux/build_bug.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include <drm/drm_rect.h>

#include "transport/encode.h"

/* The largest requests fit into a command. */
static_assert(sizeof(struct virtio_gpu_set_scanout_blob) <= VIRTGPU_CMD_INLINE);
static_assert(sizeof(struct virtio_gpu_ctx_create) <= VIRTGPU_CMD_INLINE);
static_assert(sizeof(struct virtio_gpu_resource_create_3d) <= VIRTGPU_CMD_INLINE);
static_assert(sizeof(struct virtio_gpu_transfer_host_3d) <= VIRTGPU_CMD_INLINE);

static void virtgpu_rect_to_wire(struct virtio_gpu_rect *wire, const struct drm_rect *rect)
{
	wire->x = cpu_to_le32(rect->x1);
	wire->y = cpu_to_le32(rect->y1);
	wire->width = cpu_to_le32(drm_rect_width(rect));
	wire->height = cpu_to_le32(drm_rect_height(rect));
}

/* Sends a command and copies out its response of @size bytes. */
static int virtgpu_cmd_query(struct virtgpu_device *vg, struct virtgpu_cmd *cmd, u32 resp_type,
			     void *resp, u32 size)
{
	int ret;

	ret = virtgpu_cmd_alloc_resp(cmd, resp_type, size);
	if (ret) {
		virtgpu_cmd_put(vg, cmd);
		return ret;
	}

	virtgpu_cmd_get(cmd);
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
	virtgpu_queue_kick(&vg->transport->ctrl);
	ret = virtgpu_queue_wait(&vg->transport->ctrl, cmd);
	if (!ret)
		memcpy(resp, cmd->resp, size);
	virtgpu_cmd_put(vg, cmd);
	return ret;
}

/**
 * virtgpu_cmd_get_display_info - ask for the size and state of every head, and wait
 * @vg: the device
 * @info: filled on success
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_cmd_get_display_info(struct virtgpu_device *vg,
				 struct virtio_gpu_resp_display_info *info)
{
	struct virtgpu_cmd *cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
						    sizeof(struct virtio_gpu_ctrl_hdr));

	return virtgpu_cmd_query(vg, cmd, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, info, sizeof(*info));
}

/**
 * virtgpu_cmd_question - send a command that every host answers, to find out whether it is alive
 * @vg: the device
 *
 * Does not wait. Sends nothing if there is no room in the ring, or no memory.
 */
void virtgpu_cmd_question(struct virtgpu_device *vg)
{
	struct virtgpu_cmd *cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
						    sizeof(struct virtio_gpu_ctrl_hdr));

	if (virtgpu_cmd_alloc_resp(cmd, VIRTIO_GPU_RESP_OK_DISPLAY_INFO,
				   sizeof(struct virtio_gpu_resp_display_info))) {
		virtgpu_cmd_put(vg, cmd);
		return;
	}
	cmd->is_quiet = true;
	cmd->done = VIRTGPU_DONE_QUESTION;
	virtgpu_queue_ask(&vg->transport->ctrl, cmd);
}

/**
 * virtgpu_cmd_get_edid - ask for a head's EDID, and wait
 * @vg: the device
 * @scanout: the head
 * @edid: filled on success
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_cmd_get_edid(struct virtgpu_device *vg, u32 scanout,
			 struct virtio_gpu_resp_edid *edid)
{
	struct virtio_gpu_cmd_get_edid *req;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_GET_EDID, sizeof(*req));
	req = (void *)cmd->req;
	req->scanout = cpu_to_le32(scanout);
	return virtgpu_cmd_query(vg, cmd, VIRTIO_GPU_RESP_OK_EDID, edid, sizeof(*edid));
}

/**
 * virtgpu_cmd_resource_create_2d - create a host resource
 * @vg: the device
 * @id: its number
 * @format: its pixel format, in the protocol's numbers
 * @width: pixels
 * @height: pixels
 *
 * Returns: the command, to be submitted.
 */
struct virtgpu_cmd *virtgpu_cmd_resource_create_2d(struct virtgpu_device *vg, u32 id, u32 format,
						   u32 width, u32 height)
{
	struct virtio_gpu_resource_create_2d *req;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, sizeof(*req));
	req = (void *)cmd->req;
	req->resource_id = cpu_to_le32(id);
	req->format = cpu_to_le32(format);
	req->width = cpu_to_le32(width);
	req->height = cpu_to_le32(height);
	return cmd;
}

/**
 * virtgpu_cmd_attach_backing - tell the host the pages that back a resource
 * @vg: the device
 * @id: the resource
 * @entries: kvmalloc()ed list of pages; the command owns it from here
 * @count: number of entries
 *
 * Returns: the command, to be submitted.
 */
struct virtgpu_cmd *virtgpu_cmd_attach_backing(struct virtgpu_device *vg, u32 id,
					       struct virtio_gpu_mem_entry *entries, u32 count)
{
	struct virtio_gpu_resource_attach_backing *req;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, sizeof(*req));
	req = (void *)cmd->req;
	req->resource_id = cpu_to_le32(id);
	req->nr_entries = cpu_to_le32(count);
	cmd->payload = entries;
	cmd->payload_size = array_size(count, sizeof(*entries));
	return cmd;
}

/**
 * virtgpu_cmd_detach_backing - have the host forget a resource's pages
 * @vg: the device
 * @id: the resource
 * @bo: the buffer object whose reference is dropped when the host no longer uses the pages, or NULL
 *
 * It is no error if the resource has no backing.
 */
void virtgpu_cmd_detach_backing(struct virtgpu_device *vg, u32 id, struct virtgpu_bo *bo)
{
	struct virtio_gpu_resource_detach_backing *req;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, sizeof(*req));
	req = (void *)cmd->req;
	req->resource_id = cpu_to_le32(id);
	cmd->is_quiet = true;
	if (bo) {
		cmd->done = VIRTGPU_DONE_RESOURCE_DETACHED;
		cmd->data.bo = bo;
	}
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
}

/**
 * virtgpu_cmd_resource_unref - destroy a host resource; detaches its backing, too
 * @vg: the device
 * @id: the resource
 *
 * Returns: the command, to be submitted.
 */
struct virtgpu_cmd *virtgpu_cmd_resource_unref(struct virtgpu_device *vg, u32 id)
{
	struct virtio_gpu_resource_unref *req;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_RESOURCE_UNREF, sizeof(*req));
	req = (void *)cmd->req;
	req->resource_id = cpu_to_le32(id);
	return cmd;
}

/**
 * virtgpu_fill_transfer - write a TRANSFER_TO_HOST_2D request
 * @req: the request, type excepted
 * @id: the resource
 * @rect: pixels of the resource
 * @offset: bytes from the start of the backing to the first of these pixels
 */
void virtgpu_fill_transfer(struct virtio_gpu_transfer_to_host_2d *req, u32 id,
			   const struct drm_rect *rect, u64 offset)
{
	virtgpu_rect_to_wire(&req->r, rect);
	req->offset = cpu_to_le64(offset);
	req->resource_id = cpu_to_le32(id);
}

/**
 * virtgpu_cmd_transfer - copy pixels from the backing to the host
 * @vg: the device
 * @id: the resource
 * @rect: pixels of the resource
 * @offset: bytes from the start of the backing to the first of these pixels
 *
 * Returns: the command, to be submitted.
 */
struct virtgpu_cmd *virtgpu_cmd_transfer(struct virtgpu_device *vg, u32 id,
					 const struct drm_rect *rect, u64 offset)
{
	struct virtio_gpu_transfer_to_host_2d *req;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, sizeof(*req));
	req = (void *)cmd->req;
	virtgpu_fill_transfer(req, id, rect, offset);
	return cmd;
}

/**
 * virtgpu_cmd_set_scanout - show a part of a resource on a head
 * @vg: the device
 * @scanout: the head
 * @id: the resource, 0 switches the head off
 * @rect: pixels of the resource
 */
void virtgpu_cmd_set_scanout(struct virtgpu_device *vg, u32 scanout, u32 id,
			     const struct drm_rect *rect)
{
	struct virtio_gpu_set_scanout *req;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_SET_SCANOUT, sizeof(*req));
	req = (void *)cmd->req;
	virtgpu_rect_to_wire(&req->r, rect);
	req->scanout_id = cpu_to_le32(scanout);
	req->resource_id = cpu_to_le32(id);
	cmd->is_lazy = true;
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
}

/**
 * virtgpu_fill_flush - write a RESOURCE_FLUSH request
 * @req: the request, type excepted
 * @id: the resource
 * @rect: pixels of the resource
 */
void virtgpu_fill_flush(struct virtio_gpu_resource_flush *req, u32 id,
			const struct drm_rect *rect)
{
	virtgpu_rect_to_wire(&req->r, rect);
	req->resource_id = cpu_to_le32(id);
}

/**
 * virtgpu_cmd_flush - have the host redraw pixels on every head that shows them
 * @vg: the device
 * @id: the resource
 * @rect: pixels of the resource
 *
 * Returns: the command, to be submitted.
 */
struct virtgpu_cmd *virtgpu_cmd_flush(struct virtgpu_device *vg, u32 id,
				      const struct drm_rect *rect)
{
	struct virtio_gpu_resource_flush *req;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_RESOURCE_FLUSH, sizeof(*req));
	req = (void *)cmd->req;
	virtgpu_fill_flush(req, id, rect);
	return cmd;
}

/**
 * virtgpu_cmd_cursor - a command that moves a head's cursor or changes its image
 * @vg: the device
 * @type: %VIRTIO_GPU_CMD_UPDATE_CURSOR or %VIRTIO_GPU_CMD_MOVE_CURSOR
 * @cursor: the request, header excepted
 *
 * Returns: the command, for the cursor queue.
 */
struct virtgpu_cmd *virtgpu_cmd_cursor(struct virtgpu_device *vg, u32 type,
				       const struct virtio_gpu_update_cursor *cursor)
{
	struct virtio_gpu_update_cursor *req;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc(vg, type, sizeof(*req));
	req = (void *)cmd->req;
	req->pos = cursor->pos;
	req->resource_id = cursor->resource_id;
	req->hot_x = cursor->hot_x;
	req->hot_y = cursor->hot_y;
	/* Hosts return cursor commands without a response. */
	cmd->resp_type = 0;
	return cmd;
}

/**
 * virtgpu_cmd_get_capset_info - ask for a capset's id and size, and wait
 * @vg: the device
 * @index: counted from 0
 * @info: filled on success
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_cmd_get_capset_info(struct virtgpu_device *vg, u32 index,
				struct virtio_gpu_resp_capset_info *info)
{
	struct virtio_gpu_get_capset_info *req;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_GET_CAPSET_INFO, sizeof(*req));
	req = (void *)cmd->req;
	req->capset_index = cpu_to_le32(index);
	return virtgpu_cmd_query(vg, cmd, VIRTIO_GPU_RESP_OK_CAPSET_INFO, info, sizeof(*info));
}

/**
 * virtgpu_cmd_get_capset - ask for a capset, and wait
 * @vg: the device
 * @id: the capset
 * @version: of it
 * @data: filled on success
 * @size: bytes of the capset
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_cmd_get_capset(struct virtgpu_device *vg, u32 id, u32 version, void *data, u32 size)
{
	struct virtio_gpu_resp_capset *resp;
	struct virtio_gpu_get_capset *req;
	struct virtgpu_cmd *cmd;
	int ret;

	resp = kvzalloc_flex(*resp, capset_data, size);
	if (!resp)
		return -ENOMEM;
	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_GET_CAPSET, sizeof(*req));
	req = (void *)cmd->req;
	req->capset_id = cpu_to_le32(id);
	req->capset_version = cpu_to_le32(version);
	ret = virtgpu_cmd_query(vg, cmd, VIRTIO_GPU_RESP_OK_CAPSET, resp,
				struct_size(resp, capset_data, size));
	if (!ret)
		memcpy(data, resp->capset_data, size);
	kvfree(resp);
	return ret;
}

/* Allocates a command of a context. It is quiet, because its errors are mistakes of user space. */
static struct virtgpu_cmd *virtgpu_cmd_alloc_ctx(struct virtgpu_device *vg, u32 type, u32 size,
						 u32 ctx_id)
{
	struct virtgpu_cmd *cmd = virtgpu_cmd_alloc(vg, type, size);
	struct virtio_gpu_ctrl_hdr *hdr = (void *)cmd->req;

	hdr->ctx_id = cpu_to_le32(ctx_id);
	cmd->is_quiet = true;
	return cmd;
}

/**
 * virtgpu_cmd_ctx_create - make a context
 * @vg: the device
 * @id: its number
 * @capset: its kind, 0 for the host's default
 * @name: its name, shorter than the request's member
 * @ctx: the context, whose reference goes with the command
 */
void virtgpu_cmd_ctx_create(struct virtgpu_device *vg, u32 id, u32 capset, const char *name,
			    struct virtgpu_context *ctx)
{
	struct virtio_gpu_ctx_create *req;
	struct virtgpu_cmd *cmd;
	u32 len = strlen(name);

	cmd = virtgpu_cmd_alloc_ctx(vg, VIRTIO_GPU_CMD_CTX_CREATE, sizeof(*req), id);
	req = (void *)cmd->req;
	req->nlen = cpu_to_le32(len);
	req->context_init = cpu_to_le32(capset);
	memcpy(req->debug_name, name, len);
	cmd->done = VIRTGPU_DONE_CONTEXT_CREATED;
	cmd->data.ctx = ctx;
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
}

/**
 * virtgpu_cmd_ctx_destroy - destroy a context
 * @vg: the device
 * @id: its number
 * @done: what happens when the host has no context of that number any more
 * @ctx: the context
 */
void virtgpu_cmd_ctx_destroy(struct virtgpu_device *vg, u32 id, enum virtgpu_done done,
			     struct virtgpu_context *ctx)
{
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc_ctx(vg, VIRTIO_GPU_CMD_CTX_DESTROY,
				    sizeof(struct virtio_gpu_ctx_destroy), id);
	cmd->done = done;
	cmd->data.ctx = ctx;
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
	virtgpu_queue_kick(&vg->transport->ctrl);
}

/**
 * virtgpu_cmd_ctx_resource - let a context use a resource, or no longer
 * @vg: the device
 * @type: %VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE or %VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE
 * @ctx_id: the context
 * @id: the resource
 */
void virtgpu_cmd_ctx_resource(struct virtgpu_device *vg, u32 type, u32 ctx_id, u32 id)
{
	struct virtio_gpu_ctx_resource *req;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc_ctx(vg, type, sizeof(*req), ctx_id);
	req = (void *)cmd->req;
	req->resource_id = cpu_to_le32(id);
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
}

/**
 * virtgpu_cmd_resource_create_3d - create a host resource that the renderer draws to or reads
 * @vg: the device
 * @create: the request, header excepted
 *
 * Returns: the command, to be submitted.
 */
struct virtgpu_cmd *
virtgpu_cmd_resource_create_3d(struct virtgpu_device *vg,
			       const struct virtio_gpu_resource_create_3d *create)
{
	struct virtio_gpu_resource_create_3d *req;
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc_ctx(vg, VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, sizeof(*req), 0);
	req = (void *)cmd->req;
	hdr = req->hdr;
	*req = *create;
	req->hdr = hdr;
	return cmd;
}

/**
 * virtgpu_cmd_transfer_3d - copy a box between backing and host resource
 * @vg: the device
 * @type: %VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D or %VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D
 * @ctx_id: the context
 * @transfer: the request, header excepted
 *
 * Returns: the command, to be submitted.
 */
struct virtgpu_cmd *virtgpu_cmd_transfer_3d(struct virtgpu_device *vg, u32 type, u32 ctx_id,
					    const struct virtio_gpu_transfer_host_3d *transfer)
{
	struct virtio_gpu_transfer_host_3d *req;
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc_ctx(vg, type, sizeof(*req), ctx_id);
	req = (void *)cmd->req;
	hdr = req->hdr;
	*req = *transfer;
	req->hdr = hdr;
	return cmd;
}

/**
 * virtgpu_cmd_submit_3d - have a context execute a command stream
 * @vg: the device
 * @ctx_id: the context
 * @stream: user space's
 * @size: bytes of the stream
 *
 * Returns: the command, to be submitted; -EFAULT or -ENOMEM.
 */
struct virtgpu_cmd *virtgpu_cmd_submit_3d(struct virtgpu_device *vg, u32 ctx_id,
					  const void __user *stream, u32 size)
{
	struct virtio_gpu_cmd_submit *req;
	struct virtgpu_cmd *cmd;
	int ret = 0;

	cmd = virtgpu_cmd_alloc_ctx(vg, VIRTIO_GPU_CMD_SUBMIT_3D, sizeof(*req), ctx_id);
	req = (void *)cmd->req;
	req->size = cpu_to_le32(size);
	if (size <= sizeof(cmd->req) - sizeof(*req)) {
		/* Saves an allocation and a descriptor. */
		if (copy_from_user(req + 1, stream, size))
			ret = -EFAULT;
		cmd->size += size;
	} else {
		void *payload = vmemdup_user(stream, size);

		ret = PTR_ERR_OR_ZERO(payload);
		if (!ret) {
			cmd->payload = payload;
			cmd->payload_size = size;
		}
	}
	if (!ret)
		return cmd;

	virtgpu_cmd_put(vg, cmd);
	return ERR_PTR(ret);
}

/**
 * virtgpu_cmd_resource_create_blob - create a host resource that is plain memory
 * @vg: the device
 * @ctx_id: the context that knows the host's memory, or 0
 * @create: the request, header and number of entries excepted
 * @entries: kvmalloc()ed list of pages, or NULL; the command owns it from here
 * @count: number of entries
 *
 * Returns: the command, to be submitted.
 */
struct virtgpu_cmd *
virtgpu_cmd_resource_create_blob(struct virtgpu_device *vg, u32 ctx_id,
				 const struct virtio_gpu_resource_create_blob *create,
				 struct virtio_gpu_mem_entry *entries, u32 count)
{
	struct virtio_gpu_resource_create_blob *req;
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc_ctx(vg, VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, sizeof(*req), ctx_id);
	req = (void *)cmd->req;
	hdr = req->hdr;
	*req = *create;
	req->hdr = hdr;
	req->nr_entries = cpu_to_le32(count);
	cmd->payload = entries;
	cmd->payload_size = array_size(count, sizeof(*entries));
	return cmd;
}

/**
 * virtgpu_cmd_set_scanout_blob - show a part of a blob on a head
 * @vg: the device
 * @scanout: the request, header and rectangle excepted
 * @rect: pixels of the picture that the request describes
 */
void virtgpu_cmd_set_scanout_blob(struct virtgpu_device *vg,
				  const struct virtio_gpu_set_scanout_blob *scanout,
				  const struct drm_rect *rect)
{
	struct virtio_gpu_set_scanout_blob *req;
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, sizeof(*req));
	req = (void *)cmd->req;
	hdr = req->hdr;
	*req = *scanout;
	req->hdr = hdr;
	virtgpu_rect_to_wire(&req->r, rect);
	/* If the host cannot show blobs, that is no error: the pixels are copied. */
	cmd->is_quiet = true;
	cmd->done = VIRTGPU_DONE_SCANOUT;
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
}

/**
 * virtgpu_cmd_map_blob - have the host show a blob in the device's window
 * @vg: the device
 * @id: the blob
 * @offset: where in the window
 *
 * Returns: the command, whose response is a &struct virtio_gpu_resp_map_info, to be submitted; or
 * an error pointer.
 */
struct virtgpu_cmd *virtgpu_cmd_map_blob(struct virtgpu_device *vg, u32 id, u64 offset)
{
	struct virtio_gpu_resource_map_blob *req;
	struct virtgpu_cmd *cmd;
	int ret;

	cmd = virtgpu_cmd_alloc_ctx(vg, VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, sizeof(*req), 0);
	req = (void *)cmd->req;
	req->resource_id = cpu_to_le32(id);
	req->offset = cpu_to_le64(offset);
	ret = virtgpu_cmd_alloc_resp(cmd, VIRTIO_GPU_RESP_OK_MAP_INFO,
				     sizeof(struct virtio_gpu_resp_map_info));
	if (ret) {
		virtgpu_cmd_put(vg, cmd);
		return ERR_PTR(ret);
	}
	return cmd;
}

/**
 * virtgpu_cmd_unmap_blob - have the host unmap a blob from the device's window
 * @vg: the device
 * @id: the blob
 */
void virtgpu_cmd_unmap_blob(struct virtgpu_device *vg, u32 id)
{
	struct virtio_gpu_resource_unmap_blob *req;
	struct virtgpu_cmd *cmd;

	cmd = virtgpu_cmd_alloc_ctx(vg, VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, sizeof(*req), 0);
	req = (void *)cmd->req;
	req->resource_id = cpu_to_le32(id);
	virtgpu_queue_submit(&vg->transport->ctrl, cmd);
}

/**
 * virtgpu_cmd_assign_uuid - ask for the UUID by which other virtio devices know a resource, and
 * wait
 * @vg: the device
 * @id: the resource
 * @uuid: set on success
 *
 * Returns: 0 or a negative errno.
 */
int virtgpu_cmd_assign_uuid(struct virtgpu_device *vg, u32 id, uuid_t *uuid)
{
	struct virtio_gpu_resource_assign_uuid *req;
	struct virtio_gpu_resp_resource_uuid resp;
	struct virtgpu_cmd *cmd;
	int ret;

	cmd = virtgpu_cmd_alloc(vg, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, sizeof(*req));
	req = (void *)cmd->req;
	req->resource_id = cpu_to_le32(id);
	ret = virtgpu_cmd_query(vg, cmd, VIRTIO_GPU_RESP_OK_RESOURCE_UUID, &resp, sizeof(resp));
	if (!ret)
		import_uuid(uuid, resp.uuid);
	return ret;
}
