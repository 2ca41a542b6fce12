// SPDX-License-Identifier: GPL-2.0
/*
 * Failing allocations: each allocation in the driver, or on its behalf, fails once in an operation, with
 * failalloc.ko. The operation must return ENOMEM or succeed, and nothing may leak or break.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"
#include "lib/nomem.h"
#include "../uapi/virtgpu_drm.h"

/* Seconds until the driver shows a picture again. */
#define RECOVERY	10.0
/* The minimum number of allocations when the driver is loaded, and of the call sites that make them. */
#define LEAST_OF_LOAD	300
#define LEAST_PLACES	30

static struct {
	int fd;
	char path[32];
	struct head head;
	drmModeModeInfo mode;
	struct buffer *frames[2];
	struct buffer *cursor;
	int vgem_dmabuf;
} s;

static void start(void)
{
	int i;

	nomem_arm();
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

/* Checks that a new picture is shown correctly. */
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

static int by_mode_set(uint32_t fb)
{
	return result(drmModeSetCrtc(s.fd, s.head.crtc, fb, 0, 0, &s.head.connector, 1, &s.mode));
}

/* Unlike a mode set, a flip returns before the host has answered. */
static int by_flip(uint32_t fb)
{
	int ret = result(drmModePageFlip(s.fd, s.head.crtc, fb, DRM_MODE_PAGE_FLIP_EVENT, NULL));

	if (!ret)
		kms_wait_for_flips(s.fd, 1);
	return ret;
}

static int new_frame(int (*show)(uint32_t fb))
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
	ret = show(fb);
	if (!ret)
		ret = show(s.frames[0]->fb);
	rest = nomem_left;
	nomem_left = 0;
	kms_set_mode(&s.head, &s.mode, s.frames[0]);
	drmModeRmFB(s.fd, fb);
	nomem_left = rest;
	return ret;
}

static int op_new_frame(void)
{
	return new_frame(by_mode_set);
}

static int op_flip(void)
{
	return new_frame(by_flip);
}

static int op_probe(void)
{
	drmModeConnector *connector = drmModeGetConnector(s.fd, s.head.connector);

	if (!connector)
		return -errno;
	drmModeFreeConnector(connector);
	return 0;
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
	nomem_run(&(struct nomem_op){ "open", op_open, 0, 0 });
	finish();
}

/* Security modules allocate memory for the inode of a buffer. The debug kernel has none. */
static bool has_security_modules(void)
{
	return !access("/proc/self/attr", F_OK);
}

static void buffers(void)
{
	int least = has_security_modules() ? 5 : 4;

	start();
	nomem_run(&(struct nomem_op){ "dumb buffer", op_dumb, least, least });
	nomem_run(&(struct nomem_op){ "resource", op_resource, 8, 6 });
	nomem_run(&(struct nomem_op){ "framebuffer", op_framebuffer, 1, 1 });
	finish();
}

static void pictures(void)
{
	start();
	nomem_run(&(struct nomem_op){ "dirty", op_dirty, 0, 0 });
	nomem_run(&(struct nomem_op){ "cursor", op_cursor, 1, 1 });
	nomem_run(&(struct nomem_op){ "mode set", op_mode_set, 0, 0 });
	nomem_run(&(struct nomem_op){ "probe", op_probe, 0, 0 });
	finish();
}

static void first_frame(void)
{
	start();
	nomem_run(&(struct nomem_op){ "first frame", op_new_frame, 8, 6 });
	nomem_run(&(struct nomem_op){ "flip", op_flip, 8, 6 });
	finish();
}

static void prime(void)
{
	struct drm_mode_create_dumb create = { .width = 64, .height = 64, .bpp = 32 };
	int vgem = drmOpen("vgem", NULL);

	start();
	nomem_run(&(struct nomem_op){ "export", op_export, 0, 0 });
	check(vgem >= 0, "no vgem: modprobe vgem?");
	check(!drmIoctl(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create), "vgem: %s", strerror(errno));
	check(!drmPrimeHandleToFD(vgem, create.handle, DRM_CLOEXEC | DRM_RDWR, &s.vgem_dmabuf), "%s",
	      strerror(errno));
	nomem_run(&(struct nomem_op){ "import", op_import, 3, 3 });
	close(s.vgem_dmabuf);
	drmClose(vgem);
	finish();
}

/* Waits until the driver's workers have finished an operation. */
static void let_work(void)
{
	usleep(300000);
}

/* The seed of the last picture of shows_again(), or 0. */
static uint32_t shown;

/* Sets a mode with a new picture; the host must show it within some seconds. */
static void shows_again(void)
{
	double deadline = now() + RECOVERY;
	struct image image = image_new(s.mode.hdisplay, s.mode.vdisplay);

	image_pattern(&image, ++shown, image_all(&image));
	kms_draw(s.frames[1], &image, image_all(&image));
	while (drmModeSetCrtc(s.fd, s.head.crtc, s.frames[1]->fb, 0, 0, &s.head.connector, 1,
			      &s.mode)) {
		check(now() < deadline, "mode set: %s", strerror(errno));
		usleep(100000);
	}
	judge_picture_within(0, &image, RECOVERY);
}

static void resize(void)
{
	static int turn;

	judge(NULL, 0, "resize 0 %u %u", 640 + 8 * (++turn % 8), 480);
	let_work();
}

/* A failed update may be noticed only at the next change. */
static void resize_back(void)
{
	judge(NULL, 0, "resize 0 %u %u", s.mode.hdisplay, s.mode.vdisplay);
	kms_wait_for_size(&s.head, s.mode.hdisplay, s.mode.vdisplay);
}

