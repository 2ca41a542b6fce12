// SPDX-License-Identifier: GPL-2.0
/*
 * Hosts that show the guest's pages without a copy, or only claim to; and UUIDs of blobs for other
 * virtio devices. The device is qemu/device/fakegpu.py.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/fake.h"
#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"
#include "lib/nomem.h"
#include "lib/panicscreen.h"
#include "../uapi/virtgpu_drm.h"

#define MANY	1000000
/* Seconds until the driver has found out what the host does not support. */
#define RECOVERY	10.0
/* The driver's time limit for the answer to a flip, less a frame of the slowest usual mode. */
#define FLIP_LIMIT	0.9

static void be_good(void *unused)
{
	(void)unused;
	judge(NULL, 0, "fault none");
}

static void start(void)
{
	need_fake();
	at_end(be_good, NULL);
	be_good(NULL);
}

static void change(struct screen *screen, struct buffer *buffer, uint32_t seed, struct rect rect)
{
	image_pattern(&screen->image, seed, rect);
	kms_draw(buffer, &screen->image, image_all(&screen->image));
	kms_flip(&screen->head, buffer, &rect, 1);
}

static void no_copies(void)
{
	struct rect part = { 70, 50, 200, 100 };
	struct screen screen;
	int i;

	start();
	judge(NULL, 0, "fake-count");
	screen = kms_screen(1);
	judge_picture(0, &screen.image);
	for (i = 0; i < 6; i++) {
		change(&screen, screen.buffers[i / 2 % 2], 2 + i, part);
		judge_picture(0, &screen.image);
		part.x = (part.x + 90) % (screen.image.width - part.w);
		part.y = (part.y + 70) % (screen.image.height - part.h);
	}
	judge(NULL, 0, "fake-counted TRANSFER 0 0");
	judge(NULL, 0, "fake-counted SET_SCANOUT_BLOB 1 %d", MANY);
	/* One flush per frame and nothing else while the buffer stays the same. */
	change(&screen, screen.buffers[0], 20, part);
	judge_picture(0, &screen.image);
	judge(NULL, 0, "fake-count");
	change(&screen, screen.buffers[0], 21, part);
	judge_picture(0, &screen.image);
	judge(NULL, 0, "fake-counted FLUSH 1 1");
	judge(NULL, 0, "fake-counted SET_SCANOUT_BLOB 0 0");
}

/* The host shows the panic screen from the guest's pages, so the driver must send only a flush. */
static void panic_shown(void)
{
	struct screen screen;

	start();
	screen = kms_screen(1);
	judge_picture(0, &screen.image);
	judge(NULL, 0, "fake-count");
	panic_screen(screen.head.fd);
	judge(NULL, 0, "panic-screen 0");
	judge(NULL, 0, "fake-counted TRANSFER 0 0");
	judge(NULL, 0, "fake-counted FLUSH 1 1");
}

static double flip_time;

static void flip_done(int fd, unsigned int sequence, unsigned int sec, unsigned int usec,
		      unsigned int crtc, void *data)
{
	(void)fd, (void)sequence, (void)crtc, (void)data;
	flip_time = sec + usec / 1e6;
}

static void begin_flip(const struct screen *screen, const struct buffer *buffer)
{
	struct request request = kms_request(screen->head.fd);
	int ret;

	kms_request_flip(&request, &screen->head, buffer, NULL, 0);
	ret = kms_commit(&request, DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT);
	check(!ret, "flip: %s", strerror(-ret));
}

/* The host reads the old buffer until it answers, so the flip event must not come earlier. */
static void late_answer(void)
{
	drmEventContext context = { .version = 3, .page_flip_handler2 = flip_done };
	struct pollfd poller = { .events = POLLIN };
	struct screen screen;
	double asked;

	start();
	screen = kms_screen(1);
	judge_picture(0, &screen.image);
	poller.fd = screen.head.fd;

	judge(NULL, 0, "fault mute FLUSH");
	asked = now();
	begin_flip(&screen, screen.buffers[1]);
	if (poll(&poller, 1, 300)) {
		check(!drmHandleEvent(poller.fd, &context), "invalid event");
		/* On a slow machine the driver's time limit may have passed. */
		check(flip_time - asked > FLIP_LIMIT,
		      "a flip was done after %.3f s, without an answer of the host",
		      flip_time - asked);
		judge(NULL, 0, "fault none");
	} else {
		judge(NULL, 0, "fault none");
		kms_wait_for_flips(poller.fd, 1);
	}
	judge_picture(0, &screen.image);

	/* The driver must not wait forever for an answer. */
	judge(NULL, 0, "fault mute FLUSH");
	begin_flip(&screen, screen.buffers[0]);
	kms_wait_for_flips(poller.fd, 1);
	judge(NULL, 0, "fault none");
	change(&screen, screen.buffers[1], 2, image_all(&screen.image));
	judge_picture(0, &screen.image);
}

