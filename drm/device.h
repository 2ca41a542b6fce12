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
 * enum virtgpu_cause - why a device has to be reset
 * @VIRTGPU_CAUSE_NONE: it has not
 * @VIRTGPU_CAUSE_DEAD: a question was asked command_timeout ago, and since then nothing was
 *	answered. If there are contexts, the host may render for fence_timeout without an answer
 * @VIRTGPU_CAUSE_FORGETFUL: the question was answered, but an older command was not, or could not
 *	be sent; and there is no context that a reset would cost
 * @VIRTGPU_CAUSE_BROKEN: the ring is in a state that the protocol does not have; counts at once
 * @VIRTGPU_CAUSE_ASKED: the device's status has NEEDS_RESET; counts at once
 * @VIRTGPU_CAUSE_KEPT_BACK: a command that gives memory back could not be sent, and not for lack of
 *	room in the ring; counts at once
 */
enum virtgpu_cause {
	VIRTGPU_CAUSE_NONE,
	VIRTGPU_CAUSE_DEAD,
	VIRTGPU_CAUSE_FORGETFUL,
	VIRTGPU_CAUSE_BROKEN,
	VIRTGPU_CAUSE_ASKED,
	VIRTGPU_CAUSE_KEPT_BACK,
};

/**
 * struct virtgpu_trouble_ops - what parts say of a device that seems to be in trouble, and ask for
 * @ask: a wait has timed out: find out whether the device is alive. Does not sleep
 * @reset: nothing but a reset helps. May be called in softirq
 * @forget: the device was reset: what was known of its troubles does not count now
 * @wait: wait until the device has come back, see virtgpu_life_wait()
 * @again: whether to try again what has failed because of a reset, see virtgpu_life_again()
 */
struct virtgpu_trouble_ops {
	void (*ask)(struct virtgpu_device *vg);
	void (*reset)(struct virtgpu_device *vg, enum virtgpu_cause cause);
	void (*forget)(struct virtgpu_device *vg);
	int (*wait)(struct virtgpu_device *vg);
	bool (*again)(struct virtgpu_device *vg, int *ret);
};

/**
 * struct virtgpu_device - one virtio GPU
 * @drm: the DRM device; owns the memory of this struct
 * @vdev: the virtio device; not to be touched once the queues are stopped
 * @wq: runs completions, hot-plug and resets
 * @trouble: what to do about a device in trouble
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
