// SPDX-License-Identifier: GPL-2.0
/* Uploads when only a part of a buffer has changed. */
#include <drm_fourcc.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "../uapi/virtgpu_drm.h"

/* One head, one buffer and its expected picture. */
static struct {
	struct head head;
	struct buffer *buffer;
	struct image image;
} s;

static void start(void)
{
	int fd = kms_open();
	drmModeModeInfo mode;

	judge(NULL, 0, "watch 0");
	s.head = kms_head(fd, 0);
	mode = kms_preferred(&s.head);
	s.image = image_new(mode.hdisplay, mode.vdisplay);
	s.buffer = kms_buffer(fd, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888);
	image_pattern(&s.image, 0, image_all(&s.image));
	kms_draw(s.buffer, &s.image, image_all(&s.image));
	kms_set_mode(&s.head, &mode, s.buffer);
	judge_picture(0, &s.image);
}

/* Scales the position of a rectangle from a screen of 1024x768 to the current one. */
static struct rect at(uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
	struct rect rect = { x * s.image.width / 1024, y * s.image.height / 768, w, h };

	check(rect.x + w <= s.image.width && rect.y + h <= s.image.height,
	      "%ux%u is too small for this test", s.image.width, s.image.height);
	return rect;
}

static void damage(uint32_t seed, const struct rect *clips, int num_clips)
{
	int i;

	for (i = 0; i < num_clips; i++) {
		image_pattern(&s.image, seed + i, clips[i]);
		kms_draw(s.buffer, &s.image, clips[i]);
	}
	kms_flip(&s.head, s.buffer, clips, num_clips);
	judge_picture(0, &s.image);
}

static void one_clip(void)
{
	start();
	damage(1, (struct rect[]){ at(100, 100, 64, 48) }, 1);
	damage(2, (struct rect[]){ at(101, 99, 1, 1) }, 1);
}

static void many_clips(void)
{
	struct rect clips[40];
	int i;

	start();
	for (i = 0; i < 40; i++)
		clips[i] = at(i % 8 * 90 + 5, i / 8 * 110 + 7, 16, 16);
	damage(100, clips, 40);
	damage(200, clips, 3);
}

static void overlapping_clips(void)
{
	start();
	damage(1, (struct rect[]){ at(50, 50, 100, 100), at(100, 100, 100, 100),
				   at(60, 60, 10, 10), at(149, 149, 200, 3) }, 4);
}

static void edge_clips(void)
{
	uint32_t w, h;

	start();
	w = s.image.width;
	h = s.image.height;
	damage(1, (struct rect[]){ { 0, 0, 16, 16 }, { w - 16, 0, 16, 16 }, { 0, h - 16, 16, 16 },
				   { w - 16, h - 16, 16, 16 } }, 4);
	damage(9, (struct rect[]){ { 0, 0, w, 1 }, { 0, h - 1, w, 1 }, { 0, 0, 1, h },
				   { w - 1, 0, 1, h } }, 4);
}

/* Changes without damage may stay invisible, but must not affect damaged rectangles. */
static void only_the_clip(void)
{
	struct rect clip, other;
	struct image before;

	start();
	clip = at(300, 200, 32, 32);
	other = at(500, 400, 32, 32);
	before = image_new(s.image.width, s.image.height);
	memcpy(before.pixels, s.image.pixels, s.image.width * s.image.height * 4);
	image_pattern(&s.image, 1, other);
	kms_draw(s.buffer, &s.image, other);
	image_pattern(&before, 2, clip);
	kms_draw(s.buffer, &before, clip);
	kms_flip(&s.head, s.buffer, &clip, 1);
	judge_picture(0, &before);
}

static void dirtyfb(void)
{
	drmModeClip clips[2];
	struct rect rects[2];
	int i;

	start();
	rects[0] = at(10, 10, 40, 40);
	rects[1] = at(700, 500, 40, 20);
	for (i = 0; i < 2; i++) {
		clips[i] = (drmModeClip){ rects[i].x, rects[i].y, rects[i].x + rects[i].w,
					  rects[i].y + rects[i].h };
		image_pattern(&s.image, 20 + i, rects[i]);
		kms_draw(s.buffer, &s.image, rects[i]);
	}
	check(!drmModeDirtyFB(s.head.fd, s.buffer->fb, clips, 2), "dirtyfb: %s", strerror(errno));
	judge_picture(0, &s.image);
}

