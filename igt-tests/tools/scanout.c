// SPDX-License-Identifier: GPL-2.0
/*
 * Has the judge compare what the guest scans out with what the host shows: reads the framebuffer
 * of a head from guest memory, whoever drew it; or, if a renderer on the host drew it, has it
 * copied there first.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "../uapi/virtgpu_drm.h"

static int head_index;
static const char *name;
static int min_colours;
static bool is_drawn_by_host;

/* Makes the file's context: mainline's driver shows it no object that the file had before. */
static void make_context(int fd)
{
	static const uint32_t nop[16];
	struct drm_virtgpu_execbuffer exec = { .size = sizeof(nop), .command = (uintptr_t)nop };

	check(!drmIoctl(fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec), "context: %s", strerror(errno));
}

/* From the renderer's image to the guest's pages. */
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

static void scanout(void)
{
	const char *path = kms_path();
	struct drm_mode_map_dumb map = {};
	drmModePlaneRes *planes;
	drmModePlane *plane;
	drmModeFB2 *fb = NULL;
	drmModeCrtc *crtc;
	drmModeRes *res;
	struct image image;
	uint8_t *pixels;
	uint32_t i, y, x, x0, y0;
	int fd;

	check(path, "no virtio GPU");
	fd = open(path, O_RDWR | O_CLOEXEC);
	check(fd >= 0, "%s: %s", path, strerror(errno));
	if (is_drawn_by_host)
		make_context(fd);
	drmSetClientCap(fd, DRM_CLIENT_CAP_UNIVERSAL_PLANES, 1);
	res = drmModeGetResources(fd);
	check(res && head_index < res->count_crtcs, "no head %d", head_index);
	crtc = drmModeGetCrtc(fd, res->crtcs[head_index]);
	check(crtc && crtc->mode_valid, "head %d is off", head_index);

	/* The primary plane comes first among those of a CRTC. */
	planes = drmModeGetPlaneResources(fd);
	for (i = 0; i < planes->count_planes && !fb; i++) {
		plane = drmModeGetPlane(fd, planes->planes[i]);
		if (plane->crtc_id == crtc->crtc_id)
			fb = drmModeGetFB2(fd, plane->fb_id);
	}
	check(fb && fb->handles[0], "head %d shows nothing we may read", head_index);
	check(fb->pixel_format == DRM_FORMAT_XRGB8888 || fb->pixel_format == DRM_FORMAT_ARGB8888,
	      "format %.4s", (char *)&fb->pixel_format);

	if (is_drawn_by_host)
		fetch(fd, fb);
	map.handle = fb->handles[0];
	check(!drmIoctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map), "map: %s", strerror(errno));
	pixels = mmap(NULL, fb->offsets[0] + fb->pitches[0] * fb->height, PROT_READ, MAP_SHARED, fd,
		      map.offset);
	check(pixels != MAP_FAILED, "mmap: %s", strerror(errno));

	image = image_new(crtc->mode.hdisplay, crtc->mode.vdisplay);
	x0 = crtc->x;
	y0 = crtc->y;
	for (y = 0; y < image.height; y++) {
		const uint32_t *row = (const void *)(pixels + fb->offsets[0] +
						     (y0 + y) * fb->pitches[0]);

		for (x = 0; x < image.width; x++)
			image.pixels[y * image.width + x] = row[x0 + x] & 0xffffff;
	}
	judge_picture(head_index, &image);
	judge(NULL, 0, "keep %d %s %d", head_index, name, min_colours);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = { { "scanout", "scanout", scanout }, { } };

	if (argc != 4 && (argc != 5 || strcmp(argv[4], "host"))) {
		fprintf(stderr, "usage: %s HEAD NAME MIN_COLOURS [host]\n", argv[0]);
		return 2;
	}
	is_drawn_by_host = argc == 5;
	head_index = atoi(argv[1]);
	name = argv[2];
	min_colours = atoi(argv[3]);
	return harness_main(1, argv, subtests);
}
