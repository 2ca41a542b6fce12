// SPDX-License-Identifier: GPL-2.0
/*
 * A device that lies at random, with qemu/device/liar.py. Each round runs random operations; each operation
 * must end in time, with any errno. After a round the device is correct again; then the picture must
 * be correct, and no resource may be left over.
 *
 * VIRTGPU_SEED=N repeats the rounds, VIRTGPU_GENOME=SEED,RATE,MASK repeats one round. VIRTGPU_LIES=N
 * sets the minimum number of lies in each subtest.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/fake.h"
#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"
#include "lib/render.h"

/* An operation may take a few time-outs of 1 s (command_timeout=1). */
#define PATIENCE	10.0
/* Seconds until the driver has restored a device that is correct again. */
#define RECOVERY	15.0
#define LIES		2000
#define OPERATIONS	200
#define WIDTH		320
#define HEIGHT		240

#define ALL_LIES	((1u << FAKE_LIES) - 1)

/**
 * struct genome - the parameters of a round of lies, see liar.Genome
 * @seed: seed of the lies and the operations
 * @rate: lies per thousand answers
 * @mask: kinds of lies
 */
struct genome {
	uint32_t seed;
	uint32_t rate;
	uint32_t mask;
};

/**
 * struct operation - an operation of a program
 * @name: for messages
 * @run: runs it; it may fail
 */
struct operation {
	const char *name;
	void (*run)(void);
};

static struct screen *screen;
static uint32_t state;
static struct genome genome;

/* Returns a number below @limit. */
static uint32_t any(uint32_t limit)
{
	state = state * 1664525u + 1013904223u;
	return (uint64_t)(state >> 8) * limit >> 24;
}

static bool one_in(uint32_t count)
{
	return !any(count);
}

/* Mixes the bits of the seed, so that neighbouring seeds give unrelated sequences. */
static void start_random(uint32_t seed)
{
	seed ^= seed >> 16;
	seed *= 0x85ebca6b;
	seed ^= seed >> 13;
	seed *= 0xc2b2ae35;
	state = seed ^ seed >> 16;
}

static struct genome next_genome(uint32_t seed)
{
	struct genome next = { .seed = seed };

	start_random(seed);
	/* Lies that lead to a reset must be rare, because resets would hide everything else. */
	if (any(4)) {
		next.rate = 50 + any(900);
		next.mask = one_in(2) ? FAKE_GENTLE : 1u << any(9);
	} else {
		next.rate = 1 + any(30);
		next.mask = (one_in(2) ? ALL_LIES : 1 + any(ALL_LIES)) & ~FAKE_CONFIG;
	}
	return next;
}

static bool given_genome(struct genome *given)
{
	const char *text = getenv("VIRTGPU_GENOME");

	return text && sscanf(text, "%u,%u,%i", &given->seed, &given->rate,
			      (int *)&given->mask) == 3;
}

static long taint(void)
{
	FILE *file = fopen("/proc/sys/kernel/tainted", "r");
	long value = -1;

	check(file && fscanf(file, "%ld", &value) == 1, "no taint");
	fclose(file);
	return value;
}

static void run_operation(const struct operation *operation)
{
	double start = now();

	operation->run();
	check(now() - start < PATIENCE, "VIRTGPU_GENOME=%u,%u,%#x: %s took %.1f s", genome.seed,
	      genome.rate, genome.mask, operation->name, now() - start);
}

static void op_flip(void)
{
	struct buffer *next = screen->buffers[screen->current ^= 1];

	drmModePageFlip(screen->head.fd, screen->head.crtc, next->fb, 0, NULL);
}

static void op_dirty(void)
{
	drmModeClip clips[16];
	unsigned int i, count = 1 + any(16);

	for (i = 0; i < count; i++) {
		clips[i].x1 = any(WIDTH - 1);
		clips[i].y1 = any(HEIGHT - 1);
		clips[i].x2 = clips[i].x1 + 1 + any(WIDTH - clips[i].x1);
		clips[i].y2 = clips[i].y1 + 1 + any(HEIGHT - clips[i].y1);
	}
	drmModeDirtyFB(screen->head.fd, screen->buffers[screen->current]->fb, clips, count);
}

static void op_move(void)
{
	int i;

	for (i = 0; i < 10; i++)
		drmModeMoveCursor(screen->head.fd, screen->head.crtc, any(WIDTH), any(HEIGHT));
}

