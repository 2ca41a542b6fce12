// SPDX-License-Identifier: GPL-2.0
/* Buffers that come from elsewhere, shown and judged; and our own, handed out. */
#include <drm/vgem_drm.h>
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/held.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"

static void close_fd(void *data)
{
	close((int)(intptr_t)data);
}

/* Shows a buffer of a mode's size, and has it judged after drawing by CPU. */
static void show_foreign(struct head *head, const drmModeModeInfo *mode, struct buffer *buffer)
{
	struct image image = image_new(mode->hdisplay, mode->vdisplay);

	image_pattern(&image, 1, image_all(&image));
	kms_draw(buffer, &image, image_all(&image));
	kms_set_mode(head, mode, buffer);
	judge_picture(0, &image);

	image_pattern(&image, 2, image_all(&image));
	kms_draw(buffer, &image, image_all(&image));
	kms_flip(head, buffer, NULL, 0);
	judge_picture(0, &image);
}

/* A dumb buffer of another device, which is closed at the subtest's end. */
static void import_dumb(int other)
{
	int fd = kms_open();
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);

	at_end(close_fd, (void *)(intptr_t)other);
	show_foreign(&head, &mode, kms_foreign(fd, other, mode.hdisplay, mode.vdisplay));
}

static int open_vgem(void)
{
	int vgem = drmOpenWithType("vgem", NULL, DRM_NODE_PRIMARY);

	check(vgem >= 0, "no vgem: modprobe vgem?");
	return vgem;
}

static void import_vgem(void)
{
	import_dumb(open_vgem());
}

/**
 * struct drawing - a buffer of vgem's, to which somebody draws when told so
 * @fd: the virtio GPU, whose first head shows another buffer
 * @head: the head
 * @buffer: the buffer, imported
 * @vgem: vgem
 * @attach: the fence of what is drawn
 * @thread: who shows the buffer
 * @is_back: the commit that shows the buffer has come back
 * @has_waited: it had not, though nobody ended drawing
 * @was_early: the buffer was shown before all was drawn
 * @error: what else went wrong
 */
struct drawing {
	int fd;
	struct head head;
	struct buffer *buffer;
	int vgem;
	struct drm_vgem_fence_attach attach;
	pthread_t thread;
	volatile bool is_back;
	bool has_waited;
	bool was_early;
	int error;
};

static struct drawing drawing_new(void)
{
	struct drawing drawing = { .fd = kms_open(), .vgem = open_vgem(),
				   .thread = pthread_self() };
	drmModeModeInfo mode;
	int dmabuf;

	at_end(close_fd, (void *)(intptr_t)drawing.vgem);
	drawing.head = kms_head(drawing.fd, 0);
	mode = kms_preferred(&drawing.head);
	kms_show(&drawing.head, &mode, 1);
	drawing.buffer = kms_foreign(drawing.fd, drawing.vgem, mode.hdisplay, mode.vdisplay);
	/* Shown once, the buffer needs nothing more than a flip. */
	kms_flip(&drawing.head, drawing.buffer, NULL, 0);
	kms_flip(&drawing.head, kms_buffer(drawing.fd, mode.hdisplay, mode.vdisplay,
					   DRM_FORMAT_XRGB8888), NULL, 0);
	check(!drmPrimeHandleToFD(drawing.fd, drawing.buffer->handle, DRM_CLOEXEC, &dmabuf),
	      "export: %s", strerror(errno));
	check(!drmPrimeFDToHandle(drawing.vgem, dmabuf, &drawing.attach.handle), "import: %s",
	      strerror(errno));
	close(dmabuf);
	drawing.attach.flags = VGEM_FENCE_WRITE;
	return drawing;
}

static int drawing_begin(struct drawing *drawing)
{
	return ioctl(drawing->vgem, DRM_IOCTL_VGEM_FENCE_ATTACH, &drawing->attach) ? errno : 0;
}

static int drawing_end(const struct drawing *drawing)
{
	struct drm_vgem_fence_signal signal = { .fence = drawing->attach.out_fence };

	return ioctl(drawing->vgem, DRM_IOCTL_VGEM_FENCE_SIGNAL, &signal) ? errno : 0;
}

static bool is_shown(const struct drawing *drawing, int milliseconds)
{
	struct pollfd poller = { .fd = drawing->fd, .events = POLLIN };

	return poll(&poller, 1, milliseconds) == 1;
}

