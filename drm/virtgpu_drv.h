/* SPDX-License-Identifier: GPL-2.0 */
#ifndef VIRTGPU_DRV_H
#define VIRTGPU_DRV_H

#include <linux/virtio.h>
#include <linux/virtio_gpu.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/drm_device.h>
#include <drm/drm_mm.h>

#include "virtgpu_capset.h"
#include "virtgpu_dma.h"
#include "virtgpu_fence.h"
#include "virtgpu_life.h"
#include "virtgpu_output.h"
#include "virtgpu_panic.h"
#include "virtgpu_queue.h"

/* User space (Mesa, libdrm, IGT) looks the driver up by this name and version. */
#define VIRTGPU_DRIVER_NAME	"virtio_gpu"
#define VIRTGPU_DRIVER_DESC	"virtio GPU"
#define VIRTGPU_DRIVER_MAJOR	0
#define VIRTGPU_DRIVER_MINOR	1
#define VIRTGPU_DRIVER_PATCH	0

/**
 * struct virtgpu_vram - the window in which the device shows memory of the host's
 * @lock: protects @mm
 * @mm: what is where, counted from @start
 * @start: physical address
 */
struct virtgpu_vram {
	struct mutex lock;
	struct drm_mm mm;
	resource_size_t start;
};

/**
 * struct virtgpu_device - one virtio GPU
 * @drm: the DRM device; owns the memory of this struct
 * @vdev: the virtio device; not to be touched once the queues are stopped
 * @wq: runs completions, hot-plug and resets
 * @ctrl: control queue
 * @cursor: cursor queue
 * @cmds: where commands come from
 * @resources: host resources by id, both the id allocator and what a reset restores
 * @next_resource: where the search for a free id begins
 * @making: held while a resource is made, and while all are made again after a reset, so that the
 *	device is told only once to make each of them
 * @contexts: of open files, by number; empty without @has_3d
 * @last_owner: the last &virtgpu_context.owner
 * @fences: what is still to be signalled
 * @life: its state, and whether it is alive
 * @has_parent_lock: the driver leaves, and holds the lock of the PCI device meanwhile
 * @dma: memory that is mapped for the device
 * @has_3d: the host has renderers
 * @has_context_init: a file may choose its renderer
 * @has_blob: resources may be plain memory
 * @zero_copy: the host shows the guest's pages as they are, until it turns out that it cannot
 * @has_uuid: resources have names that other virtio devices know
 * @has_host_visible: there is a @vram
 * @blob_alignment: of blobs' sizes, in bytes, or 0
 * @vram: the host's memory that the guest sees
 * @num_capsets: how many renderers there are
 * @capsets: what is known of each
 * @capset_lock: protects @capset_copies
 * @capset_copies: capsets that were read from the host
 * @num_scanouts: heads of the device, 0 when it only renders
 * @has_edid: the host hands out EDID blobs
 * @use_dma_addr: the device sees memory through the DMA API, not by physical address
 * @hotplug_mode_update: property of connectors: their modes follow the size of a window
 * @outputs: one per head
 * @cursor_work: moves cursors that moved again too soon
 * @hotplug_work: reads display information after a config interrupt
 * @windows_stale: the device was reset since the display information was read
 * @reset_work: resets a device that lost commands and restores its resources
 * @redraw_work: shows once more what is shown
 * @is_stale: what the heads were told to show may not be what they show
 * @panic: what the panic screen needs, allocated beforehand
 */
struct virtgpu_device {
	struct drm_device drm;
	struct virtio_device *vdev;
	struct workqueue_struct *wq;

	struct virtgpu_queue ctrl;
	struct virtgpu_queue cursor;
	struct virtgpu_cmd_pool cmds;

	struct xarray resources;
	u32 next_resource;
	struct mutex making;
	struct xarray contexts;
	atomic64_t last_owner;
	struct virtgpu_fences fences;
	struct virtgpu_life life;
	bool has_parent_lock;
	struct virtgpu_dma dma;

	bool has_3d;
	bool has_context_init;
	bool has_blob;
	bool zero_copy;
	bool has_uuid;
	bool has_host_visible;
	u32 blob_alignment;
	struct virtgpu_vram vram;
	u32 num_capsets;
	struct virtgpu_capset capsets[VIRTGPU_MAX_CAPSETS];
	struct mutex capset_lock;
	struct list_head capset_copies;

	u32 num_scanouts;
	bool has_edid;
	bool use_dma_addr;

	struct drm_property *hotplug_mode_update;
	struct virtgpu_output outputs[VIRTIO_GPU_MAX_SCANOUTS];

	struct delayed_work cursor_work;
	struct work_struct hotplug_work;
	bool windows_stale;
	struct delayed_work reset_work;
	struct work_struct redraw_work;
	bool is_stale;

	struct virtgpu_panic panic;
};

#define to_virtgpu_device(dev) container_of(dev, struct virtgpu_device, drm)

#endif
