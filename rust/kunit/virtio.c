// SPDX-License-Identifier: GPL-2.0
/* A virtio device without a host, for tests of what ties a driver to a device. */
#include <linux/device/faux.h>
#include <linux/dma-mapping.h>
#include <linux/kmemleak.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/virtio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "virtio.h"

#define RING_SIZE	16
#define FIRST_REGION	16

struct kunit_virtio {
	struct virtio_device vdev;
	struct virtio_config_ops ops;
	struct faux_device *parent;
	u8 status;
};

static struct kunit_virtio *to_fake(struct virtio_device *vdev)
{
	return container_of(vdev, struct kunit_virtio, vdev);
}

static void fake_get(struct virtio_device *vdev, unsigned int offset, void *buf, unsigned int len)
{
	memset(buf, offset, len);
}

static void fake_set(struct virtio_device *vdev, unsigned int offset, const void *buf,
		     unsigned int len)
{
}

static u8 fake_get_status(struct virtio_device *vdev)
{
	return to_fake(vdev)->status;
}

static void fake_set_status(struct virtio_device *vdev, u8 status)
{
	to_fake(vdev)->status = status;
}

static void fake_reset(struct virtio_device *vdev)
{
	to_fake(vdev)->status = 0;
}

static u64 fake_get_features(struct virtio_device *vdev)
{
	return BIT_ULL(VIRTIO_F_VERSION_1);
}

static int fake_finalize_features(struct virtio_device *vdev)
{
	vring_transport_features(vdev);
	return 0;
}

/* Interrupts may come until a queue is deleted, as on virtio-mmio. */
static void fake_del_vqs(struct virtio_device *vdev)
{
	struct virtqueue *vq, *next;

	list_for_each_entry_safe(vq, next, &vdev->vqs, list) {
		if (vq->callback)
			vq->callback(vq);
		vring_del_virtqueue(vq);
	}
}

static bool fake_notify(struct virtqueue *vq)
{
	return true;
}

static int fake_find_vqs(struct virtio_device *vdev, unsigned int count, struct virtqueue *vqs[],
			 struct virtqueue_info infos[], struct irq_affinity *desc)
{
	unsigned int i;

	for (i = 0; i < count; i++) {
		vqs[i] = vring_create_virtqueue(i, RING_SIZE, PAGE_SIZE, vdev, true, false,
						infos[i].ctx, fake_notify, infos[i].callback,
						infos[i].name);
		if (!vqs[i]) {
			fake_del_vqs(vdev);
			return -ENOMEM;
		}
	}
	return 0;
}

/* The regions that tests of windows claim, by number. No memory and no device is there. */
#define WINDOW		(256ULL * SZ_1G)
#define WINDOW_SIZE	(4 * PAGE_SIZE)

static const struct virtio_shm_region fake_regions[] = {
	{ .addr = WINDOW, .len = WINDOW_SIZE },
	{ .addr = WINDOW + WINDOW_SIZE, .len = WINDOW_SIZE },
	{ .addr = WINDOW, .len = 0 },
	{ .addr = WINDOW + 1, .len = WINDOW_SIZE },
	{ .addr = WINDOW, .len = WINDOW_SIZE + 1 },
	{ .addr = -WINDOW_SIZE, .len = 2 * WINDOW_SIZE },
	/* The kernel's own memory. */
	{ .addr = SZ_2M, .len = WINDOW_SIZE },
};

static bool fake_get_shm_region(struct virtio_device *vdev, struct virtio_shm_region *region,
				u8 id)
{
	/* Numbers begin where no driver under test looks for a region. */
	if (id < FIRST_REGION || id - FIRST_REGION >= ARRAY_SIZE(fake_regions))
		return false;
	*region = fake_regions[id - FIRST_REGION];
	return true;
}

static const char *fake_bus_name(struct virtio_device *vdev)
{
	return "kunit";
}

static const struct virtio_config_ops fake_ops = {
	.get = fake_get,
	.set = fake_set,
	.get_status = fake_get_status,
	.set_status = fake_set_status,
	.reset = fake_reset,
	.find_vqs = fake_find_vqs,
	.del_vqs = fake_del_vqs,
	.get_features = fake_get_features,
	.finalize_features = fake_finalize_features,
	.bus_name = fake_bus_name,
	.get_shm_region = fake_get_shm_region,
};

static void fake_release(struct device *dev)
{
	kfree(to_fake(dev_to_virtio(dev)));
}

/* Adds a device. Its driver has probed it when this returns. Returns NULL for any error. */
struct kunit_virtio *kunit_virtio_add(u32 id, bool has_config)
{
	struct kunit_virtio *fake = kzalloc(sizeof(*fake), GFP_KERNEL);

	if (!fake)
		return NULL;
	fake->parent = faux_device_create("kunit-virtio", NULL, NULL);
	if (!fake->parent) {
		kfree(fake);
		return NULL;
	}
	fake->vdev.id.device = id;
	fake->vdev.id.vendor = 1;
	fake->ops = fake_ops;
	if (!has_config) {
		fake->ops.get = NULL;
		fake->ops.set = NULL;
	}
	fake->vdev.config = &fake->ops;
	fake->vdev.dev.parent = &fake->parent->dev;
	fake->vdev.dev.release = fake_release;
	dma_coerce_mask_and_coherent(&fake->vdev.dev, DMA_BIT_MASK(64));
	if (register_virtio_device(&fake->vdev)) {
		faux_device_destroy(fake->parent);
		put_device(&fake->vdev.dev);
		return NULL;
	}
	return fake;
}

/* Removes a device, which its driver leaves first. */
void kunit_virtio_remove(struct kunit_virtio *fake)
{
	struct faux_device *parent = fake->parent;

	unregister_virtio_device(&fake->vdev);
	faux_device_destroy(parent);
}

struct device *kunit_virtio_parent(struct kunit_virtio *fake)
{
	return &fake->parent->dev;
}

unsigned int kunit_virtio_queues(struct kunit_virtio *fake)
{
	return list_count_nodes(&fake->vdev.vqs);
}

bool kunit_virtio_is_bound(struct kunit_virtio *fake)
{
	return device_is_bound(&fake->vdev.dev);
}

/* Tells kmemleak that nothing will free the memory. */
void kunit_not_leak(const void *memory)
{
	kmemleak_not_leak(memory);
}