/* The host refuses a command: the driver must copy pixels instead. */
static void falls_back(const char *command)
{
	struct rect part = { 70, 50, 200, 100 };
	struct screen screen;
	struct image *image;

	start();
	judge(NULL, 0, "fault refuse %s", command);
	screen = kms_screen(1);
	image = &screen.image;
	judge_picture_within(0, image, RECOVERY);

	judge(NULL, 0, "fake-count");
	change(&screen, screen.buffers[1], 2, part);
	judge_picture(0, image);
	change(&screen, screen.buffers[1], 3, part);
	judge_picture(0, image);
	judge(NULL, 0, "fake-counted TRANSFER 2 %d", MANY);
	judge(NULL, 0, "fake-counted %s 0 0", command);
}

/* Loads the driver again, so that it uses zero-copy again. */
static void reload(void *unused)
{
	(void)unused;
	module_unload();
	module_load();
}

static void refused_scanout(void)
{
	at_end(reload, NULL);
	falls_back("SET_SCANOUT_BLOB");
}

static void refused_blob(void)
{
	at_end(reload, NULL);
	falls_back("CREATE_BLOB");
}

/* Makes another framebuffer over the memory of a buffer. */
static void add_framebuffer(struct buffer *buffer)
{
	uint32_t handles[4] = { buffer->handle }, pitches[4] = { buffer->pitch };
	uint32_t offsets[4] = { buffer->offset };

	check(!drmModeAddFB2(buffer->fd, buffer->width, buffer->height, buffer->fourcc, handles,
			     pitches, offsets, &buffer->fb, 0), "a framebuffer: %s",
	      strerror(errno));
}

/* After a reset the host refuses the buffers that it has shown: the driver must copy their pixels. */
static void refused_again(void)
{
	struct rect part = { 70, 50, 200, 100 };
	struct screen screen;

	if (driver_is_stock())
		skip("the kernel's own driver does not reset devices");
	/* Before start(), so that the driver is loaded when the device is good again. */
	at_end(reload, NULL);
	start();
	screen = kms_screen(1);
	judge_picture(0, &screen.image);
	judge(NULL, 0, "fault refuse CREATE_BLOB");
	fake_reset(RECOVERY);
	judge_picture_within(0, &screen.image, RECOVERY);

	change(&screen, screen.buffers[0], 2, part);
	judge_picture(0, &screen.image);
	add_framebuffer(screen.buffers[0]);
	change(&screen, screen.buffers[0], 3, part);
	judge_picture(0, &screen.image);
}

/* Flips to a new buffer; allocations may fail. */
static int new_frame(const struct head *head)
{
	struct buffer buffer = { };
	uint32_t handles[4] = { }, pitches[4] = { }, offsets[4] = { };
	struct request request;
	uint64_t size;
	int ret;

	if (drmModeCreateDumbBuffer(head->fd, head->mode.hdisplay, head->mode.vdisplay, 32, 0,
				    &buffer.handle, &pitches[0], &size))
		return -errno;
	handles[0] = buffer.handle;
	ret = drmModeAddFB2(head->fd, head->mode.hdisplay, head->mode.vdisplay,
			    DRM_FORMAT_XRGB8888, handles, pitches, offsets, &buffer.fb, 0);
	if (!ret) {
		request = kms_request(head->fd);
		kms_request_flip(&request, head, &buffer, NULL, 0);
		ret = kms_commit(&request, 0);
		drmModeRmFB(head->fd, buffer.fb);
	}
	drmModeDestroyDumbBuffer(head->fd, buffer.handle);
	return ret;
}

static void frames_without_memory(void)
{
	struct screen screen = kms_screen(1);
	int nth, failed = 0;

	for (nth = 1; nth < 1000; nth++) {
		int ret;

		nomem_left = nth;
		ret = new_frame(&screen.head);
		if (nomem_left)
			break;
		/* DRM core returns ENOSPC if it has no memory for a map offset. */
		check(!ret || ret == -ENOMEM || ret == -ENOSPC, "without allocation %d: %s", nth,
		      strerror(-ret));
		failed += !!ret;
	}
	nomem_left = 0;
	check(failed >= 10, "only %d of %d failed allocations were reported", failed, nth);
}

/* After allocation failures in the guest, the driver must still use zero-copy. */
static void no_memory(void)
{
	struct screen screen;

	start();
	if (driver_is_stock())
		skip("the kernel's own driver always copies");
	nomem_arm();
	scope(frames_without_memory);
	judge(NULL, 0, "fake-count");
	screen = kms_screen(2);
	judge_picture(0, &screen.image);
	judge(NULL, 0, "fake-counted TRANSFER 0 0");
}

static void unload_asker(void *unused)
{
	(void)unused;
	shell("rmmod bufferuuid");
}

#define UUID_SIZE	64

