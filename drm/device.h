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
 * DOC: Overview
 *
 * The driver has four parts, each in a folder: transport, memory, display and render. A part uses
 * only the parts below it; display and render do not use each other. The driver's own folder puts
 * the parts together (parts.c), and has probe and removal (drv.c), the state of the device
 * (life.c), resets (reset.c) and suspend (pm.c).
 */

/**
 * enum virtgpu_cause - why a device has to be reset
 * @VIRTGPU_CAUSE_NONE: it does not have to be reset
 * @VIRTGPU_CAUSE_DEAD: the device was asked a question command_timeout ago, and has answered
 *	nothing since. With contexts it may take fence_timeout, because the host may render
 *	meanwhile
 * @VIRTGPU_CAUSE_FORGETFUL: the device has answered the question, but not an older command, or a
 *	command could not be sent; and there is no context, which a reset would destroy
 * @VIRTGPU_CAUSE_BROKEN: the ring is in a state that the protocol does not allow
 * @VIRTGPU_CAUSE_ASKED: the device's status has NEEDS_RESET
 * @VIRTGPU_CAUSE_KEPT_BACK: a command that gives memory back could not be sent, although the ring
 *	had room
 *
 * The last three lead to a reset at once.
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
 * struct virtgpu_trouble_ops - how parts report trouble with the device, and wait for its end
 * @ask: a wait has timed out: ask the device whether it is alive. Does not sleep
 * @reset: the device has to be reset. May be called in softirq
 * @forget: the device was reset: discard what is known about its trouble
 * @wait: wait until the device has come back, see virtgpu_life_wait()
 * @again: whether to retry what has failed because of a reset, see virtgpu_life_again()
 * @context_gone: there is one context less. Does not sleep
 */
struct virtgpu_trouble_ops {
	void (*ask)(struct virtgpu_device *vg);
	void (*reset)(struct virtgpu_device *vg, enum virtgpu_cause cause);
	void (*forget)(struct virtgpu_device *vg);
	int (*wait)(struct virtgpu_device *vg);
	bool (*again)(struct virtgpu_device *vg, int *ret);
	void (*context_gone)(struct virtgpu_device *vg);
};

/**
 * struct virtgpu_device - one virtio GPU
 * @drm: the DRM device; owns the memory of this struct
 * @vdev: the virtio device; must not be accessed after the queues were stopped
 * @wq: runs completions, hot-plug and resets
 * @trouble: functions for a device that seems to be in trouble
 * @has_3d: the host has renderers
 * @has_context_init: a file may choose its renderer
 * @has_blob: resources may be plain memory
 * @has_uuid: resources have UUIDs, by which other virtio devices know them
 * @has_host_visible: memory of the host can be mapped
 * @has_edid: the host provides EDIDs
 * @use_dma_addr: the device uses DMA addresses, not physical addresses
 * @blob_alignment: alignment of the sizes of blobs in bytes, or 0
 * @num_scanouts: number of heads, 0 if the device only renders
 * @transport: how commands reach the device
 * @memory: buffer objects and host resources
 * @display: heads, and what they show
 * @render: contexts and fences
 * @recovery: the state of the device, and how it is brought back
 *
 * Each part includes this header, which knows no other header of the driver.
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