static void op_cursor(void)
{
	struct drm_mode_create_dumb create = { .width = 64, .height = 64, .bpp = 32 };

	if (one_in(4)) {
		drmModeSetCursor(screen->head.fd, screen->head.crtc, 0, 0, 0);
		return;
	}
	if (drmIoctl(screen->head.fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return;
	drmModeSetCursor(screen->head.fd, screen->head.crtc, create.handle, 64, 64);
	drmCloseBufferHandle(screen->head.fd, create.handle);
}

static void op_buffer(void)
{
	struct drm_mode_create_dumb create = {
		.width = 1 + any(WIDTH), .height = 1 + any(HEIGHT), .bpp = 32,
	};
	int fd = screen->head.fd;
	uint32_t fb;

	if (one_in(2)) {
		create.width = screen->head.mode.hdisplay;
		create.height = screen->head.mode.vdisplay;
	}
	if (drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
		return;
	if (!drmModeAddFB2(fd, create.width, create.height,
			   one_in(2) ? DRM_FORMAT_XRGB8888 : DRM_FORMAT_ARGB8888,
			   (uint32_t [4]) { create.handle }, (uint32_t [4]) { create.pitch },
			   (uint32_t [4]) { 0 }, &fb, 0)) {
		drmModeSetCrtc(fd, screen->head.crtc, fb, 0, 0, &screen->head.connector, 1,
			       &screen->head.mode);
		drmModeRmFB(fd, fb);
	}
	drmCloseBufferHandle(fd, create.handle);
}

/* Resources on the host; nothing here waits for a vblank. */
static void op_images(void)
{
	struct drm_virtgpu_3d_transfer_to_host transfer = { .box = { .w = 64, .h = 64, .d = 1 } };
	struct drm_mode_create_dumb create = { .width = 64, .height = 64, .bpp = 32 };
	struct drm_virtgpu_resource_info info = { };
	int fd = screen->head.fd, i;

	for (i = 0; i < 8; i++) {
		if (drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create))
			continue;
		info.bo_handle = transfer.bo_handle = create.handle;
		drmIoctl(fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info);
		drmIoctl(fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &transfer);
		drmCloseBufferHandle(fd, create.handle);
	}
}

static void op_mode(void)
{
	int fd = screen->head.fd;

	if (one_in(3))
		drmModeSetCrtc(fd, screen->head.crtc, 0, 0, 0, NULL, 0, NULL);
	else
		drmModeSetCrtc(fd, screen->head.crtc, screen->buffers[screen->current]->fb, 0, 0,
			       &screen->head.connector, 1, &screen->head.mode);
}

static void op_probe(void)
{
	drmModeRes *res = drmModeGetResources(screen->head.fd);
	int i;

	for (i = 0; res && i < res->count_connectors; i++)
		drmModeFreeConnector(drmModeGetConnector(screen->head.fd, res->connectors[i]));
	drmModeFreeResources(res);
}

static void op_texture(void)
{
	struct drm_virtgpu_resource_create texture = {
		.target = 2, .format = 1, .bind = 2, .width = 64, .height = 64, .depth = 1,
		.array_size = 1, .size = 64 * 64 * 4,
	};
	struct drm_virtgpu_3d_transfer_to_host to = { .box = { .w = 64, .h = 64, .d = 1 } };
	struct drm_virtgpu_3d_transfer_from_host from = { .box = { .w = 64, .h = 64, .d = 1 } };
	struct drm_virtgpu_execbuffer exec = render_stream();
	struct drm_virtgpu_3d_wait wait = { .flags = VIRTGPU_WAIT_NOWAIT };
	struct drm_virtgpu_resource_info info = { };

	if (drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE, &texture))
		return;
	wait.handle = to.bo_handle = from.bo_handle = info.bo_handle = texture.bo_handle;
	drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_TRANSFER_TO_HOST, &to);
	drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_TRANSFER_FROM_HOST, &from);
	exec.num_bo_handles = 1;
	exec.bo_handles = (uintptr_t)&texture.bo_handle;
	drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_RESOURCE_INFO, &info);
	drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_WAIT, &wait);
	drmCloseBufferHandle(render_fd, texture.bo_handle);
}

static void op_stream(void)
{
	int i;

	for (i = 0; i < 10; i++) {
		struct drm_virtgpu_execbuffer exec = render_stream();

		if (one_in(2)) {
			exec.flags |= VIRTGPU_EXECBUF_RING_IDX;
			exec.ring_idx = any(3);
		}
		drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec);
	}
}