static void hotplug(void)
{
	start();
	nomem_run_anywhere("hot-plug", resize, resize_back, INT_MAX, 5);
	finish();
}

static void put(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	/* This may fail because of a failing allocation. */
	if (!file)
		return;
	fputs(text, file);
	fclose(file);
}

static char reset_path[PATH_MAX];

static void reset_device(void)
{
	put(reset_path, "1");
	let_work();
}

/* A device that was not restored must be restored by the next reset. */
static void reset_again(void)
{
	write_file(reset_path, "1");
	scope(shows_again);
}

static void find_reset(void)
{
	pci_path(reset_path, "reset");
	check(!access(reset_path, W_OK), "%s: %s", reset_path, strerror(errno));
}

static void reset(void)
{
	start();
	find_reset();
	nomem_run_anywhere("reset", reset_device, reset_again, 24, 60);
	finish();
}

static bool head_is_on(void)
{
	drmModeCrtc *crtc = drmModeGetCrtc(s.fd, s.head.crtc);
	bool is_on = crtc && crtc->mode_valid;

	drmModeFreeCrtc(crtc);
	return is_on;
}

static void still_shows(void)
{
	struct image image = image_new(s.mode.hdisplay, s.mode.vdisplay);

	image_pattern(&image, shown, image_all(&image));
	judge_picture_within(0, &image, RECOVERY);
}

/* A failing allocation may switch the head off. But a head that is on must show its picture. */
static void sleep_devices(void)
{
	put("/sys/power/state", "freeze");
	let_work();
	if (shown && head_is_on())
		scope(still_shows);
}

static void sleep_again(void)
{
	write_file("/sys/power/state", "freeze");
	scope(shows_again);
}

static void awake(void *unused)
{
	(void)unused;
	write_file("/sys/power/pm_test", "none");
	write_file("/sys/module/suspend/parameters/pm_test_delay", "5");
}

static void resume(void)
{
	start();
	at_end(awake, NULL);
	write_file("/sys/power/pm_test", "devices");
	write_file("/sys/module/suspend/parameters/pm_test_delay", "0");
	nomem_run_anywhere("suspend and resume", sleep_devices, sleep_again, 24, 60);
	finish();
}

static int times_gone;

static bool is_gone(void)
{
	char path[PATH_MAX], line[64] = "";
	FILE *file;

	snprintf(path, sizeof(path), "%s/virtgpu-queues", kms_debugfs());
	file = fopen(path, "r");
	check(file, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file) && strncmp(line, "state: ", strlen("state: ")))
		;
	fclose(file);
	return !strcmp(line, "state: gone\n");
}

/* A device that did not come back must come back with the next resume, with its picture. */
static void sleep_gone(void)
{
	bool was_gone = is_gone();

	write_file("/sys/power/state", "freeze");
	if (was_gone) {
		times_gone++;
		check(head_is_on(), "the head is off after the second resume");
	}
	scope(shows_again);
}

static void resume_fails(void)
{
	start();
	if (driver_is_stock())
		skip("only our driver tells its state");
	at_end(awake, NULL);
	write_file("/sys/power/pm_test", "devices");
	write_file("/sys/module/suspend/parameters/pm_test_delay", "0");
	nomem_in_rows(64);
	nomem_run_anywhere("failed resume", sleep_devices, sleep_gone, 12, 60);
	finish();
	check(times_gone, "the device has always come back");
}

static void start_to_load(void)
{
	if (driver_is_stock())
		skip("the kernel's own driver does not survive this");
	nomem_arm();
}

static void unload(void)
{
	if (module_loaded())
		module_unload();
}

/*
 * If binding the device fails, the module stays loaded, and the next try must succeed. Around
 * allocation n, one in 1 + n / @sparse allocations fails.
 */
static void load_without_memory(int sparse)
{
	int nth, bound = 0, tries = 0;

	start_to_load();
	for (nth = 1; ; nth += 1 + nth / sparse) {
		unload();
		if (!nomem_load(nth))
			break;
		bound += kms_path() != NULL;
		tries++;
	}
	printf("load: %d allocations, %d of them failed, %d times the device was bound\n", nth, tries,
	       bound);
	check(nth > LEAST_OF_LOAD && tries > 20 && tries > bound, "not all allocations were seen");
	module_wait(true);
	start();
	finish();
}

static void load(void)
{
	load_without_memory(12);
}

static int times_bound;

static void load_place(void)
{
	nomem_load(0);
	times_bound += kms_path() != NULL;
}

/* The first allocation from each call site in the driver fails once. */
static void load_places(void)
{
	int places;

	start_to_load();
	unload();
	times_bound = 0;
	places = nomem_run_places(load_place, unload);
	printf("load: %d call sites in the driver allocate, %d times the device was bound\n", places,
	       times_bound - 1);
	check(places >= LEAST_PLACES && times_bound <= places, "not all call sites were seen");
	nomem_load(0);
	module_wait(true);
	start();
	finish();
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
		{ "first-frame", "the first frame of a new buffer", first_frame },
		{ "prime", "export and import", prime },
		{ "hotplug", "the host's window changes size", hotplug },
		{ "reset", "the device is reset and restored", reset },
		{ "resume", "suspend and resume", resume },
		{ "resume-fails", "all allocations of a resume fail", resume_fails },
		{ "load", "loading the module and binding the device", load },
		{ "load-places", "the same for each call site in the driver", load_places },
		{ "load-each", "the same for each single allocation, which takes minutes", load_each },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
