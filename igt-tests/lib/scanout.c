// SPDX-License-Identifier: GPL-2.0
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "kms.h"
#include "scanout.h"
#include "../../uapi/virtgpu_drm.h"

/* Creates the file's context first, because mainline does not attach earlier objects to it. */
static void make_context(int fd)
{
	static const uint32_t nop[16];
	struct drm_virtgpu_execbuffer exec = { .size = sizeof(nop), .command = (uintptr_t)nop };

	check(!drmIoctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec), "context: %s", strerror(errno));
}

/* Copies the renderer's image to the guest's pages. */
static void fetch(int fd, const drmModeFB2 *fb)
{
	struct drm_virtgpu_3d_transfer_from_host transfer = {
		.bo_handle = fb->handles[0],
		.box = { .w = fb->width, .h = fb->height, .d = 1 },
		.offset = fb->offsets[0],
	};
	struct drm_virtgpu_3d_wait wait = { .handle = fb->handles[0] };

	check(!drmIoctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &transfer), "transfer: %s",
	      strerror(errno));
	check(!drmIoctl(fd, DRM_IOCTL_VIRTGPU_WAIT, &wait), "wait: %s", strerror(errno));
}

/* Returns the framebuffer of a CRTC's primary plane, which is its first plane. */
static drmModeFB2 *framebuffer(int fd, uint32_t crtc)
{
	drmModePlaneRes *planes = drmModeGetPlaneResources(fd);
	drmModeFB2 *fb = NULL;
	uint32_t i;

	check(planes, "no planes: %s", strerror(errno));
	for (i = 0; i < planes->count_planes && !fb; i++) {
		drmModePlane *plane = drmModeGetPlane(fd, planes->planes[i]);

		if (plane->crtc_id == crtc)
			fb = drmModeGetFB2(fd, plane->fb_id);
		drmModeFreePlane(plane);
	}
	drmModeFreePlaneResources(planes);
	return fb;
}

static void copy(int fd, const drmModeFB2 *fb, const drmModeCrtc *crtc, struct image *image)
{
	struct drm_mode_map_dumb map = { .handle = fb->handles[0] };
	size_t size = fb->offsets[0] + (size_t)fb->pitches[0] * fb->height;
	uint8_t *pixels;
	uint32_t x, y;

	check(!drmIoctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map), "map: %s", strerror(errno));
	pixels = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, map.offset);
	check(pixels != MAP_FAILED, "mmap: %s", strerror(errno));
	for (y = 0; y < image->height; y++) {
		const uint32_t *row = (const void *)(pixels + fb->offsets[0] +
						     (crtc->y + y) * fb->pitches[0]);

		for (x = 0; x < image->width; x++)
			image->pixels[y * image->width + x] = row[crtc->x + x] & 0xffffff;
	}
	munmap(pixels, size);
}

struct image scanout_read(int index, bool is_drawn_by_host, uint32_t *id)
{
	const char *path = kms_path();
	drmModeCrtc *crtc;
	drmModeRes *res;
	drmModeFB2 *fb;
	struct image image;
	int fd;

	check(path, "no virtio GPU");
	fd = open(path, O_RDWR | O_CLOEXEC);
	check(fd >= 0, "%s: %s", path, strerror(errno));
	/* Do not become master, not even if there is none. */
	drmDropMaster(fd);
	if (is_drawn_by_host)
		make_context(fd);
	drmSetClientCap(fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1);
	res = drmModeGetResources(fd);
	check(res && index < res->count_crtcs, "no head %d", index);
	crtc = drmModeGetCrtc(fd, res->crtcs[index]);
	check(crtc && crtc->mode_valid, "head %d is off", index);
	fb = framebuffer(fd, crtc->crtc_id);
	check(fb && fb->handles[0], "head %d shows no readable framebuffer", index);
	check(fb->pixel_format == DRM_FORMAT_XRGB8888 || fb->pixel_format == DRM_FORMAT_ARGB8888,
	      "format %.4s", (char *)&fb->pixel_format);
	if (id)
		*id = fb->fb_id;
	if (is_drawn_by_host)
		fetch(fd, fb);
	image = image_new(crtc->mode.hdisplay, crtc->mode.vdisplay);
	copy(fd, fb, crtc, &image);
	drmModeFreeFB2(fb);
	drmModeFreeCrtc(crtc);
	drmModeFreeResources(res);
	close(fd);
	return image;
}