static void op_fence(void)
{
	struct drm_virtgpu_execbuffer exec = render_stream();
	struct pollfd poller = { .events = POLLIN };

	exec.flags = VIRTGPU_EXECBUF_FENCE_FD_OUT;
	if (drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_EXECBUFFER, &exec))
		return;
	poller.fd = exec.fence_fd;
	check(poll(&poller, 1, PATIENCE * 1000) == 1,
	      "VIRTGPU_GENOME=%u,%u,%#x: a fence is never signalled", genome.seed, genome.rate,
	      genome.mask);
	close(exec.fence_fd);
}

static void op_blob(void)
{
	static const uint32_t kinds[] = { VIRTGPU_BLOB_MEM_GUEST, VIRTGPU_BLOB_MEM_HOST3D,
					  VIRTGPU_BLOB_MEM_HOST3D_GUEST };
	struct drm_virtgpu_resource_create_blob blob = {
		.blob_mem = kinds[any(3)], .blob_flags = VIRTGPU_BLOB_FLAG_USE_MAPPABLE,
		.size = 4096 * (1 + any(64)),
	};
	struct drm_virtgpu_map map = { };
	int prime;

	if (one_in(4))
		blob.blob_flags |= VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE;
	if (drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_RESOURCE_CREATE_BLOB, &blob))
		return;
	map.handle = blob.bo_handle;
	if (!drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_MAP, &map)) {
		void *bytes = mmap(NULL, blob.size, PROT_READ | PROT_WRITE, MAP_SHARED, render_fd,
				   map.offset);

		if (bytes != MAP_FAILED)
			munmap(bytes, blob.size);
	}
	if (one_in(4) && !drmPrimeHandleToFD(render_fd, blob.bo_handle, DRM_CLOEXEC, &prime))
		close(prime);
	drmCloseBufferHandle(render_fd, blob.bo_handle);
}

static void op_caps(void)
{
	uint8_t bytes[4096];
	struct drm_virtgpu_get_caps caps = {
		.cap_set_id = any(7), .addr = (uintptr_t)bytes, .size = sizeof(bytes),
	};

	drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_GET_CAPS, &caps);
}

static void op_reopen(void)
{
	struct drm_virtgpu_context_set_param params[] = {
		{ VIRTGPU_CONTEXT_PARAM_CAPSET_ID, VIRTGPU_DRM_CAPSET_VIRGL2 },
		{ VIRTGPU_CONTEXT_PARAM_NUM_RINGS, 2 },
	};
	struct drm_virtgpu_context_init init = { .num_params = 2,
						 .ctx_set_params = (uintptr_t)params };

	close(render_fd);
	render_fd = render_open();
	if (one_in(2))
		drmIoctl(render_fd, DRM_IOCTL_VIRTGPU_CONTEXT_INIT, &init);
}

/* Operations that give many answers in a short time are listed several times. */
static const struct operation display_operations[] = {
	{ "images", op_images }, { "images", op_images },
	{ "images", op_images }, { "images", op_images },
	{ "a flip", op_flip }, { "a frame", op_dirty },
	{ "moves of the cursor", op_move }, { "a cursor", op_cursor },
	{ "a buffer", op_buffer }, { "a mode", op_mode }, { "a probe", op_probe },
}, render_operations[] = {
	{ "a texture", op_texture }, { "a texture", op_texture }, { "a texture", op_texture },
	{ "streams", op_stream }, { "streams", op_stream }, { "a fence", op_fence },
	{ "a blob", op_blob }, { "a blob", op_blob }, { "capsets", op_caps },
	{ "another file", op_reopen },
	{ "a frame", op_dirty }, { "a buffer", op_buffer },
};

/* With a correct device the screen must be correct, too. */
static void recovers(bool has_context)
{
	double deadline = now() + RECOVERY;
	struct buffer *next = screen->buffers[screen->current ^= 1];

	judge(NULL, 0, "lie-no-more");
	image_pattern(&screen->image, genome.seed, image_all(&screen->image));
	kms_draw(next, &screen->image, image_all(&screen->image));
	while (drmModeSetCrtc(screen->head.fd, screen->head.crtc, next->fb, 0, 0,
			      &screen->head.connector, 1, &screen->head.mode)) {
		check(now() < deadline, "no mode can be set: %s", strerror(errno));
		usleep(50000);
	}
	judge_picture_within(0, &screen->image, RECOVERY);

	drmModeSetCursor(screen->head.fd, screen->head.crtc, 0, 0, 0);
	/* With a context, the driver keeps the resources of commands that the device has lost. */
	if (has_context)
		close(render_fd);
	fake_same_resources(RECOVERY);
	if (has_context)
		render_fd = render_open();
}

