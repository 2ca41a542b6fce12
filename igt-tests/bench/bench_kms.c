// SPDX-License-Identifier: GPL-2.0
/*
 * Costs of the driver for frames, cursors and buffers. The host counts each scenario, its steps are
 * marked for qemu/bench/instructions.c, and its last picture is checked.
 */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/mark.h"
#include "lib/bounce.h"
#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"
#include "lib/scenario.h"

#define STEPS		120
/* For steps that take long, or always cost the same. */
#define FEW_STEPS	20
#define RELOADS		6
#define CURSOR_SIZE	64
#define CLIP		16
#define MAX_CLIPS	64
#define MAX_BUFFERS	3
/* A frame at 60 Hz; also long enough for the host's answers, which belong to the step. */
#define FRAME_US	16667
/* The console draws with a delay, and each line separately. */
#define CONSOLE_FRAMES	6

/**
 * struct scene - a head whose picture changes
 * @head: the head
 * @image: the picture
 * @buffers: buffers that take turns
 * @count: the number of buffers
 * @current: index of the buffer that is shown
 * @clips: changes of the last frames, the newest at @frame
 * @num_clips: the number of clips of each frame
 * @frame: frames so far
 * @prop_fb: property id of FB_ID, looked up once, as a compositor does
 * @prop_clips: property id of FB_DAMAGE_CLIPS
 */
struct scene {
	struct head head;
	struct image image;
	struct buffer *buffers[MAX_BUFFERS];
	int count;
	int current;
	struct rect clips[MAX_BUFFERS][MAX_CLIPS];
	int num_clips[MAX_BUFFERS];
	int frame;
	uint32_t prop_fb;
	uint32_t prop_clips;
};

static struct scene scenes[2];

static void scene_open(struct scene *scene, int fd, int index, int width, int height, int count)
{
	drmModeModeInfo mode = kms_mode(width, height);
	int i;

	/* Otherwise the console's cursor on another head would be counted. */
	write_file("/sys/class/graphics/fbcon/cursor_blink", "0");
	memset(scene, 0, sizeof(*scene));
	scene->head = kms_head(fd, index);
	scene->image = image_new(width, height);
	scene->count = count;
	image_pattern(&scene->image, 1, image_all(&scene->image));
	for (i = 0; i < count; i++) {
		scene->buffers[i] = kms_buffer(fd, width, height, DRM_FORMAT_XRGB8888);
		kms_draw(scene->buffers[i], &scene->image, image_all(&scene->image));
	}
	kms_set_mode(&scene->head, &mode, scene->buffers[0]);
	scene->prop_fb = kms_prop(fd, scene->head.primary, "FB_ID");
	scene->prop_clips = kms_prop(fd, scene->head.primary, "FB_DAMAGE_CLIPS");
}

static void scene_judge(const struct scene *scene)
{
	judge_picture(scene->head.index, &scene->image);
}

/* Changes clips of the picture, and draws them and earlier clips into the next buffer. */
static void scene_draw(struct scene *scene, const struct rect *clips, int num_clips)
{
	int i, j;

	scene->current = (scene->current + 1) % scene->count;
	scene->frame++;
	for (i = 0; i < num_clips; i++)
		image_pattern(&scene->image, scene->frame + 1, clips[i]);
	memcpy(scene->clips[scene->frame % scene->count], clips, num_clips * sizeof(*clips));
	scene->num_clips[scene->frame % scene->count] = num_clips;
	for (i = 0; i < scene->count; i++)
		for (j = 0; j < scene->num_clips[i]; j++)
			kms_draw(scene->buffers[scene->current], &scene->image, scene->clips[i][j]);
}

/* Adds a scene's frame to a commit; returns the blob with its damage. */
static uint32_t scene_put(const struct scene *scene, drmModeAtomicReq *request)
{
	const struct rect *clips = scene->clips[scene->frame % scene->count];
	int i, num_clips = scene->num_clips[scene->frame % scene->count];
	struct drm_mode_rect damage[MAX_CLIPS];
	uint32_t blob = 0;

	drmModeAtomicAddProperty(request, scene->head.primary, scene->prop_fb,
				 scene->buffers[scene->current]->fb);
	for (i = 0; i < num_clips; i++)
		damage[i] = (struct drm_mode_rect){ clips[i].x, clips[i].y, clips[i].x + clips[i].w,
						    clips[i].y + clips[i].h };
	if (!num_clips)
		return 0;
	check(!drmModeCreatePropertyBlob(scene->head.fd, damage, num_clips * sizeof(*damage), &blob),
	      "damage blob");
	drmModeAtomicAddProperty(request, scene->head.primary, scene->prop_clips, blob);
	return blob;
}

static int events;

static void flipped(int fd, unsigned int sequence, unsigned int sec, unsigned int usec, void *data)
{
	(void)fd, (void)sequence, (void)sec, (void)usec, (void)data;
	events++;
}

/* Waits for events; one read may return several. */
static void wait_for_events(int fd, int count)
{
	drmEventContext context = { .version = 2, .page_flip_handler = flipped };

	for (events = 0; events < count;)
		check(!drmHandleEvent(fd, &context), "event: %s", strerror(errno));
}

