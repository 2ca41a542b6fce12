// SPDX-License-Identifier: GPL-2.0
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "../../uapi/virtgpu_drm.h"
#include "ioctls.h"

#define SIZE(type, member)	sizeof(((struct type *)0)->member)
#define AT(type, member)	offsetof(struct type, member), SIZE(type, member)
#define F(type, member, kind)	{ AT(type, member), KIND_##kind }
#define HANDS_OUT(type, member, thing)	{ AT(type, member), thing }

#define VIRTGPU(NAME, name, ...) \
	{ "VIRTGPU_" #NAME, DRM_IOCTL_VIRTGPU_##NAME, __VA_ARGS__ }
#define CORE(NAME, ...)	{ #NAME, DRM_IOCTL_##NAME, __VA_ARGS__ }

#define MAX_PROPERTIES	12

/* Limits textures so that guest and host do not run out of memory. */
static void limit_texture(struct actor *actor, const struct drm_file_slot *file,
			  const struct call *call, void *args)
{
	struct drm_virtgpu_resource_create *create = args;
	double texels = (double)create->width * create->height * (create->depth ?: 1) *
			(create->array_size ?: 1) * (create->nr_samples ?: 1);

	(void)actor;
	(void)file;
	(void)call;
	create->size = world_limit(create->size);
	if (texels > 1 << 20 && texels < 1ull << 40) {
		create->width &= 127;
		create->height &= 127;
		create->depth &= 7;
		create->array_size &= 7;
		create->nr_samples &= 7;
	}
}

static void limit_blob(struct actor *actor, const struct drm_file_slot *file,
		       const struct call *call, void *args)
{
	struct drm_virtgpu_resource_create_blob *create = args;

	(void)actor;
	(void)file;
	create->size = world_limit(create->size);
	/* Usually whole pages, and usually no command for the renderer. */
	if (call->word[10] % 8)
		create->size &= ~4095ull;
	if (call->word[11] % 8)
		create->cmd_size &= 252;
}

static void limit_dumb(struct actor *actor, const struct drm_file_slot *file,
		       const struct call *call, void *args)
{
	struct drm_mode_create_dumb *create = args;
	uint64_t size = (uint64_t)create->width * create->height * (create->bpp / 8 + 1);

	(void)actor;
	(void)file;
	(void)call;
	if (size && world_limit(size) != size) {
		create->width &= 127;
		create->height &= 127;
		create->bpp &= 63;
	}
}

/* Usually limits the length of the stream and of the lists. */
static void limit_stream(struct actor *actor, const struct drm_file_slot *file,
			 const struct call *call, void *args)
{
	struct drm_virtgpu_execbuffer *exec = args;

	(void)actor;
	(void)file;
	if (call->word[12] % 16)
		exec->size &= 252;
	if (call->word[13] % 16)
		exec->ring_idx &= 63;
}

/*
 * The kernel's syncobj code allocates lists of any length, and warns if the allocation fails. That is
 * the same for all drivers, so long lists are left out here.
 */
static uint32_t limit_count(uint32_t count)
{
	return count & 0xff;
}

static void limit_syncobjs(struct actor *actor, const struct drm_file_slot *file,
			   const struct call *call, void *args)
{
	struct drm_syncobj_array *array = args;

	(void)actor;
	(void)file;
	(void)call;
	array->count_handles = limit_count(array->count_handles);
}

static void limit_waits(struct actor *actor, const struct drm_file_slot *file,
			const struct call *call, void *args)
{
	struct drm_syncobj_wait *wait = args;

	(void)actor;
	(void)file;
	(void)call;
	wait->count_handles = limit_count(wait->count_handles);
}

static void limit_points(struct actor *actor, const struct drm_file_slot *file,
			 const struct call *call, void *args)
{
	struct drm_syncobj_timeline_array *array = args;

	(void)actor;
	(void)file;
	(void)call;
	array->count_handles = limit_count(array->count_handles);
}

static void limit_point_waits(struct actor *actor, const struct drm_file_slot *file,
			      const struct call *call, void *args)
{
	struct drm_syncobj_timeline_wait *wait = args;

	(void)actor;
	(void)file;
	(void)call;
	wait->count_handles = limit_count(wait->count_handles);
}

/* Usually makes a valid framebuffer: one object, and the pitch of its width. */
static void sensible_fb(struct actor *actor, const struct drm_file_slot *file,
			const struct call *call, void *args)
{
	struct drm_mode_fb_cmd2 *fb = args;

	(void)actor;
	(void)file;
	if (call->word[11] % 8)
		fb->pitches[0] = fb->width * 4;
	if (call->word[12] % 8)
		fb->offsets[0] = 0;
	if (call->word[13] % 8)
		fb->flags = fb->handles[1] = 0;
}

struct property_list {
	uint32_t objects[MAX_PROPERTIES];
	uint32_t counts[MAX_PROPERTIES];
	uint32_t ids[MAX_PROPERTIES];
	uint64_t values[MAX_PROPERTIES];
	unsigned int num_objects, num_properties;
};

static void add_object(struct property_list *list, uint32_t object)
{
	list->objects[list->num_objects] = object;
	list->counts[list->num_objects++] = 0;
}

static void add_property(struct property_list *list, uint32_t id, uint64_t value)
{
	if (!id || list->num_properties == MAX_PROPERTIES)
		return;
	list->ids[list->num_properties] = id;
	list->values[list->num_properties++] = value;
	list->counts[list->num_objects - 1]++;
}

static void add_plane(struct property_list *list, struct actor *actor,
		      const struct drm_file_slot *file, struct dice *dice)
{
	uint32_t size = value_of(actor, file, KIND_LENGTH, roll(dice, 1 << 16));
	const typeof(world.properties) *ids = &world.properties;

	add_object(list, world_part(PART_PLANE, roll(dice, WORLD_PARTS)));
	add_property(list, ids->fb, value_of(actor, file, KIND_FB, roll(dice, 1 << 16)));
	add_property(list, ids->crtc, value_of(actor, file, KIND_CRTC, roll(dice, 1 << 16)));
	add_property(list, ids->crtc_w, size);
	add_property(list, ids->crtc_h, size);
	add_property(list, ids->src_w, (uint64_t)size << 16);
	add_property(list, ids->src_h, (uint64_t)size << 16);
	if (!roll(dice, 2))
		add_property(list, ids->crtc_x, value_of(actor, file, KIND_LENGTH,
							 roll(dice, 1 << 16)));
	if (!roll(dice, 2))
		add_property(list, ids->clips, value_of(actor, file, KIND_BLOB_ID,
							roll(dice, 1 << 16)));
	if (!roll(dice, 4))
		add_property(list, ids->in_fence, value_of(actor, file, KIND_FD,
							   roll(dice, 1 << 16)));
}

static void add_head(struct property_list *list, struct actor *actor,
		     const struct drm_file_slot *file, struct dice *dice)
{
	uint32_t crtc = world_part(PART_CRTC, roll(dice, WORLD_PARTS));
	const typeof(world.properties) *ids = &world.properties;

	add_object(list, crtc);
	add_property(list, ids->active, roll(dice, 4) ? 1 : 0);
	add_property(list, ids->mode, value_of(actor, file, KIND_BLOB_ID, roll(dice, 1 << 16)));
	if (!roll(dice, 4))
		add_property(list, ids->out_fence, value_of(actor, file, KIND_TO_OUTPUT,
							    roll(dice, 1 << 16)));
	add_object(list, world_part(PART_CONNECTOR, roll(dice, WORLD_PARTS)));
	add_property(list, ids->connector_crtc, roll(dice, 4) ? crtc : 0);
}

static void any_commit(struct actor *actor, const struct drm_file_slot *file,
		       const struct call *call, void *args)
{
	struct property_list *list = scratch(actor, sizeof(*list));
	struct drm_mode_atomic *atomic = args;
	struct dice hash = dice(call->word[1]);

	memset(list, 0, sizeof(*list));
	if (!roll(&hash, 4))
		add_head(list, actor, file, &hash);
	add_plane(list, actor, file, &hash);
	if (!roll(&hash, 4)) {
		add_object(list, value_of(actor, file, KIND_OBJECT, roll(&hash, 1 << 16)));
		add_property(list, value_of(actor, file, KIND_PROPERTY, roll(&hash, 1 << 16)),
			     value_of(actor, file, KIND_SMALL, roll(&hash, 1 << 16)));
	}
	atomic->count_objs = list->num_objects;
	atomic->objs_ptr = (uintptr_t)list->objects;
	atomic->count_props_ptr = (uintptr_t)list->counts;
	atomic->props_ptr = (uintptr_t)list->ids;
	atomic->prop_values_ptr = (uintptr_t)list->values;
	atomic->reserved = 0;
}

static void mode_of_crtc(struct actor *actor, const struct drm_file_slot *file,
			 const struct call *call, void *args)
{
	struct drm_mode_crtc *crtc = args;

	(void)actor;
	(void)file;
	memcpy(&crtc->mode, world.mode, sizeof(crtc->mode));
	crtc->mode_valid = call->word[6] % 4 ? 1 : call->word[6];
	if (call->word[7] % 4)
		crtc->count_connectors = crtc->mode_valid;
}

/* Usually makes a mode or clips, with the correct size. */
static void sensible_blob(struct actor *actor, const struct drm_file_slot *file,
			  const struct call *call, void *args)
{
	struct drm_mode_create_blob *blob = args;

	(void)actor;
	(void)file;
	if (call->word[2] % 16 == 0)
		return;
	if (call->word[2] % 2) {
		blob->data = value_of(actor, file, KIND_TO_MODE, call->word[0]);
		blob->length = sizeof(struct drm_mode_modeinfo);
	} else {
		blob->length = sizeof(struct drm_mode_rect) * (1 + call->word[2] % 4);
	}
}

/* The corpus refers to operations by their index, so append new ones at the end. */
const struct ioctl_op ioctl_ops[] = {
	VIRTGPU(MAP, map, 2, {
			F(drm_virtgpu_map, handle, BO), F(drm_virtgpu_map, pad, ZERO) },
		HANDS_OUT(drm_virtgpu_map, offset, THING_OFFSET), NULL),
	VIRTGPU(EXECBUFFER, execbuffer, 8, {
			F(drm_virtgpu_execbuffer, flags, EXEC_FLAGS),
			F(drm_virtgpu_execbuffer, size, BYTES),
			F(drm_virtgpu_execbuffer, command, TO_STREAM),
			F(drm_virtgpu_execbuffer, bo_handles, TO_BOS),
			F(drm_virtgpu_execbuffer, num_bo_handles, COUNT),
			F(drm_virtgpu_execbuffer, fence_fd, FD),
			F(drm_virtgpu_execbuffer, ring_idx, SMALL),
			F(drm_virtgpu_execbuffer, syncobj_stride, STRIDE_OF_SYNCOBJS),
			F(drm_virtgpu_execbuffer, num_in_syncobjs, COUNT),
			F(drm_virtgpu_execbuffer, num_out_syncobjs, COUNT),
			F(drm_virtgpu_execbuffer, in_syncobjs, TO_EXEC_SYNCOBJS),
			F(drm_virtgpu_execbuffer, out_syncobjs, TO_EXEC_SYNCOBJS) },
		HANDS_OUT(drm_virtgpu_execbuffer, fence_fd, THINGS), limit_stream),
	VIRTGPU(GETPARAM, getparam, 1, {
			F(drm_virtgpu_getparam, param, PARAM),
			F(drm_virtgpu_getparam, value, TO_OUTPUT) }, {}, NULL),
	VIRTGPU(RESOURCE_CREATE, resource_create, 6, {
			F(drm_virtgpu_resource_create, target, TARGET),
			F(drm_virtgpu_resource_create, format, FORMAT),
			F(drm_virtgpu_resource_create, bind, BIND),
			F(drm_virtgpu_resource_create, width, LENGTH),
			F(drm_virtgpu_resource_create, height, LENGTH),
			F(drm_virtgpu_resource_create, depth, COUNT),
			F(drm_virtgpu_resource_create, array_size, COUNT),
			F(drm_virtgpu_resource_create, last_level, COUNT),
			F(drm_virtgpu_resource_create, nr_samples, COUNT),
			F(drm_virtgpu_resource_create, flags, BITS),
			F(drm_virtgpu_resource_create, size, BYTES),
			F(drm_virtgpu_resource_create, stride, BYTES) },
		HANDS_OUT(drm_virtgpu_resource_create, bo_handle, THING_BO), limit_texture),
	VIRTGPU(RESOURCE_INFO, resource_info, 2, {
			F(drm_virtgpu_resource_info, bo_handle, BO) }, {}, NULL),
	VIRTGPU(TRANSFER_FROM_HOST, transfer_from_host, 4, {
			F(drm_virtgpu_3d_transfer_from_host, bo_handle, BO),
			F(drm_virtgpu_3d_transfer_from_host, box.x, SMALL),
			F(drm_virtgpu_3d_transfer_from_host, box.y, SMALL),
			F(drm_virtgpu_3d_transfer_from_host, box.z, ZERO),
			F(drm_virtgpu_3d_transfer_from_host, box.w, LENGTH),
			F(drm_virtgpu_3d_transfer_from_host, box.h, LENGTH),
			F(drm_virtgpu_3d_transfer_from_host, box.d, COUNT),
			F(drm_virtgpu_3d_transfer_from_host, level, ZERO),
			F(drm_virtgpu_3d_transfer_from_host, offset, ZERO),
			F(drm_virtgpu_3d_transfer_from_host, stride, ZERO),
			F(drm_virtgpu_3d_transfer_from_host, layer_stride, ZERO) }, {}, NULL),
	VIRTGPU(TRANSFER_TO_HOST, transfer_to_host, 4, {
			F(drm_virtgpu_3d_transfer_to_host, bo_handle, BO),
			F(drm_virtgpu_3d_transfer_to_host, box.x, SMALL),
			F(drm_virtgpu_3d_transfer_to_host, box.y, SMALL),
			F(drm_virtgpu_3d_transfer_to_host, box.z, ZERO),
			F(drm_virtgpu_3d_transfer_to_host, box.w, LENGTH),
			F(drm_virtgpu_3d_transfer_to_host, box.h, LENGTH),
			F(drm_virtgpu_3d_transfer_to_host, box.d, COUNT),
			F(drm_virtgpu_3d_transfer_to_host, level, ZERO),
			F(drm_virtgpu_3d_transfer_to_host, offset, ZERO),
			F(drm_virtgpu_3d_transfer_to_host, stride, ZERO),
			F(drm_virtgpu_3d_transfer_to_host, layer_stride, ZERO) }, {}, NULL),
	VIRTGPU(WAIT, 3d_wait, 2, {
			F(drm_virtgpu_3d_wait, handle, BO), F(drm_virtgpu_3d_wait, flags, BITS) },
		{}, NULL),
	VIRTGPU(GET_CAPS, get_caps, 2, {
			F(drm_virtgpu_get_caps, cap_set_id, CAPSET),
			F(drm_virtgpu_get_caps, cap_set_ver, SMALL),
			F(drm_virtgpu_get_caps, addr, TO_OUTPUT),
			F(drm_virtgpu_get_caps, size, LENGTH) }, {}, NULL),
	VIRTGPU(RESOURCE_CREATE_BLOB, resource_create_blob, 6, {
			F(drm_virtgpu_resource_create_blob, blob_mem, BLOB_MEM),
			F(drm_virtgpu_resource_create_blob, blob_flags, BITS),
			F(drm_virtgpu_resource_create_blob, size, BYTES),
			F(drm_virtgpu_resource_create_blob, pad, ZERO),
			F(drm_virtgpu_resource_create_blob, cmd_size, BYTES),
			F(drm_virtgpu_resource_create_blob, cmd, TO_STREAM),
			F(drm_virtgpu_resource_create_blob, blob_id, SMALL),
			F(drm_virtgpu_resource_create_blob, blob_hints, ZERO),
			F(drm_virtgpu_resource_create_blob, pad2, ZERO) },
		HANDS_OUT(drm_virtgpu_resource_create_blob, bo_handle, THING_BO), limit_blob),
	VIRTGPU(CONTEXT_INIT, context_init, 4, {
			F(drm_virtgpu_context_init, num_params, COUNT),
			F(drm_virtgpu_context_init, pad, ZERO),
			F(drm_virtgpu_context_init, ctx_set_params, TO_CONTEXT_PARAMS) },
		{}, NULL),

	CORE(GEM_CLOSE, 3, { F(drm_gem_close, handle, BO) }, {}, NULL),
	CORE(GEM_FLINK, 1, { F(drm_gem_flink, handle, BO) }, {}, NULL),
	CORE(GEM_OPEN, 1, { F(drm_gem_open, name, SMALL) },
	     HANDS_OUT(drm_gem_open, handle, THING_BO), NULL),
	CORE(PRIME_HANDLE_TO_FD, 3, {
			F(drm_prime_handle, handle, BO), F(drm_prime_handle, flags, BITS) },
	     HANDS_OUT(drm_prime_handle, fd, THINGS), NULL),
	CORE(PRIME_FD_TO_HANDLE, 3, {
			F(drm_prime_handle, fd, FD), F(drm_prime_handle, flags, ZERO) },
	     HANDS_OUT(drm_prime_handle, handle, THING_BO), NULL),
	CORE(SET_MASTER, 1, { }, {}, NULL),
	CORE(DROP_MASTER, 1, { }, {}, NULL),
	CORE(SET_CLIENT_CAP, 3, {
			F(drm_set_client_cap, capability, CLIENT_CAP),
			F(drm_set_client_cap, value, COUNT) }, {}, NULL),

	CORE(SYNCOBJ_CREATE, 4, { F(drm_syncobj_create, flags, COUNT) },
	     HANDS_OUT(drm_syncobj_create, handle, THING_SYNCOBJ), NULL),
	CORE(SYNCOBJ_DESTROY, 1, { F(drm_syncobj_destroy, handle, SYNCOBJ) }, {}, NULL),
	CORE(SYNCOBJ_HANDLE_TO_FD, 1, {
			F(drm_syncobj_handle, handle, SYNCOBJ),
			F(drm_syncobj_handle, flags, COUNT) },
	     HANDS_OUT(drm_syncobj_handle, fd, THINGS), NULL),
	CORE(SYNCOBJ_FD_TO_HANDLE, 1, {
			F(drm_syncobj_handle, fd, FD), F(drm_syncobj_handle, handle, SYNCOBJ),
			F(drm_syncobj_handle, flags, COUNT) },
	     HANDS_OUT(drm_syncobj_handle, handle, THING_SYNCOBJ), NULL),
	CORE(SYNCOBJ_WAIT, 1, {
			F(drm_syncobj_wait, handles, TO_SYNCOBJS),
			F(drm_syncobj_wait, timeout_nsec, TIMEOUT),
			F(drm_syncobj_wait, count_handles, COUNT),
			F(drm_syncobj_wait, flags, BITS) }, {}, limit_waits),
	CORE(SYNCOBJ_RESET, 1, {
			F(drm_syncobj_array, handles, TO_SYNCOBJS),
			F(drm_syncobj_array, count_handles, COUNT) }, {}, limit_syncobjs),
	CORE(SYNCOBJ_SIGNAL, 1, {
			F(drm_syncobj_array, handles, TO_SYNCOBJS),
			F(drm_syncobj_array, count_handles, COUNT) }, {}, limit_syncobjs),
	CORE(SYNCOBJ_TIMELINE_WAIT, 1, {
			F(drm_syncobj_timeline_wait, handles, TO_SYNCOBJS),
			F(drm_syncobj_timeline_wait, points, TO_NUMBERS),
			F(drm_syncobj_timeline_wait, timeout_nsec, TIMEOUT),
			F(drm_syncobj_timeline_wait, count_handles, COUNT),
			F(drm_syncobj_timeline_wait, flags, BITS) }, {}, limit_point_waits),
	CORE(SYNCOBJ_TRANSFER, 1, {
			F(drm_syncobj_transfer, src_handle, SYNCOBJ),
			F(drm_syncobj_transfer, dst_handle, SYNCOBJ),
			F(drm_syncobj_transfer, src_point, SMALL),
			F(drm_syncobj_transfer, dst_point, SMALL),
			F(drm_syncobj_transfer, flags, BITS) }, {}, NULL),
	CORE(SYNCOBJ_TIMELINE_SIGNAL, 1, {
			F(drm_syncobj_timeline_array, handles, TO_SYNCOBJS),
			F(drm_syncobj_timeline_array, points, TO_NUMBERS),
			F(drm_syncobj_timeline_array, count_handles, COUNT) }, {}, limit_points),

	CORE(MODE_CREATE_DUMB, 6, {
			F(drm_mode_create_dumb, height, LENGTH),
			F(drm_mode_create_dumb, width, LENGTH), F(drm_mode_create_dumb, bpp, BPP),
			F(drm_mode_create_dumb, flags, ZERO) },
	     HANDS_OUT(drm_mode_create_dumb, handle, THING_BO), limit_dumb),
	CORE(MODE_MAP_DUMB, 2, { F(drm_mode_map_dumb, handle, BO) },
	     HANDS_OUT(drm_mode_map_dumb, offset, THING_OFFSET), NULL),
	CORE(MODE_DESTROY_DUMB, 1, { F(drm_mode_destroy_dumb, handle, BO) }, {}, NULL),
	CORE(MODE_ADDFB2, 5, {
			F(drm_mode_fb_cmd2, width, LENGTH), F(drm_mode_fb_cmd2, height, LENGTH),
			F(drm_mode_fb_cmd2, pixel_format, FOURCC), F(drm_mode_fb_cmd2, flags, BITS),
			F(drm_mode_fb_cmd2, handles[0], BO), F(drm_mode_fb_cmd2, handles[1], BO),
			F(drm_mode_fb_cmd2, pitches[0], BYTES),
			F(drm_mode_fb_cmd2, offsets[0], BYTES) },
	     HANDS_OUT(drm_mode_fb_cmd2, fb_id, THING_FB), sensible_fb),
	CORE(MODE_RMFB, 1, { { 0, 4, KIND_FB } }, {}, NULL),
	CORE(MODE_DIRTYFB, 2, {
			F(drm_mode_fb_dirty_cmd, fb_id, FB), F(drm_mode_fb_dirty_cmd, flags, ZERO),
			F(drm_mode_fb_dirty_cmd, num_clips, COUNT),
			F(drm_mode_fb_dirty_cmd, clips_ptr, TO_CLIPS) }, {}, NULL),
	CORE(MODE_SETCRTC, 1, {
			F(drm_mode_crtc, set_connectors_ptr, TO_CONNECTORS),
			F(drm_mode_crtc, count_connectors, COUNT), F(drm_mode_crtc, crtc_id, CRTC),
			F(drm_mode_crtc, fb_id, FB), F(drm_mode_crtc, x, ZERO),
			F(drm_mode_crtc, y, ZERO) }, {}, mode_of_crtc),
	CORE(MODE_PAGE_FLIP, 2, {
			F(drm_mode_crtc_page_flip, crtc_id, CRTC),
			F(drm_mode_crtc_page_flip, fb_id, FB),
			F(drm_mode_crtc_page_flip, flags, FLIP_FLAGS) }, {}, NULL),
	CORE(MODE_CURSOR2, 3, {
			F(drm_mode_cursor2, flags, CURSOR_FLAGS),
			F(drm_mode_cursor2, crtc_id, CRTC),
			F(drm_mode_cursor2, x, LENGTH), F(drm_mode_cursor2, y, LENGTH),
			F(drm_mode_cursor2, width, LENGTH), F(drm_mode_cursor2, height, LENGTH),
			F(drm_mode_cursor2, handle, BO), F(drm_mode_cursor2, hot_x, SMALL),
			F(drm_mode_cursor2, hot_y, SMALL) }, {}, NULL),
	CORE(MODE_SETPLANE, 1, {
			F(drm_mode_set_plane, plane_id, PLANE),
			F(drm_mode_set_plane, crtc_id, CRTC),
			F(drm_mode_set_plane, fb_id, FB), F(drm_mode_set_plane, flags, ZERO),
			F(drm_mode_set_plane, crtc_x, ZERO), F(drm_mode_set_plane, crtc_y, ZERO),
			F(drm_mode_set_plane, crtc_w, LENGTH),
			F(drm_mode_set_plane, crtc_h, LENGTH),
			F(drm_mode_set_plane, src_x, FIXED_POINT),
			F(drm_mode_set_plane, src_y, FIXED_POINT),
			F(drm_mode_set_plane, src_w, FIXED_POINT),
			F(drm_mode_set_plane, src_h, FIXED_POINT) }, {}, NULL),
	CORE(MODE_ATOMIC, 4, { F(drm_mode_atomic, flags, ATOMIC_FLAGS) }, {}, any_commit),
	CORE(MODE_CREATEPROPBLOB, 3, {
			F(drm_mode_create_blob, data, TO_CLIPS),
			F(drm_mode_create_blob, length, BYTES) },
	     HANDS_OUT(drm_mode_create_blob, blob_id, THING_BLOB), sensible_blob),
	CORE(MODE_DESTROYPROPBLOB, 1, { F(drm_mode_destroy_blob, blob_id, BLOB_ID) }, {}, NULL),
	CORE(MODE_OBJ_SETPROPERTY, 1, {
			F(drm_mode_obj_set_property, value, SMALL),
			F(drm_mode_obj_set_property, prop_id, PROPERTY),
			F(drm_mode_obj_set_property, obj_id, OBJECT),
			F(drm_mode_obj_set_property, obj_type, OBJECT_TYPE) }, {}, NULL),
	CORE(MODE_OBJ_GETPROPERTIES, 1, {
			F(drm_mode_obj_get_properties, props_ptr, TO_OUTPUT),
			F(drm_mode_obj_get_properties, prop_values_ptr, TO_OUTPUT),
			F(drm_mode_obj_get_properties, count_props, SMALL),
			F(drm_mode_obj_get_properties, obj_id, OBJECT),
			F(drm_mode_obj_get_properties, obj_type, OBJECT_TYPE) }, {}, NULL),
	CORE(MODE_GETCONNECTOR, 1, {
			F(drm_mode_get_connector, modes_ptr, TO_OUTPUT),
			F(drm_mode_get_connector, count_modes, SMALL),
			F(drm_mode_get_connector, connector_id, CONNECTOR) }, {}, NULL),
	CORE(MODE_GETFB2, 1, { F(drm_mode_fb_cmd2, fb_id, FB) },
	     HANDS_OUT(drm_mode_fb_cmd2, handles[0], THING_BO), NULL),
	CORE(WAIT_VBLANK, 1, {
			{ 0, 4, KIND_SMALL }, { 4, 4, KIND_COUNT }, { 8, 8, KIND_SMALL } },
	     {}, NULL),
	CORE(CRTC_QUEUE_SEQUENCE, 1, {
			F(drm_crtc_queue_sequence, crtc_id, CRTC),
			F(drm_crtc_queue_sequence, flags, BITS),
			F(drm_crtc_queue_sequence, sequence, SMALL),
			F(drm_crtc_queue_sequence, user_data, SMALL) }, {}, NULL),
	CORE(CRTC_GET_SEQUENCE, 1, { F(drm_crtc_get_sequence, crtc_id, CRTC) }, {}, NULL),
	CORE(MODE_CREATE_LEASE, 1, {
			F(drm_mode_create_lease, object_ids, TO_CONNECTORS),
			F(drm_mode_create_lease, object_count, COUNT),
			F(drm_mode_create_lease, flags, ZERO) },
	     HANDS_OUT(drm_mode_create_lease, fd, THINGS), NULL),
};

const unsigned int num_ioctl_ops = sizeof(ioctl_ops) / sizeof(*ioctl_ops);
