/* SPDX-License-Identifier: GPL-2.0 */
/* What Linux 6.12 does not know yet of the protocol and of the ioctls. */
#ifndef VIRTGPU_COMPAT_UAPI_H
#define VIRTGPU_COMPAT_UAPI_H

#include <linux/virtio_gpu.h>

#include <drm/virtgpu_drm.h>

#define VIRTIO_GPU_F_BLOB_ALIGNMENT	5

/**
 * struct virtgpu_compat_virtio_gpu_config - &struct virtio_gpu_config with its last member
 * @blob_alignment: bytes
 */
struct virtgpu_compat_virtio_gpu_config {
	struct virtio_gpu_config;
	__le32 blob_alignment;
};

#define virtio_gpu_config	virtgpu_compat_virtio_gpu_config

#define VIRTGPU_PARAM_BLOB_ALIGNMENT			9
#define DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING	0x0001

#define VIRTGPU_DRM_CAPSET_VIRGL		1
#define VIRTGPU_DRM_CAPSET_VIRGL2		2
#define VIRTGPU_DRM_CAPSET_GFXSTREAM_VULKAN	3
#define VIRTGPU_DRM_CAPSET_VENUS		4
#define VIRTGPU_DRM_CAPSET_CROSS_DOMAIN		5
#define VIRTGPU_DRM_CAPSET_DRM			6

/**
 * struct virtgpu_compat_create_blob - the kernel's struct with its last members
 * @blob_hints: hints
 * @pad2: not used
 */
struct virtgpu_compat_create_blob {
	struct drm_virtgpu_resource_create_blob;
	__u32 blob_hints;
	__u32 pad2;
};

#define drm_virtgpu_resource_create_blob	virtgpu_compat_create_blob

#endif