/* Shows new frames on several heads in one commit, and waits for their events. */
static void scenes_commit(struct scene *first, int count)
{
	drmModeAtomicReq *request = drmModeAtomicAlloc();
	uint32_t blobs[2];
	int i;

	for (i = 0; i < count; i++)
		blobs[i] = scene_put(&first[i], request);
	check(!drmModeAtomicCommit(first->head.fd, request,
				   DRM_MODE_PAGE_FLIP_EVENT | DRM_MODE_ATOMIC_NONBLOCK, NULL),
	      "commit: %s", strerror(errno));
	drmModeAtomicFree(request);
	wait_for_events(first->head.fd, count);
	for (i = 0; i < count; i++)
		if (blobs[i])
			drmModeDestroyPropertyBlob(first->head.fd, blobs[i]);
}

static void flip_step(int step)
{
	struct scene *scene = scenes;

	(void)step;
	scene->current = (scene->current + 1) % scene->count;
	check(!drmModePageFlip(scene->head.fd, scene->head.crtc, scene->buffers[scene->current]->fb,
			       DRM_MODE_PAGE_FLIP_EVENT, NULL), "flip: %s", strerror(errno));
	wait_for_events(scene->head.fd, 1);
}

static void full_flips(const char *name, int width, int height)
{
	struct image other;

	scene_open(scenes, kms_open(), 0, width, height, 2);
	other = image_new(width, height);
	image_pattern(&other, 2, image_all(&other));
	kms_draw(scenes->buffers[1], &other, image_all(&other));
	scenario(name, flip_step, STEPS);
	judge_picture(0, scenes->current ? &other : &scenes->image);
}

static void flip_1080p(void)
{
	full_flips("flip-1080p", 1920, 1080);
}

static void flip_4k(void)
{
	full_flips("flip-4k", 3840, 2160);
}

static void clip_step(int step)
{
	struct rect clip = { CLIP * (step % 40), CLIP * (step % 30), CLIP, CLIP };

	scene_draw(scenes, &clip, 1);
	scenes_commit(scenes, 1);
}

/* Runs a scenario at 4K with buffers that take turns. */
static void frames(const char *name, void (*step)(int step), int buffers)
{
	scene_open(scenes, kms_open(), 0, 3840, 2160, buffers);
	scenario(name, step, STEPS);
	scene_judge(scenes);
}

static void double_clip(void)
{
	frames("clip-double-4k", clip_step, 2);
}

static void triple_clip(void)
{
	frames("clip-triple-4k", clip_step, 3);
}

static void bounced_clip(void)
{
	bounce_start();
	frames("clip-bounce-4k", clip_step, 1);
}

static void corners_step(int step)
{
	struct rect clips[] = {
		{ step % 8, step % 8, CLIP, CLIP },
		{ 3840 - CLIP, 2160 - CLIP, CLIP, CLIP },
	};

	scene_draw(scenes, clips, 2);
	scenes_commit(scenes, 1);
}

static void corners(void)
{
	frames("corners-4k", corners_step, 2);
}

static void scattered_step(int step)
{
	struct rect clips[MAX_CLIPS];
	int i;

	for (i = 0; i < MAX_CLIPS; i++)
		clips[i] = (struct rect){ 480 * (i % 8) + step % 30, 270 * (i / 8) + step % 20, CLIP,
					  CLIP };
	scene_draw(scenes, clips, MAX_CLIPS);
	scenes_commit(scenes, 1);
}

static void scattered(void)
{
	frames("scattered-4k", scattered_step, 2);
}

static void two_heads_step(int step)
{
	struct rect clip = { CLIP * (step % 40), CLIP * (step % 30), CLIP, CLIP };
	int i;

	for (i = 0; i < 2; i++)
		scene_draw(&scenes[i], &clip, 1);
	scenes_commit(scenes, 2);
}

static void two_heads(void)
{
	int fd = kms_open(), i;

	for (i = 0; i < 2; i++)
		scene_open(&scenes[i], fd, i, 1920, 1080, 2);
	scenario("two-heads", two_heads_step, STEPS);
	for (i = 0; i < 2; i++)
		scene_judge(&scenes[i]);
}

static void dirty_step(int step)
{
	struct rect part = { CLIP * (step % 40), CLIP * (step % 30), CLIP, CLIP };
	drmModeClip clip = { part.x, part.y, part.x + CLIP, part.y + CLIP };

	scene_draw(scenes, &part, 1);
	check(!drmModeDirtyFB(scenes->head.fd, scenes->buffers[0]->fb, &clip, 1), "dirtyfb: %s",
	      strerror(errno));
}

static void dirty(void)
{
	scene_open(scenes, kms_open(), 0, 1920, 1080, 1);
	scenario("dirtyfb", dirty_step, STEPS);
	scene_judge(scenes);
}

static void idle_step(int step)
{
	(void)step;
	usleep(FRAME_US);
}

