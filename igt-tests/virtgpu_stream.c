// SPDX-License-Identifier: GPL-2.0
/* Checks that streams reach the renderer unchanged: they write pixels into a texture. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/harness.h"
#include "lib/kms.h"
#include "lib/render.h"

#define SIZE		64
#define PIXELS		(SIZE * SIZE)
/* virglrenderer's command for inline pixels: its number, and the arguments before the pixels. */
#define INLINE_WRITE	9
#define ARGUMENTS	11

/* Writes @count pixels, either whole rows or a part of the first row, with one stream. */
static void write_pixels(uint32_t resource, const uint32_t *pixels, uint32_t count)
{
	static uint32_t stream[1 + ARGUMENTS + PIXELS];
	uint32_t width = count < SIZE ? count : SIZE;
	uint32_t *arguments = stream + 1;
	struct drm_virtgpu_execbuffer exec = {
		.command = (uintptr_t)stream, .size = (1 + ARGUMENTS + count) * sizeof(*stream),
	};

	stream[0] = (ARGUMENTS + count) << 16 | INLINE_WRITE;
	memset(arguments, 0, ARGUMENTS * sizeof(*arguments));
	arguments[0] = resource;
	arguments[3] = width * sizeof(*pixels);
	arguments[8] = width;
	arguments[9] = count / width;
	arguments[10] = 1;
	memcpy(arguments + ARGUMENTS, pixels, count * sizeof(*pixels));
	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
}

static void lengths(void)
{
	/* Includes the longest stream that fits into a command, and the next longer ones. */
	static const uint32_t counts[] = { 1, 19, 20, 21, 22, 63, SIZE, 2 * SIZE, PIXELS };
	struct drm_virtgpu_3d_transfer_from_host from = { .box = { .w = SIZE, .h = SIZE, .d = 1 } };
	struct drm_virtgpu_resource_create create;
	static uint32_t pixels[PIXELS];
	struct drm_virtgpu_map map = {};
	const uint32_t *got;
	uint32_t i, j;

	render_start();
	create = render_texture();
	from.bo_handle = map.handle = create.bo_handle;
	expect(0, DRM_IOCTL_VIRTGPU_MAP, &map);
	got = mmap(NULL, sizeof(pixels), PROT_READ, MAP_SHARED, render_fd, map.offset);
	check(got != MAP_FAILED, "mmap: %s", strerror(errno));

	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		for (j = 0; j < counts[i]; j++)
			pixels[j] = (i + 1) << 16 | j;
		write_pixels(create.res_handle, pixels, counts[i]);
		expect(0, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from);
		render_wait(create.bo_handle);
		for (j = 0; j < PIXELS; j++)
			check(got[j] == pixels[j], "%u pixels: pixel %u is %08x, not %08x",
			      counts[i], j, got[j], pixels[j]);
	}
	munmap((void *)got, sizeof(pixels));
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "lengths", "short and long streams arrive completely", lengths },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