static void flip_with_clips(void)
{
	struct rect clip;
	struct buffer *other;

	start();
	clip = at(30, 40, 16, 16);
	other = kms_buffer(s.head.fd, s.image.width, s.image.height, DRM_FORMAT_XRGB8888);
	image_pattern(&s.image, 1, clip);
	/* The host has never seen the other buffer, so an upload of the clip alone is not enough. */
	kms_draw(other, &s.image, image_all(&s.image));
	kms_flip(&s.head, other, &clip, 1);
	judge_picture(0, &s.image);
}

/* The host knows the buffer, but it was not the last frame, so the clip alone is not enough. */
static void clip_after_other_shape(void)
{
	struct rect clip;
	struct buffer *other;

	start();
	clip = at(30, 40, 16, 16);
	other = kms_buffer(s.head.fd, s.image.width + 16, s.image.height, DRM_FORMAT_XRGB8888);
	image_pattern(&s.image, 1, image_all(&s.image));
	kms_draw(other, &s.image, image_all(&s.image));
	kms_flip(&s.head, other, NULL, 0);
	judge_picture(0, &s.image);

	image_pattern(&s.image, 2, clip);
	kms_draw(s.buffer, &s.image, image_all(&s.image));
	kms_flip(&s.head, s.buffer, &clip, 1);
	judge_picture(0, &s.image);
}

/* Returns whether the host shows the guest's memory itself, whatever the damage. */
static bool shows_memory(int fd)
{
	int value = 0;
	struct drm_virtgpu_getparam args = { VIRTGPU_PARAM_RESOURCE_BLOB, (uintptr_t)&value };

	return !drmIoctl(fd, DRM_IOCTL_VIRTGPU_GETPARAM, &args) && value;
}

/* Clips are relative to the last frame, whichever buffer it was in. */
static void flip_only_the_clip(void)
{
	struct rect clip, undeclared;
	struct buffer *other;
	struct image drawn;

	start();
	clip = at(300, 200, 32, 32);
	undeclared = at(500, 400, 32, 32);
	if (shows_memory(s.head.fd))
		skip("a flip shows the whole buffer");
	other = kms_buffer(s.head.fd, s.image.width, s.image.height, DRM_FORMAT_XRGB8888);
	kms_draw(other, &s.image, image_all(&s.image));
	kms_flip(&s.head, other, NULL, 0);
	judge_picture(0, &s.image);

	drawn = image_new(s.image.width, s.image.height);
	image_pattern(&drawn, 1, undeclared);
	kms_draw(s.buffer, &drawn, undeclared);
	image_pattern(&s.image, 2, clip);
	kms_draw(s.buffer, &s.image, clip);
	kms_flip(&s.head, s.buffer, &clip, 1);
	judge_picture(0, &s.image);
}

/*
 * Changes that a program draws without damage after the flip are not shown, because the device only gets
 * what is uploaded. The next frame without damage clips shows all of them.
 */
static void undeclared(void)
{
	struct image shown;

	start();
	shown = image_new(s.image.width, s.image.height);
	image_pattern(&shown, 0, image_all(&shown));
	image_pattern(&s.image, 1, image_all(&s.image));
	kms_draw(s.buffer, &s.image, image_all(&s.image));
	judge_picture(0, &shown);

	check(!drmModeDirtyFB(s.head.fd, s.buffer->fb, NULL, 0), "DIRTYFB: %s", strerror(errno));
	judge_picture(0, &s.image);

	image_pattern(&s.image, 2, image_all(&s.image));
	kms_draw(s.buffer, &s.image, image_all(&s.image));
	check(!drmModeSetCrtc(s.head.fd, s.head.crtc, s.buffer->fb, 0, 0, &s.head.connector, 1,
			      &s.head.mode), "the same mode again: %s", strerror(errno));
	judge_picture(0, &s.image);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "one-clip", "one rectangle", one_clip },
		{ "many-clips", "forty rectangles, then three", many_clips },
		{ "overlapping-clips", "rectangles over each other", overlapping_clips },
		{ "edge-clips", "rectangles along the edges and in the corners", edge_clips },
		{ "only-the-clip", "only the damage is uploaded", only_the_clip },
		{ "dirtyfb", "the legacy way to declare damage", dirtyfb },
		{ "undeclared", "changes without damage", undeclared },
		{ "flip-with-clips", "clips on a buffer that the host has never seen", flip_with_clips },
		{ "clip-after-other-shape", "a clip after a frame of another shape",
		  clip_after_other_shape },
		{ "flip-only-the-clip", "only the clip of the other buffer is uploaded",
		  flip_only_the_clip },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
