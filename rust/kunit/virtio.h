/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KUNIT_VIRTIO_H
#define KUNIT_VIRTIO_H

#include <linux/types.h>

struct device;
struct kunit_virtio;

struct kunit_virtio *kunit_virtio_add(u32 id, bool has_config);
void kunit_virtio_remove(struct kunit_virtio *fake);
struct device *kunit_virtio_parent(struct kunit_virtio *fake);
unsigned int kunit_virtio_queues(struct kunit_virtio *fake);
bool kunit_virtio_is_bound(struct kunit_virtio *fake);

void kunit_not_leak(const void *memory);

#endif