static int drawing_show(const struct drawing *drawing)
{
	struct request request = kms_request(drawing->fd);

	kms_request_flip(&request, &drawing->head, drawing->buffer, NULL, 0);
	return kms_commit(&request, DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT);
}

/* A commit that is not to wait does not, and shows the buffer when all has been drawn. */
static void fence(void)
{
	struct drawing drawing = drawing_new();
	double start;
	int ret;

	ret = drawing_begin(&drawing);
	check(!ret, "fence: %s", strerror(ret));
	start = now();
	ret = drawing_show(&drawing);
	check(!ret, "flip: %s", strerror(-ret));
	/* vgem ends a fence by itself after ten seconds. */
	check(now() - start < 5, "a commit that is not to wait waited for a fence");
	check(!is_shown(&drawing, 500), "a buffer is shown while it is drawn to");
	ret = drawing_end(&drawing);
	check(!ret, "end of a fence: %s", strerror(ret));
	kms_wait_for_flips(drawing.fd, 1);
}

static void no_signal_matters(int signal)
{
	(void)signal;
}

/* Begins to draw while a commit is held, and does not end because its thread gets a signal. */
static void *draw_late(void *data)
{
	struct drawing *drawing = data;
	double start = now();

	while (!held_is_held() && now() - start < 5)
		;
	drawing->error = drawing_begin(drawing);
	if (held_let_go() || drawing->error)
		return NULL;
	usleep(100000);
	pthread_kill(drawing->thread, SIGUSR1);
	/* vgem ends a fence by itself after ten seconds. */
	while (!drawing->is_back && now() - start < 7)
		usleep(1000);
	drawing->has_waited = !drawing->is_back;
	drawing->was_early = is_shown(drawing, 500);
	drawing->error = drawing_end(drawing);
	return NULL;
}

/* A fence that comes during a commit is waited for all the same, but not by who commits. */
static void fence_late(void)
{
	struct sigaction action = { .sa_handler = no_signal_matters }, old;
	struct drawing drawing = drawing_new();
	pthread_t thread;
	int ret;

	held_start("");
	check(!sigaction(SIGUSR1, &action, &old), "signal handler: %s", strerror(errno));
	check(!pthread_create(&thread, NULL, draw_late, &drawing), "no thread");
	held_next(0);
	ret = drawing_show(&drawing);
	drawing.is_back = true;
	pthread_join(thread, NULL);
	sigaction(SIGUSR1, &old, NULL);
	check(!ret, "flip: %s", strerror(-ret));
	check(!drawing.error, "fence: %s", strerror(drawing.error));
	check(!drawing.has_waited, "a commit that is not to wait waited for a fence");
	check(!drawing.was_early, "a buffer is shown while it is drawn to");
	kms_wait_for_flips(drawing.fd, 1);
}

/* Of another device of the same driver: one of them hands out, the other takes. */
static void import_other(void)
{
	char path[32];
	int i;

	check(kms_path(), "no virtio GPU");
	for (i = 0; i < 8; i++) {
		drmVersion *version;
		bool found;
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		version = fd < 0 ? NULL : drmGetVersion(fd);
		found = version && !strcmp(version->name, "virtio_gpu") && strcmp(path, kms_path());
		drmFreeVersion(version);
		if (found) {
			import_dumb(fd);
			return;
		}
		if (fd >= 0)
			close(fd);
	}
	skip("no other virtio GPU");
}

/*
 * Fills a file with pages that do not touch: those in between are another file's. Of pages that touch
 * udmabuf makes one piece, and a bounce buffer has 256 KiB; see docs/upstream/udmabuf-segments.patch.
 */
static void fill_apart(int memfd, uint64_t size)
{
	int between = memfd_create("between", MFD_CLOEXEC);
	uint64_t offset;

	check(between >= 0, "memfd: %s", strerror(errno));
	at_end(close_fd, (void *)(intptr_t)between);
	for (offset = 0; offset < size; offset += 4096)
		check(pwrite(memfd, "", 1, offset) == 1 && pwrite(between, "", 1, offset) == 1,
		      "memfd: %s", strerror(errno));
}

