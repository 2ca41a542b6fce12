// SPDX-License-Identifier: GPL-2.0
/*
 * Without memory: every allocation that the driver makes or has made for an operation fails once, by
 * failalloc.ko. The operation has to say ENOMEM or to do without, and nothing may be lost or broken.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"
#include "../uapi/virtgpu_drm.h"

#define COUNTER		"/sys/module/failalloc/parameters/counter"
/* For the host's answers to an operation. */
#define SETTLE_US	200000
/* More than any operation has allocations. */
#define MOST		4000

/* The kernel counts this down; see failalloc.c. */
static volatile int left;

/* Allocations of all operations so far. */
static int counted;

static struct {
	int fd;
	char path[32];
	struct head head;
	drmModeModeInfo mode;
	struct buffer *frames[2];
	struct buffer *cursor;
	int vgem_dmabuf;
} s;

static void arm(void)
{
	char address[32], command[96];

	if (access(COUNTER, F_OK)) {
		snprintf(command, sizeof(command), "insmod /host/tests/failalloc.ko within=%s",
			 module_name());
		shell(command);
	}
	snprintf(address, sizeof(address), "%p", (void *)&left);
	write_file(COUNTER, address);
}

/* Host resources go when the host has answered. */
static void check_resources(long wanted)
{
	double deadline = now() + 5;

	while (host_resources() != wanted && now() < deadline)
		usleep(20000);
	check(host_resources() == wanted, "%ld resources, %ld before", host_resources(), wanted);
}

/*
 * Runs @op until none of its allocations is left to fail. It returns 0 or a negative errno, and has
 * undone what it did.
 */
static void without_memory(const char *name, int (*op)(void))
{
	long before;
	int nth, ret, failed = 0;

	check(!op(), "%s fails with memory", name);
	usleep(SETTLE_US);
	before = host_resources();
	for (nth = 1; nth < MOST; nth++) {
		left = nth;
		ret = op();
		if (left) {
			left = 0;
			break;
		}
		/* shmem says ENOSPC when it has no memory for an inode. */
		check(!ret || ret == -ENOMEM || ret == -ENOSPC, "%s: allocation %d failed: %s", name,
		      nth, strerror(-ret));
		failed += !!ret;
	}
	check(nth < MOST, "%s never ends", name);
	check(!op(), "%s fails afterwards", name);
	counted += nth - 1;
	printf("%s: %d allocations, %d errors\n", name, nth - 1, failed);
	check_resources(before);
}

static void start(void)
{
	int i;

	arm();
	s.fd = kms_open();
	snprintf(s.path, sizeof(s.path), "%s", kms_path());
	s.head = kms_head(s.fd, 0);
	s.mode = kms_preferred(&s.head);
	for (i = 0; i < 2; i++)
		s.frames[i] = kms_buffer(s.fd, s.mode.hdisplay, s.mode.vdisplay,
					 DRM_FORMAT_XRGB8888);
	s.cursor = kms_buffer(s.fd, 64, 64, DRM_FORMAT_ARGB8888);
	kms_set_mode(&s.head, &s.mode, s.frames[0]);
}

/* All is well if a new picture comes out right. */
static void finish(void)
{
	struct image image = image_new(s.mode.hdisplay, s.mode.vdisplay);

	image_pattern(&image, 7, image_all(&image));
	kms_draw(s.frames[1], &image, image_all(&image));
	kms_set_mode(&s.head, &s.mode, s.frames[0]);
	kms_set_mode(&s.head, &s.mode, s.frames[1]);
	judge_picture(0, &image);
}

static int result(int ret)
{
	return ret ? -errno : 0;
}

