// SPDX-License-Identifier: GPL-2.0
/*
 * A renderer that accesses the guest's memory through bounce buffers. Needs such a guest, see
 * "bounce-virgl" in qemu/harness/variants.py.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/render.h"

/* The texture of render_texture(). */
#define SIZE		64
#define BYTES		(SIZE * SIZE * 4)
/* The rows that are transferred. */
#define FIRST		20
#define ROWS		8
#define TIMES		50

/* Commands and values of virgl's protocol. */
#define COMMAND(number, object, words)	((number) | (object) << 8 | (words) << 16)
#define CREATE_OBJECT	1
#define END_QUERY	20
#define GET_QUERY_RESULT 21
#define OBJECT_QUERY	9
#define TIMESTAMP	2
#define FORMAT_R8	64
#define BIND_CUSTOM	(1 << 17)
/* The number of the query in its context. */
#define QUERY		1

/* The result that the renderer writes into guest memory. */
struct query_result {
	uint32_t state;
#define QUERY_DONE	1
#define QUERY_WAITS	2
	uint32_t size;
	uint64_t value;
};

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

static struct drm_virtgpu_resource_create query_buffer;
static volatile struct query_result *result;

/* Sends a stream and waits for its end. With @names_buffer it names the buffer of the query. */
static void stream(const uint32_t *words, uint32_t size, bool names_buffer)
{
	struct drm_virtgpu_execbuffer exec = {
		.command = (uintptr_t)words, .size = size, .flags = VIRTGPU_EXECBUF_FENCE_FD_OUT,
		.bo_handles = (uintptr_t)&query_buffer.bo_handle, .num_bo_handles = names_buffer,
	};

	expect(0, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	render_wait_fd(exec.fence_fd);
	close(exec.fence_fd);
}

static void query_create(void)
{
	struct drm_virtgpu_map map = { };
	uint32_t create[] = { COMMAND(CREATE_OBJECT, OBJECT_QUERY, 4), QUERY, TIMESTAMP, 0, 0 };

	render_start();
	query_buffer = (struct drm_virtgpu_resource_create){
		.format = FORMAT_R8, .bind = BIND_CUSTOM, .width = sizeof(*result), .height = 1,
		.depth = 1, .array_size = 1, .size = sizeof(*result),
	};
	expect(0, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &query_buffer);
	map.handle = query_buffer.bo_handle;
	expect(0, DRM_IOCTL_VIRTGPU_MAP, &map);
	result = mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED, render_fd,
		      map.offset);
	check(result != MAP_FAILED, "mmap: %s", strerror(errno));
	create[4] = query_buffer.res_handle;
	stream(create, sizeof(create), true);
}

static void query_ask(bool names_buffer)
{
	static const uint32_t ask[] = { COMMAND(END_QUERY, 0, 1), QUERY,
					COMMAND(GET_QUERY_RESULT, 0, 2), QUERY, 0 };

	stream(ask, sizeof(ask), names_buffer);
}

/* The renderer writes the result of a query into guest memory while it executes the stream. */
static void query(void)
{
	uint64_t last = 0;
	int i;

	query_create();
	for (i = 0; i < TIMES; i++) {
		result->state = QUERY_WAITS;
		query_ask(true);
		check(result->state == QUERY_DONE, "query %d has the state %u", i, result->state);
		check(result->value > last, "the time was %llu, and is %llu",
		      (unsigned long long)last, (unsigned long long)result->value);
		last = result->value;
	}
}

/*
 * The renderer may also write the result after the end of the stream that names the buffer. Programs
 * then fetch the buffer with TRANSFER_FROM_HOST.
 */
static void late_query(void)
{
	struct drm_virtgpu_3d_transfer_from_host from = { .box = { .w = sizeof(*result), .h = 1,
								   .d = 1 } };
	int i;

	query_create();
	from.bo_handle = query_buffer.bo_handle;
	for (i = 0; i < TIMES; i++) {
		result->state = QUERY_WAITS;
		stream(render_nop, sizeof(render_nop), true);
		check(result->state == QUERY_WAITS, "before query %d the state is %u", i,
		      result->state);
		query_ask(false);
		expect(0, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from);
		render_wait(query_buffer.bo_handle);
		check(result->state == QUERY_DONE, "query %d has the state %u", i, result->state);
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
		{ "query", "the host writes into guest memory during a stream", query },
		{ "late-query", "the host writes after the stream that names the memory", late_query },
		{ "capset", "the capset does not offer transfers in streams", capset },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