/* The baseline of scenarios whose steps wait for a frame. */
static void idle(void)
{
	scene_open(scenes, kms_open(), 0, 1920, 1080, 1);
	scenario("idle", idle_step, STEPS);
}

static uint32_t cursor_handles[2];

static void cursor_move_step(int step)
{
	check(!drmModeMoveCursor(scenes->head.fd, scenes->head.crtc, step, step), "%s",
	      strerror(errno));
	usleep(FRAME_US);
}

static void cursor_image_step(int step)
{
	check(!drmModeSetCursor2(scenes->head.fd, scenes->head.crtc, cursor_handles[step % 2],
				 CURSOR_SIZE, CURSOR_SIZE, 0, 0), "%s", strerror(errno));
	usleep(FRAME_US);
}

static void cursor(void)
{
	int fd = kms_open(), i;

	scene_open(scenes, fd, 0, 1920, 1080, 1);
	for (i = 0; i < 2; i++) {
		struct buffer *buffer = kms_buffer(fd, CURSOR_SIZE, CURSOR_SIZE,
						   DRM_FORMAT_ARGB8888);

		memset(buffer->map, 0x80 + i, buffer->size);
		cursor_handles[i] = buffer->handle;
	}
	scenario("cursor-image", cursor_image_step, STEPS);
	scenario("cursor-move", cursor_move_step, STEPS);
}

static void buffer_step(int step)
{
	struct buffer *buffer = kms_buffer(scenes->head.fd, 3840, 2160, DRM_FORMAT_XRGB8888);

	memset(buffer->map, step, buffer->size);
	kms_destroy(buffer);
}

static void buffers(void)
{
	scene_open(scenes, kms_open(), 0, 1920, 1080, 1);
	scenario("buffer-4k", buffer_step, FEW_STEPS);
}

static void show_step(int step)
{
	struct buffer *buffer = kms_buffer(scenes->head.fd, 3840, 2160, DRM_FORMAT_XRGB8888);

	memset(buffer->map, step, buffer->size);
	check(!drmModePageFlip(scenes->head.fd, scenes->head.crtc, buffer->fb,
			       DRM_MODE_PAGE_FLIP_EVENT, NULL), "flip: %s", strerror(errno));
	wait_for_events(scenes->head.fd, 1);
	flip_step(step);
	kms_destroy(buffer);
}

static void show_buffers(void)
{
	scene_open(scenes, kms_open(), 0, 3840, 2160, 2);
	scenario("show-buffer-4k", show_step, FEW_STEPS);
	scene_judge(scenes);
}

static void modeset_step(int step)
{
	drmModeModeInfo mode = step % 2 ? kms_mode(1920, 1080) : kms_mode(1024, 768);

	kms_set_mode(&scenes->head, &mode, scenes->buffers[0]);
}

static void modeset(void)
{
	scene_open(scenes, kms_open(), 0, 1920, 1080, 1);
	scenario("modeset", modeset_step, FEW_STEPS);
	scene_judge(scenes);
}

static int console_fd;

static void console_step(int step)
{
	char line[80];
	int length = snprintf(line, sizeof(line), "line %d of a text that scrolls\n", step);

	check(write(console_fd, line, length) == length, "tty: %s", strerror(errno));
	usleep(CONSOLE_FRAMES * FRAME_US);
}

static void console(void)
{
	int i;

	console_fd = open("/dev/tty1", O_WRONLY);
	check(console_fd >= 0, "tty1: %s", strerror(errno));
	shell("chvt 1");
	for (i = 0; i < 100; i++)
		dprintf(console_fd, "\n");
	scenario("console-scroll", console_step, FEW_STEPS);
	close(console_fd);
}

static void load(void)
{
	int i;

	mark(MARK_SCENARIO);
	for (i = 0; i < RELOADS; i++) {
		module_unload();
		shell("udevadm settle");
		mark(MARK_STEP);
		module_load();
		mark(MARK_STEP);
	}
	mark(MARK_END);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "idle", "no operation for a frame", idle },
		{ "flip-1080p", "two buffers in turn, without damage", flip_1080p },
		{ "flip-4k", "the same at 4K", flip_4k },
		{ "clip-double-4k", "two buffers, a small clip changed", double_clip },
		{ "clip-triple-4k", "three buffers, a small clip changed", triple_clip },
		{ "clip-bounce-4k", "one buffer, a small clip changed, bounced", bounced_clip },
		{ "corners-4k", "two small clips in opposite corners", corners },
		{ "scattered-4k", "64 small clips", scattered },
		{ "two-heads", "two heads in one commit, a small clip on each", two_heads },
		{ "dirtyfb", "a small clip of the shown buffer changed", dirty },
		{ "console-scroll", "a line of text on the console", console },
		{ "cursor", "the cursor moves, and changes its image", cursor },
		{ "buffer-4k", "a buffer is created, drawn to and destroyed", buffers },
		{ "show-buffer-4k", "the same, and the buffer is shown", show_buffers },
		{ "modeset", "two modes in turn", modeset },
		{ "load", "loading the module", load },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