static int op_open(void)
{
	int fd = open(s.path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int op_dumb(void)
{
	struct drm_mode_create_dumb create = { .width = 640, .height = 480, .bpp = 32 };
	struct drm_mode_destroy_dumb destroy = { };
	int ret = result(drmIoctl(s.fd, DRM_IOCTL_MODE_CREATE_DUMB, &create));

	destroy.handle = create.handle;
	if (!ret)
		check(!drmIoctl(s.fd, DRM_IOCTL_MODE_DESTROY_DUMB, &destroy), "destroy");
	return ret;
}

static int op_resource(void)
{
	struct drm_virtgpu_resource_create create = {
		.target = 2, .format = 1, .bind = 2, .width = 64, .height = 64, .depth = 1,
		.array_size = 1, .size = 64 * 64 * 4, .stride = 64 * 4,
	};
	int ret = result(drmIoctl(s.fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &create));

	if (!ret)
		check(!drmCloseBufferHandle(s.fd, create.bo_handle), "close");
	return ret;
}

static int op_framebuffer(void)
{
	struct buffer *buffer = s.frames[0];
	uint32_t fb, handles[4] = { buffer->handle }, pitches[4] = { buffer->pitch };
	uint32_t offsets[4] = { 64 * 4 };
	int ret = drmModeAddFB2(s.fd, 32, 32, DRM_FORMAT_XRGB8888, handles, pitches, offsets, &fb, 0);

	if (ret)
		return -errno;
	drmModeRmFB(s.fd, fb);
	return 0;
}

static int op_mode_set(void)
{
	int ret = result(drmModeSetCrtc(s.fd, s.head.crtc, s.frames[1]->fb, 0, 0, &s.head.connector, 1,
					&s.mode));

	return ret ? ret : result(drmModeSetCrtc(s.fd, s.head.crtc, s.frames[0]->fb, 0, 0,
						 &s.head.connector, 1, &s.mode));
}

static int op_dirty(void)
{
	drmModeClip clips[2] = { { 10, 10, 20, 20 }, { 100, 100, 120, 120 } };

	return result(drmModeDirtyFB(s.fd, s.frames[0]->fb, clips, 2));
}

static int op_cursor(void)
{
	int ret = result(drmModeSetCursor2(s.fd, s.head.crtc, s.cursor->handle, 64, 64, 1, 1));

	if (!ret)
		ret = result(drmModeMoveCursor(s.fd, s.head.crtc, 10, 10));
	if (ret)
		return ret;
	return result(drmModeSetCursor2(s.fd, s.head.crtc, 0, 0, 0, 0, 0));
}

static int op_new_frame(void)
{
	struct drm_mode_create_dumb create = {
		.width = s.mode.hdisplay, .height = s.mode.vdisplay, .bpp = 32,
	};
	uint32_t fb, handles[4] = { }, pitches[4] = { }, offsets[4] = { };
	int rest, ret = result(drmIoctl(s.fd, DRM_IOCTL_MODE_CREATE_DUMB, &create));

	if (ret)
		return ret;
	handles[0] = create.handle;
	pitches[0] = create.pitch;
	ret = result(drmModeAddFB2(s.fd, create.width, create.height, DRM_FORMAT_XRGB8888, handles,
				   pitches, offsets, &fb, 0));
	drmCloseBufferHandle(s.fd, create.handle);
	if (ret)
		return ret;
	ret = result(drmModeSetCrtc(s.fd, s.head.crtc, fb, 0, 0, &s.head.connector, 1, &s.mode));
	if (!ret)
		ret = result(drmModeSetCrtc(s.fd, s.head.crtc, s.frames[0]->fb, 0, 0,
					    &s.head.connector, 1, &s.mode));
	rest = left;
	left = 0;
	kms_set_mode(&s.head, &s.mode, s.frames[0]);
	drmModeRmFB(s.fd, fb);
	left = rest;
	return ret;
}

static int op_export(void)
{
	struct drm_prime_handle prime = { .handle = s.frames[0]->handle, .flags = DRM_CLOEXEC };
	int ret = result(drmIoctl(s.fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime));

	if (!ret)
		close(prime.fd);
	return ret;
}

static int op_import(void)
{
	struct drm_prime_handle prime = { .fd = s.vgem_dmabuf };
	int ret = result(drmIoctl(s.fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime));

	if (!ret)
		check(!drmCloseBufferHandle(s.fd, prime.handle), "close");
	return ret;
}

static void files(void)
{
	start();
	without_memory("open", op_open);
	finish();
}

static void buffers(void)
{
	start();
	without_memory("dumb buffer", op_dumb);
	without_memory("resource", op_resource);
	without_memory("framebuffer", op_framebuffer);
	check(counted, "no allocation was counted");
	finish();
}

static void pictures(void)
{
	start();
	without_memory("dirty", op_dirty);
	without_memory("cursor", op_cursor);
	without_memory("mode set", op_mode_set);
	check(counted, "no allocation was counted");
	finish();
}

static void first_frame(void)
{
	start();
	without_memory("first frame", op_new_frame);
	check(counted, "no allocation was counted");
	finish();
}

static void prime(void)
{
	struct drm_mode_create_dumb create = { .width = 64, .height = 64, .bpp = 32 };
	int vgem = drmOpen("vgem", NULL);

	start();
	without_memory("export", op_export);
	if (vgem < 0)
		skip("no vgem");
	check(!drmIoctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create), "vgem: %s", strerror(errno));
	check(!drmPrimeHandleToFD(vgem, create.handle, DRM_CLOEXEC | DRM_RDWR, &s.vgem_dmabuf), "%s",
	      strerror(errno));
	without_memory("import", op_import);
	close(s.vgem_dmabuf);
	drmClose(vgem);
	check(counted, "no allocation was counted");
	finish();
}

/*
 * A device that finds no memory is not bound; the module stays, and the next try has all of it.
 * Of allocation n one in 1 + n / @sparse fails.
 */
static void load_without_memory(int sparse)
{
	char path[64];
	int nth, file, bound = 0, tries = 0;

	snprintf(path, sizeof(path), "/host/%s.ko", module_name());
	if (access(path, F_OK))
		skip("no module of ours");
	arm();
	for (nth = 1; ; nth += 1 + nth / sparse) {
		if (module_loaded())
			module_unload();
		file = open(path, O_RDONLY | O_CLOEXEC);
		left = nth;
		/* Its errors are of many kinds: the loader does much before it calls the driver. */
		syscall(SYS_finit_module, file, "", 0);
		close(file);
		if (left) {
			left = 0;
			break;
		}
		bound += kms_path() != NULL;
		tries++;
	}
	printf("load: %d allocations, %d of them failed, %d times it went on without\n", nth, tries,
	       bound);
	check(tries > 20 && tries > bound, "nothing ever failed");
	module_wait(true);
	start();
	finish();
}

static void load(void)
{
	load_without_memory(24);
}

static void load_each(void)
{
	load_without_memory(INT_MAX);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "files", "opening the device", files },
		{ "buffers", "buffers, resources, framebuffers", buffers },
		{ "pictures", "mode, damage, cursor", pictures },
		{ "first-frame", "a frame that the host has to be told of", first_frame },
		{ "prime", "export and import", prime },
		{ "load", "loading the module and binding the device", load },
		{ "load-each", "the same for each single allocation, which takes minutes", load_each },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
