// SPDX-License-Identifier: GPL-2.0
/* Prints all numbers of the uapi. The output must be the same as with the kernel's header. */
#include <stddef.h>
#include <stdio.h>

#include HEADER

#define NUMBER(name)	printf("%s %llu\n", #name, (unsigned long long)(name))
#define SIZE(type)	printf("%s %zu\n", #type, sizeof(struct type))
#define FIELD(type, field) \
	printf("%s.%s %zu %zu\n", #type, #field, offsetof(struct type, field), \
	       sizeof(((struct type *)0)->field))

int main(void)
{
	NUMBER(DRM_IOCTL_VIRTGPU_MAP);
	NUMBER(DRM_IOCTL_VIRTGPU_EXECBUFFER);
	NUMBER(DRM_IOCTL_VIRTGPU_GETPARAM);
	NUMBER(DRM_IOCTL_VIRTGPU_RESOURCE_CREATE);
	NUMBER(DRM_IOCTL_VIRTGPU_RESOURCE_INFO);
	NUMBER(DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST);
	NUMBER(DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST);
	NUMBER(DRM_IOCTL_VIRTGPU_WAIT);
	NUMBER(DRM_IOCTL_VIRTGPU_GET_CAPS);
	NUMBER(DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB);
	NUMBER(DRM_IOCTL_VIRTGPU_CONTEXT_INIT);
	NUMBER(VIRTGPU_PARAM_3D_FEATURES);
	NUMBER(VIRTGPU_PARAM_CAPSET_QUERY_FIX);
	NUMBER(VIRTGPU_PARAM_RESOURCE_BLOB);
	NUMBER(VIRTGPU_PARAM_HOST_VISIBLE);
	NUMBER(VIRTGPU_PARAM_CROSS_DEVICE);
	NUMBER(VIRTGPU_PARAM_CONTEXT_INIT);
	NUMBER(VIRTGPU_PARAM_SUPPORTED_CAPSET_IDs);
	NUMBER(VIRTGPU_PARAM_EXPLICIT_DEBUG_NAME);
	NUMBER(VIRTGPU_PARAM_BLOB_ALIGNMENT);
	NUMBER(VIRTGPU_WAIT_NOWAIT);
	NUMBER(VIRTGPU_EXECBUF_FLAGS);
	NUMBER(VIRTGPU_EXECBUF_SYNCOBJ_FLAGS);
	NUMBER(VIRTGPU_DRM_CAPSET_DRM);
	NUMBER(VIRTGPU_BLOB_MEM_GUEST);
	NUMBER(VIRTGPU_BLOB_MEM_HOST3D);
	NUMBER(VIRTGPU_BLOB_MEM_HOST3D_GUEST);
	NUMBER(VIRTGPU_BLOB_FLAG_USE_MAPPABLE);
	NUMBER(VIRTGPU_BLOB_FLAG_USE_SHAREABLE);
	NUMBER(VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE);
	NUMBER(DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING);
	NUMBER(VIRTGPU_CONTEXT_PARAM_CAPSET_ID);
	NUMBER(VIRTGPU_CONTEXT_PARAM_NUM_RINGS);
	NUMBER(VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK);
	NUMBER(VIRTGPU_CONTEXT_PARAM_DEBUG_NAME);
	NUMBER(VIRTGPU_EVENT_FENCE_SIGNALED);
	FIELD(drm_virtgpu_map, offset);
	FIELD(drm_virtgpu_map, handle);
	FIELD(drm_virtgpu_getparam, param);
	FIELD(drm_virtgpu_getparam, value);
	FIELD(drm_virtgpu_resource_create, target);
	FIELD(drm_virtgpu_resource_create, format);
	FIELD(drm_virtgpu_resource_create, bind);
	FIELD(drm_virtgpu_resource_create, width);
	FIELD(drm_virtgpu_resource_create, height);
	FIELD(drm_virtgpu_resource_create, depth);
	FIELD(drm_virtgpu_resource_create, array_size);
	FIELD(drm_virtgpu_resource_create, last_level);
	FIELD(drm_virtgpu_resource_create, nr_samples);
	FIELD(drm_virtgpu_resource_create, flags);
	FIELD(drm_virtgpu_resource_create, bo_handle);
	FIELD(drm_virtgpu_resource_create, res_handle);
	FIELD(drm_virtgpu_resource_create, size);
	FIELD(drm_virtgpu_resource_create, stride);
	FIELD(drm_virtgpu_resource_info, bo_handle);
	FIELD(drm_virtgpu_resource_info, res_handle);
	FIELD(drm_virtgpu_resource_info, size);
	FIELD(drm_virtgpu_resource_info, blob_mem);
	FIELD(drm_virtgpu_3d_box, x);
	FIELD(drm_virtgpu_3d_box, y);
	FIELD(drm_virtgpu_3d_box, z);
	FIELD(drm_virtgpu_3d_box, w);
	FIELD(drm_virtgpu_3d_box, h);
	FIELD(drm_virtgpu_3d_box, d);
	FIELD(drm_virtgpu_3d_transfer_to_host, bo_handle);
	FIELD(drm_virtgpu_3d_transfer_to_host, box);
	FIELD(drm_virtgpu_3d_transfer_to_host, level);
	FIELD(drm_virtgpu_3d_transfer_to_host, offset);
	FIELD(drm_virtgpu_3d_transfer_to_host, stride);
	FIELD(drm_virtgpu_3d_transfer_to_host, layer_stride);
	FIELD(drm_virtgpu_3d_transfer_from_host, bo_handle);
	FIELD(drm_virtgpu_3d_transfer_from_host, box);
	FIELD(drm_virtgpu_3d_transfer_from_host, level);
	FIELD(drm_virtgpu_3d_transfer_from_host, offset);
	FIELD(drm_virtgpu_3d_transfer_from_host, stride);
	FIELD(drm_virtgpu_3d_transfer_from_host, layer_stride);
	FIELD(drm_virtgpu_3d_wait, handle);
	FIELD(drm_virtgpu_3d_wait, flags);
	FIELD(drm_virtgpu_get_caps, cap_set_id);
	FIELD(drm_virtgpu_get_caps, cap_set_ver);
	FIELD(drm_virtgpu_get_caps, addr);
	FIELD(drm_virtgpu_get_caps, size);
	FIELD(drm_virtgpu_execbuffer_syncobj, handle);
	FIELD(drm_virtgpu_execbuffer_syncobj, flags);
	FIELD(drm_virtgpu_execbuffer_syncobj, point);
	SIZE(drm_virtgpu_execbuffer_syncobj);
	FIELD(drm_virtgpu_execbuffer, flags);
	FIELD(drm_virtgpu_execbuffer, size);
	FIELD(drm_virtgpu_execbuffer, command);
	FIELD(drm_virtgpu_execbuffer, bo_handles);
	FIELD(drm_virtgpu_execbuffer, num_bo_handles);
	FIELD(drm_virtgpu_execbuffer, fence_fd);
	FIELD(drm_virtgpu_execbuffer, ring_idx);
	FIELD(drm_virtgpu_execbuffer, syncobj_stride);
	FIELD(drm_virtgpu_execbuffer, num_in_syncobjs);
	FIELD(drm_virtgpu_execbuffer, num_out_syncobjs);
	FIELD(drm_virtgpu_execbuffer, in_syncobjs);
	FIELD(drm_virtgpu_execbuffer, out_syncobjs);
	FIELD(drm_virtgpu_resource_create_blob, blob_mem);
	FIELD(drm_virtgpu_resource_create_blob, blob_flags);
	FIELD(drm_virtgpu_resource_create_blob, bo_handle);
	FIELD(drm_virtgpu_resource_create_blob, res_handle);
	FIELD(drm_virtgpu_resource_create_blob, size);
	FIELD(drm_virtgpu_resource_create_blob, cmd_size);
	FIELD(drm_virtgpu_resource_create_blob, cmd);
	FIELD(drm_virtgpu_resource_create_blob, blob_id);
	FIELD(drm_virtgpu_resource_create_blob, blob_hints);
	FIELD(drm_virtgpu_context_set_param, param);
	FIELD(drm_virtgpu_context_set_param, value);
	SIZE(drm_virtgpu_context_set_param);
	FIELD(drm_virtgpu_context_init, num_params);
	FIELD(drm_virtgpu_context_init, ctx_set_params);
	return 0;
}
