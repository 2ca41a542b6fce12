// SPDX-License-Identifier: GPL-2.0
/* Buffers that come from elsewhere, shown and judged; and our own, handed out. */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"

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

static void import_vgem(void)
{
	int vgem = drmOpenWithType("vgem", NULL, DRM_NODE_PRIMARY);

	if (vgem < 0)
		skip("no vgem");
	import_dumb(vgem);
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

static void import_udmabuf(void)
{
	int fd = kms_open(), dev = open("/dev/udmabuf", O_RDWR | O_CLOEXEC), memfd, dmabuf;
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC };
	struct buffer buffer = { .fd = fd, .width = mode.hdisplay, .height = mode.vdisplay,
				 .pitch = mode.hdisplay * 4, .fourcc = DRM_FORMAT_XRGB8888 };
	uint32_t handles[4] = {}, pitches[4] = { buffer.pitch }, offsets[4] = {};

	if (dev < 0)
		skip("no udmabuf");
	at_end(close_fd, (void *)(intptr_t)dev);
	memfd = memfd_create("udmabuf", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	check(memfd >= 0, "memfd: %s", strerror(errno));
	at_end(close_fd, (void *)(intptr_t)memfd);
	create.memfd = memfd;
	create.size = ((uint64_t)buffer.pitch * mode.vdisplay + 4095) & ~4095ull;
	check(!ftruncate(memfd, create.size), "memfd size: %s", strerror(errno));
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
	uint32_t handle, pitch, *map;
	uint64_t size;

	(void)fd;
	check(!drmModeCreateDumbBuffer(other, 256, 256, 32, 0, &handle, &pitch, &size), "buffer: %s",
	      strerror(errno));
	check(!drmPrimeHandleToFD(other, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), "export: %s",
	      strerror(errno));
	at_end(close_fd, (void *)(intptr_t)dmabuf);
	close(other);
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	check(map != MAP_FAILED, "mmap: %s", strerror(errno));
	map[1000] = 0x12345678;
	check(map[1000] == 0x12345678, "the memory does not keep what is written");
	munmap(map, size);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "import-vgem", "a buffer of vgem is shown", import_vgem },
		{ "import-other", "a buffer of another virtio GPU is shown", import_other },
		{ "import-udmabuf", "plain memory is shown", import_udmabuf },
		{ "import-self", "our own buffer comes back as itself", import_self },
		{ "export-outlives", "a dma-buf outlives its file", export_outlives },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
