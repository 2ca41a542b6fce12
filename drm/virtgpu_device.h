/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_DEVICE_H
#define VIRTGPU_DEVICE_H

#include <drm/drm_device.h>

struct virtgpu_device;
struct virtgpu_display;
struct virtgpu_memory;
struct virtgpu_recovery;
struct virtgpu_render;
struct virtgpu_transport;
struct virtio_device;
struct workqueue_struct;

/* User space (Mesa, libdrm, IGT) looks the driver up by this name. */
#define VIRTGPU_DRIVER_NAME	"virtio_gpu"

/**
 * struct virtgpu_trouble_ops - what a part says of a device that seems to be in trouble
 * @ask: a wait has timed out: find out whether the device is alive. Does not sleep
 * @reset: nothing but a reset helps; the string says why, for people
 * @forget: the device was reset: what it was asked does not count any more
 */
struct virtgpu_trouble_ops {
	void (*ask)(struct virtgpu_device *vg);
	void (*reset)(struct virtgpu_device *vg, const char *why);
	void (*forget)(struct virtgpu_device *vg);
};

/**
 * struct virtgpu_device - one virtio GPU
 * @drm: the DRM device; owns the memory of this struct
 * @vdev: the virtio device; not to be touched once the queues are stopped
 * @wq: runs completions, hot-plug and resets
 * @trouble: whom to tell of a device in trouble
 * @has_3d: the host has renderers
 * @has_context_init: a file may choose its renderer
 * @has_blob: resources may be plain memory
 * @has_uuid: resources have names that other virtio devices know
 * @has_host_visible: the host's memory can be mapped
 * @has_edid: the host hands out EDID blobs
 * @use_dma_addr: the device sees memory through the DMA API, not by physical address
 * @blob_alignment: of blobs' sizes, in bytes, or 0
 * @num_scanouts: heads of the device, 0 when it only renders
 * @transport: how commands reach the device
 * @memory: buffer objects and host resources
 * @display: heads, and what they show
 * @render: contexts and fences
 * @recovery: whether the device is alive, and how it is brought back
 *
 * The ground floor: each part includes this header, none of those above it, and each knows the
 * structs of the parts below it.
 */
struct virtgpu_device {
	struct drm_device drm;
	struct virtio_device *vdev;
	struct workqueue_struct *wq;
	const struct virtgpu_trouble_ops *trouble;

	bool has_3d;
	bool has_context_init;
	bool has_blob;
	bool has_uuid;
	bool has_host_visible;
	bool has_edid;
	bool use_dma_addr;
	u32 blob_alignment;
	u32 num_scanouts;

	struct virtgpu_transport *transport;
	struct virtgpu_memory *memory;
	struct virtgpu_display *display;
	struct virtgpu_render *render;
	struct virtgpu_recovery *recovery;
};

#define to_virtgpu_device(dev) container_of(dev, struct virtgpu_device, drm)

#endif