static void import_udmabuf(void)
{
	int fd = kms_open(), dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), memfd, dmabuf;
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC };
	struct buffer buffer = { .fd = fd, .width = mode.hdisplay, .height = mode.vdisplay,
				 .pitch = mode.hdisplay * 4, .fourcc = DRM_FORMAT_XRGB8888 };
	uint32_t handles[4] = {}, pitches[4] = { buffer.pitch }, offsets[4] = {};

	check(dev >= 0, "no udmabuf: %s", strerror(errno));
	at_end(close_fd, (void *)(intptr_t)dev);
	memfd = memfd_create("udmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	check(memfd >= 0, "memfd: %s", strerror(errno));
	at_end(close_fd, (void *)(intptr_t)memfd);
	create.memfd = memfd;
	create.size = ((uint64_t)buffer.pitch * mode.vdisplay + 4095) & ~4095ull;
	check(!ftruncate(memfd, create.size), "memfd size: %s", strerror(errno));
	fill_apart(memfd, create.size);
	check(!fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK), "seal: %s", strerror(errno));
	dmabuf = ioctl(dev, UDMABUF_CREATE, &create);
	check(dmabuf >= 0, "udmabuf: %s", strerror(errno));
	at_end(close_fd, (void *)(intptr_t)dmabuf);
	buffer.map = mmap(NULL, create.size, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	check(buffer.map != MAP_FAILED, "mmap: %s", strerror(errno));
	check(!drmPrimeFDToHandle(fd, dmabuf, &handles[0]), "import: %s", strerror(errno));
	check(!drmModeAddFB2(fd, buffer.width, buffer.height, buffer.fourcc, handles, pitches,
			     offsets, &buffer.fb, 0), "framebuffer: %s", strerror(errno));
	show_foreign(&head, &mode, &buffer);
	drmModeRmFB(fd, buffer.fb);
	drmCloseBufferHandle(fd, handles[0]);
	munmap(buffer.map, create.size);
}

static void import_self(void)
{
	int fd = kms_open(), other = open(kms_path(), O_RDWR | O_CLOEXEC), dmabuf;
	struct buffer *buffer = kms_buffer(fd, 64, 64, DRM_FORMAT_XRGB8888);
	uint32_t handle, again;

	at_end(close_fd, (void *)(intptr_t)other);
	check(!drmPrimeHandleToFD(fd, buffer->handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), "export: %s",
	      strerror(errno));
	at_end(close_fd, (void *)(intptr_t)dmabuf);
	check(!drmPrimeFDToHandle(fd, dmabuf, &again) && again == buffer->handle,
	      "our own buffer came back as another handle");
	check(!drmPrimeFDToHandle(other, dmabuf, &handle), "import by another file: %s",
	      strerror(errno));
	drmCloseBufferHandle(other, handle);
}

/* The dma-buf outlives the file it came from. */
static void export_outlives(void)
{
	int fd = kms_open(), other = open(kms_path(), O_RDWR | O_CLOEXEC), dmabuf;
	volatile uint32_t *map, *again;
	uint32_t handle, pitch;
	uint64_t size;

	(void)fd;
	check(other >= 0, "open: %s", strerror(errno));
	check(!drmModeCreateDumbBuffer(other, 256, 256, 32, 0, &handle, &pitch, &size), "buffer: %s",
	      strerror(errno));
	check(!drmPrimeHandleToFD(other, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), "export: %s",
	      strerror(errno));
	at_end(close_fd, (void *)(intptr_t)dmabuf);
	close(other);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	check(map != MAP_FAILED, "mmap: %s", strerror(errno));
	map[1000] = 0x12345678;
	again = mmap(NULL, size, PROT_READ, MAP_SHARED, dmabuf, 0);
	check(again != MAP_FAILED, "mmap again: %s", strerror(errno));
	check(again[1000] == 0x12345678, "the memory does not keep what is written");
	munmap((void *)map, size);
	munmap((void *)again, size);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "import-vgem", "a buffer of vgem is shown", import_vgem },
		{ "import-other", "a buffer of another virtio GPU is shown", import_other },
		{ "import-udmabuf", "plain memory is shown", import_udmabuf },
		{ "fence", "a buffer to which somebody draws", fence },
		{ "fence-late", "somebody begins to draw during the commit", fence_late },
		{ "import-self", "our own buffer comes back as itself", import_self },
		{ "export-outlives", "a dma-buf outlives its file", export_outlives },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
