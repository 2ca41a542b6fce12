// SPDX-License-Identifier: GPL-2.0
/*
 * Untrusted user space: single cases that random ioctls have found. The device is qemu/device/fakegpu.py as
 * a renderer.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <xf86drm.h>

#include "fuzz/run.h"
#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"
#include "lib/render.h"

/* NUM_RINGS = 0 is valid, so it must not cause a warning. */
static void no_rings(void)
{
	uint64_t warnings = run_warnings();

	render_start();
	render_context(0, 0);
	check(run_warnings() == warnings, "kernel warning, see the log");
}

static void be_good(void *unused)
{
	(void)unused;
	judge(NULL, 0, "fault none");
}

static void never_came(const char *command)
{
	judge(NULL, 0, "fake-counted %s 0 0", command);
}

/* A resource that the host refused must not be used in later commands. */
static void refused(void)
{
	struct drm_virtgpu_resource_create create = {
		.target = 2, .format = 1, .bind = 2, .width = 64, .height = 64, .depth = 1,
		.array_size = 1, .size = 64 * 64 * 4,
	};
	struct drm_virtgpu_3d_transfer_to_host transfer = { .box = { .w = 64, .h = 64, .d = 1 } };
	struct drm_prime_handle prime = { };
	struct drm_gem_close close_handle = { };
	long before;

	if (!getenv("VIRTGPU_FAKE"))
		skip("the device is QEMU's own, which does not refuse resources");
	render_start();
	render_context(0, 0);
	before = host_resources();
	at_end(be_good, NULL);
	judge(NULL, 0, "fault refuse CREATE_3D");
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create);
	/* The refusal is known only after the host has answered. */
	render_wait(create.bo_handle);
	close(render_fence_fd(0, 0));
	usleep(200000);

	be_good(NULL);
	judge(NULL, 0, "fake-count");
	transfer.bo_handle = create.bo_handle;
	expect(EINVAL, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &transfer);
	expect(EINVAL, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &transfer);
	prime.handle = create.bo_handle;
	expect(0, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
	close(prime.fd);
	close_handle.handle = create.bo_handle;
	expect(0, DRM_IOCTL_GEM_CLOSE, &close_handle);
	usleep(200000);
	never_came("TRANSFER_3D");
	never_came("UNREF");
	check(host_resources() == before, "the driver still has the resource");
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "no-rings", "a context with NUM_RINGS = 0", no_rings },
		{ "refused", "a texture that the host refuses", refused },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