/* Asks for a buffer's UUID as another virtio driver does; @answer gets a UUID or an errno. */
static void ask_uuid(int buffer, char answer[UUID_SIZE])
{
	char command[128];
	FILE *file;

	snprintf(command, sizeof(command), "insmod /host/tests/bufferuuid.ko fd=%d", buffer);
	shell(command);
	at_end(unload_asker, NULL);
	file = fopen("/sys/module/bufferuuid/parameters/answer", "r");
	check(file && fgets(answer, UUID_SIZE, file), "no answer");
	fclose(file);
	answer[strcspn(answer, "\n")] = 0;
	not_at_end(unload_asker, NULL);
	unload_asker(NULL);
}

static void check_answer(const char *answer, const char *want)
{
	check(!strcmp(answer, want), "the UUID is %s, not %s", answer, want);
}

/* Checks a UUID of the fake device: resource id, number of resets (both below 256), and Zs. */
static void check_is_of(const char *answer, uint32_t number)
{
	char want[UUID_SIZE];

	snprintf(want, sizeof(want), "%02x000000-%02lx5a-5a5a-5a5a-5a5a5a5a5a5a", number,
		 judge_number("fake-resets"));
	check_answer(answer, want);
}

static void check_uuid(int buffer, const char *want)
{
	char answer[UUID_SIZE];

	ask_uuid(buffer, answer);
	check_answer(answer, want);
}

static void check_has_uuid(int buffer, uint32_t number)
{
	char answer[UUID_SIZE];

	ask_uuid(buffer, answer);
	check_is_of(answer, number);
}

static void close_fd(void *data)
{
	close((int)(intptr_t)data);
}

/* Exports a dma-buf, closed at the end of the subtest; insmod inherits it. */
static int export_buffer(int fd, uint32_t handle)
{
	int buffer;

	check(!drmPrimeHandleToFD(fd, handle, DRM_RDWR, &buffer), "export: %s", strerror(errno));
	at_end(close_fd, (void *)(intptr_t)buffer);
	return buffer;
}

static int export_blob(int fd, uint32_t flags, uint32_t *number)
{
	struct drm_virtgpu_resource_create_blob blob = {
		.blob_mem = VIRTGPU_BLOB_MEM_GUEST, .size = 1 << 16,
		.blob_flags = VIRTGPU_BLOB_FLAG_USE_SHAREABLE | flags,
	};

	check(!drmIoctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob), "blob: %s",
	      strerror(errno));
	*number = blob.res_handle;
	return export_buffer(fd, blob.bo_handle);
}

static void uuid(void)
{
	uint32_t number;
	int fd, buffer;

	start();
	fd = kms_open();
	buffer = export_blob(fd, VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE, &number);
	check_has_uuid(buffer, number);
	check_uuid(export_blob(fd, 0, &number), "-19");
	/* This is a blob, too, but without the flag for other devices. */
	check_uuid(export_buffer(fd, kms_buffer(fd, 64, 64, DRM_FORMAT_XRGB8888)->handle), "-19");
}

/* On a device without blobs, each buffer has a UUID. */
static void dumb_uuid(void)
{
	struct drm_virtgpu_resource_info info = { };
	char answer[UUID_SIZE];
	int fd;

	start();
	fake_plug("features=6");
	module_load();
	fd = kms_open();
	info.bo_handle = kms_buffer(fd, 64, 64, DRM_FORMAT_XRGB8888)->handle;
	/* Ask before anything else creates the resource of the buffer. */
	ask_uuid(export_buffer(fd, info.bo_handle), answer);
	check(!drmIoctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info), "info: %s", strerror(errno));
	check_is_of(answer, info.res_handle);
}

/* After a reset the host has forgotten all UUIDs. */
static void new_uuid(void)
{
	struct screen screen;
	uint32_t number;
	int buffer;

	start();
	if (driver_is_stock())
		skip("the kernel's own driver does not reset devices");
	screen = kms_screen(1);
	buffer = export_blob(screen.head.fd, VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE, &number);
	check_has_uuid(buffer, number);
	fake_reset(RECOVERY);
	/* The picture is restored after all resources. */
	judge_picture_within(0, &screen.image, RECOVERY);
	check_has_uuid(buffer, number);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "no-copies", "frames without a copy", no_copies },
		{ "panic-screen", "the panic screen without a copy", panic_shown },
		{ "late-answer", "a flip is done when the host has answered", late_answer },
		{ "refused-scanout", "the host cannot show a blob", refused_scanout },
		{ "refused-blob", "the host cannot create a blob", refused_blob },
		{ "refused-again", "the host refuses blobs after a reset", refused_again },
		{ "no-memory", "allocations fail in the guest", no_memory },
		{ "uuid", "the UUID of a blob", uuid },
		{ "dumb-uuid", "the UUID of a dumb buffer", dumb_uuid },
		{ "new-uuid", "a new UUID after a reset", new_uuid },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