static void round_of(const struct operation *operations, unsigned int count)
{
	long before = taint();
	int i;

	printf("VIRTGPU_GENOME=%u,%u,%#x\n", genome.seed, genome.rate, genome.mask);
	start_random(~genome.seed);
	judge(NULL, 0, "lie %u %u %#x", genome.seed, genome.rate, genome.mask);
	for (i = 0; i < OPERATIONS; i++)
		run_operation(&operations[any(count)]);
	recovers(operations == render_operations);
	check(taint() == before, "kernel warning, see the log");
}

static void close_render(void *unused)
{
	(void)unused;
	close(render_fd);
}

static void rounds(const struct operation *operations, unsigned int count)
{
	const char *wanted = getenv("VIRTGPU_LIES");
	long lies = wanted ? atol(wanted) : LIES, first = judge_number("lies-told"), told = 0;
	struct screen shown = kms_screen(1);
	uint32_t seed = fake_seed();
	unsigned int number = 0;
	double start = now();

	screen = &shown;
	if (operations == render_operations) {
		/* After kms_screen(), which must become the master. */
		render_fd = render_open();
		at_end(close_render, NULL);
		if (!render_getparam(VIRTGPU_PARAM_3D_FEATURES))
			skip("the driver has no renderer");
	}
	if (given_genome(&genome)) {
		round_of(operations, count);
		return;
	}
	for (; told < lies; number++) {
		genome = next_genome(seed + number);
		round_of(operations, count);
		told = judge_number("lies-told") - first;
	}
	printf("%ld lies in %u rounds, %.0f/s\n", told, number, told / (now() - start));
}

/* Plugs in another device with a small window and loads the driver. */
static void plug(const char *shape)
{
	fake_start();
	fake_plug(shape);
	judge(NULL, 0, "fake-display %d %d", WIDTH, HEIGHT);
	module_load();
}

static void display(void)
{
	plug("blob=0");
	rounds(display_operations, sizeof(display_operations) / sizeof(*display_operations));
}

static void zero_copy(void)
{
	plug("blob=1");
	rounds(display_operations, sizeof(display_operations) / sizeof(*display_operations));
}

static void renderer(void)
{
	plug("render=1 blob=1 window=64");
	rounds(render_operations, sizeof(render_operations) / sizeof(*render_operations));
}

static void show(void)
{
	struct screen shown = kms_screen(1);

	judge_picture(0, &shown.image);
}

static void load_again(void *unused)
{
	(void)unused;
	judge_try(NULL, 0, "lie-no-more");
	module_restore();
}

/* The driver is loaded and unloaded while the device lies. */
static void load(void)
{
	const char *wanted = getenv("VIRTGPU_LIES");
	long lies = wanted ? atol(wanted) / 100 : LIES / 100, told = 0, first;
	long before = taint();
	uint32_t seed;
	double start_time;

	fake_start();
	at_end(load_again, NULL);
	seed = fake_seed();
	first = judge_number("lies-told");
	module_unload();
	while (told < lies) {
		genome = next_genome(seed++);
		printf("VIRTGPU_GENOME=%u,%u,%#x\n", genome.seed, genome.rate, genome.mask);
		judge(NULL, 0, "lie %u %u %#x", genome.seed, genome.rate, genome.mask);
		start_time = now();
		module_insert();
		check(now() - start_time < 2 * PATIENCE, "loading took %.1f s", now() - start_time);
		start_time = now();
		console_bind(false);
		module_unload();
		check(now() - start_time < 2 * PATIENCE, "unloading took %.1f s",
		      now() - start_time);
		judge(NULL, 0, "lie-no-more");
		told = judge_number("lies-told") - first;
		check(taint() == before, "kernel warning, see the log");
	}
	printf("%ld lies\n", told);
	module_load();
	scope(show);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "display", "a device without a renderer lies", display },
		{ "zero-copy", "a device that shows the guest's memory lies", zero_copy },
		{ "renderer", "a renderer with host-visible memory lies", renderer },
		{ "load", "the device lies while the driver is loaded and unloaded", load },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
