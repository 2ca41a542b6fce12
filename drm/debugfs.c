// SPDX-License-Identifier: GPL-2.0
/* Files for debugging: /sys/kernel/debug/dri/N/virtgpu-*. */
#include <linux/string_choices.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>

#include "display/display.h"
#include "drv.h"
#include "life.h"
#include "memory/gem.h"
#include "memory/resource.h"
#include "render/context.h"
#include "render/render.h"

static int virtgpu_debugfs_capabilities(struct seq_file *m, void *data)
{
	struct drm_debugfs_entry *entry = m->private;
	struct virtgpu_device *vg = to_virtgpu_device(entry->dev);
	struct virtio_shm_region memory = { };
	int idx;
	u32 i;

	if (!drm_dev_enter(&vg->drm, &idx))
		return -ENODEV;

	seq_printf(m, "virtio 1: %s\n",
		   str_yes_no(virtio_has_feature(vg->vdev, VIRTIO_F_VERSION_1)));
	seq_printf(m, "indirect descriptors: %s\n",
		   str_yes_no(virtio_has_feature(vg->vdev, VIRTIO_RING_F_INDIRECT_DESC)));
	seq_printf(m, "edid: %s\n", str_yes_no(vg->has_edid));
	seq_printf(m, "memory by dma address: %s\n", str_yes_no(vg->use_dma_addr));
	seq_printf(m, "huge pages: %s\n", str_yes_no(drm_gem_get_huge_mnt(&vg->drm)));
	virtio_get_shm_region(vg->vdev, &memory, VIRTIO_GPU_SHM_ID_HOST_VISIBLE);
	seq_printf(m, "host-visible memory: %llu bytes\n", memory.len);
	seq_printf(m, "scanouts: %u\n", vg->num_scanouts);

	for (i = 0; i < vg->num_scanouts; i++) {
		const struct virtgpu_output *output = &vg->display->outputs[i];

		seq_printf(m, "scanout %u: %s %ux%u resource %u\n", i,
			   str_on_off(output->enabled), output->width, output->height,
			   output->shown_resource);
	}

	drm_dev_exit(idx);
	return 0;
}

static void virtgpu_debugfs_queue(struct seq_file *m, struct virtgpu_queue *queue)
{
	struct virtgpu_queue_stats stats;
	unsigned int size = 0, num_free = 0;
	u32 in_flight;
	bool stalled;

	spin_lock_bh(&queue->lock);
	stats = queue->stats;
	in_flight = queue->in_flight;
	stalled = virtgpu_irq_is_stalled(&queue->irq);
	if (queue->vq) {
		size = virtqueue_get_vring_size(queue->vq);
		num_free = queue->vq->num_free;
	}
	spin_unlock_bh(&queue->lock);

	seq_printf(m, "%s: %s, %u of %u descriptors free, %u in flight\n", queue->name,
		   !size ? "stopped" : stalled ? "stalled" : "running", num_free, size, in_flight);
	seq_printf(m, "%s: %llu commands, %llu kicks, %llu interrupts, %llu errors, %llu dropped\n",
		   queue->name, stats.commands, stats.kicks, stats.interrupts, stats.errors,
		   stats.dropped);
}

static int virtgpu_debugfs_queues(struct seq_file *m, void *data)
{
	struct drm_debugfs_entry *entry = m->private;
	struct virtgpu_device *vg = to_virtgpu_device(entry->dev);

	seq_printf(m, "state: %s\n", virtgpu_state_text(READ_ONCE(vg->recovery->life.state)));
	seq_printf(m, "last reset: %s\n", virtgpu_cause_text(READ_ONCE(vg->recovery->life.last)));
	seq_printf(m, "resets: %u\n", READ_ONCE(vg->recovery->life.resets));
	seq_printf(m, "contexts: %u\n", virtgpu_contexts_live(vg));
	seq_printf(m, "late fences: %u\n", READ_ONCE(vg->render->fences.late));
	virtgpu_debugfs_queue(m, &vg->transport->ctrl);
	virtgpu_debugfs_queue(m, &vg->transport->cursor);
	return 0;
}

static u64 virtgpu_debugfs_backing(const struct virtgpu_resource *res)
{
	u64 size = 0;
	unsigned int i;

	for (i = 0; i < res->num_backing; i++)
		size += res->backing[i].size;
	return size;
}

static int virtgpu_debugfs_resources(struct seq_file *m, void *data)
{
	struct drm_debugfs_entry *entry = m->private;
	struct virtgpu_device *vg = to_virtgpu_device(entry->dev);
	struct virtgpu_resource *res;
	unsigned long id, count = 0;

	xa_lock(&vg->memory->resources);
	xa_for_each(&vg->memory->resources, id, res) {
		if (virtgpu_resource_is_refused(res) || virtgpu_resource_is_given_up(res))
			continue;
		seq_printf(m, "resource %lu: %ux%u format %u backing %llu bytes\n", id, res->width,
			   res->height, res->format, virtgpu_debugfs_backing(res));
		count++;
	}
	xa_unlock(&vg->memory->resources);
	seq_printf(m, "total: %lu\n", count);
	return 0;
}

static const struct drm_debugfs_info virtgpu_debugfs_list[] = {
	{ "virtgpu-capabilities", virtgpu_debugfs_capabilities, 0 },
	{ "virtgpu-queues", virtgpu_debugfs_queues, 0 },
	{ "virtgpu-resources", virtgpu_debugfs_resources, 0 },
};

/**
 * virtgpu_debugfs_init - &drm_driver.debugfs_init
 * @minor: where to put the files
 */
void virtgpu_debugfs_init(struct drm_minor *minor)
{
	drm_debugfs_add_files(minor->dev, virtgpu_debugfs_list, ARRAY_SIZE(virtgpu_debugfs_list));
}
