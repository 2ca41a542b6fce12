// SPDX-License-Identifier: GPL-2.0
/* The KUnit tests of the driver's logic; they need no device. */
#include <kunit/device.h>
#include <kunit/test.h>
#include <linux/module.h>

#include <drm/drm_drv.h>

#include "device.h"
#include "drv.h"
#include "life.h"
#include "memory/gem.h"
#include "tests/kunit.h"

static const struct drm_driver virtgpu_kunit_driver = {
	.driver_features = DRIVER_MODESET | DRIVER_GEM | DRIVER_ATOMIC,
	.gem_create_object = virtgpu_gem_create_object,
	.name = "virtgpu_kunit",
};

struct virtgpu_device *virtgpu_kunit_device(struct kunit *test)
{
	struct device *dev = kunit_device_register(test, "virtgpu");
	struct virtgpu_device *vg;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	vg = devm_drm_dev_alloc(dev, &virtgpu_kunit_driver, struct virtgpu_device, drm);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, vg);

	vg->num_scanouts = 1;
	KUNIT_ASSERT_EQ(test, virtgpu_recovery_init(vg), 0);
	KUNIT_ASSERT_EQ(test, virtgpu_parts_init(vg), 0);
	/* Waits for the device end at once. */
	virtgpu_life_leave(vg);
	return vg;
}

kunit_test_suites(&virtgpu_arrival_suite,
		  &virtgpu_blob_suite,
		  &virtgpu_capset_suite,
		  &virtgpu_connector_suite,
		  &virtgpu_context_suite,
		  &virtgpu_cursor_suite,
		  &virtgpu_damage_suite,
		  &virtgpu_encode_suite,
		  &virtgpu_fence_suite,
		  &virtgpu_format_suite,
		  &virtgpu_hotplug_suite,
		  &virtgpu_ioctl_suite,
		  &virtgpu_life_suite,
		  &virtgpu_output_suite,
		  &virtgpu_queue_suite,
		  &virtgpu_resource_suite,
		  &virtgpu_submit_suite,
		  &virtgpu_vblank_suite);

MODULE_DESCRIPTION("KUnit tests of the virtio GPU driver");
MODULE_LICENSE("GPL");
