/* SPDX-License-Identifier: GPL-2.0 */
/* What the suites share. */
#ifndef VIRTGPU_KUNIT_H
#define VIRTGPU_KUNIT_H

#include <kunit/test.h>

struct virtgpu_device;

extern struct kunit_suite virtgpu_arrival_suite;
extern struct kunit_suite virtgpu_blob_suite;
extern struct kunit_suite virtgpu_capset_suite;
extern struct kunit_suite virtgpu_connector_suite;
extern struct kunit_suite virtgpu_context_suite;
extern struct kunit_suite virtgpu_cursor_suite;
extern struct kunit_suite virtgpu_damage_suite;
extern struct kunit_suite virtgpu_encode_suite;
extern struct kunit_suite virtgpu_fence_suite;
extern struct kunit_suite virtgpu_format_suite;
extern struct kunit_suite virtgpu_hotplug_suite;
extern struct kunit_suite virtgpu_ioctl_suite;
extern struct kunit_suite virtgpu_life_suite;
extern struct kunit_suite virtgpu_output_suite;
extern struct kunit_suite virtgpu_queue_suite;
extern struct kunit_suite virtgpu_resource_suite;
extern struct kunit_suite virtgpu_submit_suite;
extern struct kunit_suite virtgpu_vblank_suite;

/*
 * A device with one head and stopped queues, which ends with the test. A command that is submitted
 * to it fails with -ENODEV.
 */
struct virtgpu_device *virtgpu_kunit_device(struct kunit *test);

#endif
