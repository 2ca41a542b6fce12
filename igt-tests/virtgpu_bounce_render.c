// SPDX-License-Identifier: GPL-2.0
/*
 * A renderer that accesses the guest's memory through bounce buffers. Needs such a guest, see
 * "bounce-virgl" in qemu/variants.py.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/harness.h"
#include "lib/render.h"

/* The texture of render_texture(). */
#define SIZE		64
#define BYTES		(SIZE * SIZE * 4)
/* The rows that are transferred. */
#define FIRST		20
#define ROWS		8
#define TIMES		50

static struct drm_virtgpu_resource_create texture;
static uint32_t *pixels;

static void start(void)
{
	struct drm_virtgpu_map map = { };

	render_start();
	texture = render_texture();
	map.handle = texture.bo_handle;
	expect(0, DRM_IOCTL_VIRTGPU_MAP, &map);
	pixels = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, render_fd, map.offset);
	check(pixels != MAP_FAILED, "mmap: %s", strerror(errno));
}

static void fill(uint32_t pixel)
{
	int i;

	for (i = 0; i < SIZE * SIZE; i++)
		pixels[i] = pixel + i;
}

static void send(int first, int rows)
{
	struct drm_virtgpu_3d_transfer_to_host to = {
		.bo_handle = texture.bo_handle, .offset = first * SIZE * 4,
		.box = { .y = first, .w = SIZE, .h = rows, .d = 1 } };

	expect(0, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to);
}

static void fetch(int first, int rows)
{
	struct drm_virtgpu_3d_transfer_from_host from = {
		.bo_handle = texture.bo_handle, .offset = first * SIZE * 4,
		.box = { .y = first, .w = SIZE, .h = rows, .d = 1 } };

	expect(0, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from);
}

/* Checks that the pixels of some rows are @fetched and those of the other rows @others. */
static void check_rows(int first, int rows, uint32_t fetched, uint32_t others)
{
	int i;

	for (i = 0; i < SIZE * SIZE; i++) {
		bool is_fetched = i / SIZE >= first && i / SIZE < first + rows;
		uint32_t wanted = (is_fetched ? fetched : others) + i;

		check(pixels[i] == wanted, "pixel %d is 0x%x, not 0x%x", i, pixels[i], wanted);
	}
}

/* A fetch of some rows must not change what the CPU wrote to the other rows. */
static void fetch_part(void)
{
	start();
	fill(0x11000000);
	send(0, SIZE);
	render_wait(texture.bo_handle);
	fill(0x22000000);
	fetch(FIRST, ROWS);
	render_wait(texture.bo_handle);
	check_rows(FIRST, ROWS, 0x11000000, 0x22000000);
}

/* Sends, changes and fetches rows repeatedly, with two fetches at the same time. */
static void in_a_row(void)
{
	int i;

	start();
	for (i = 1; i <= TIMES; i++) {
		fill(i << 24);
		send(0, SIZE);
		render_wait(texture.bo_handle);
		fill(0x77000000);
		fetch(0, FIRST);
		fetch(FIRST, ROWS);
		render_wait(texture.bo_handle);
		check_rows(0, FIRST + ROWS, i << 24, 0x77000000);
	}
}

/* Streams must not let the host access guest memory, because the driver could not copy it in time. */
static void capset(void)
{
		/* virgl's second capset; the bits of such streams are in two of its words. */
	uint32_t caps[256] = { };
	struct drm_virtgpu_get_caps args = { .cap_set_id = VIRTGPU_DRM_CAPSET_VIRGL2,
		.cap_set_ver = 1, .addr = (uintptr_t)caps, .size = sizeof(caps) };

	render_start();
	expect(0, DRM_IOCTL_VIRTGPU_GET_CAPS, &args);
	check(caps[0], "the capset is empty");
	check(!(caps[98] & (1u << 17 | 1u << 26)), "the first word is 0x%x", caps[98]);
	check(!(caps[172] & 1u << 7), "the second word is 0x%x", caps[172]);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "fetch-part", "some rows come back from the host", fetch_part },
		{ "in-a-row", "two transfers at the same time", in_a_row },
		{ "capset", "the capset does not offer transfers in streams", capset },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
