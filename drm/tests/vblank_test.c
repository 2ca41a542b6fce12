// SPDX-License-Identifier: GPL-2.0
#include "display/vblank.c"
#include "tests/kunit.h"

static struct virtgpu_output *head(struct kunit *test)
{
	return &virtgpu_kunit_device(test)->display->outputs[0];
}

/* Returns the reported vblank, in frames after the one that the timer is set to, @due from now. */
static s64 vblank_after_timers(struct virtgpu_output *output, s64 due, int frame)
{
	struct drm_vblank_crtc *vblank = drm_crtc_vblank_crtc(&output->crtc);
	ktime_t expires = ktime_add_ns(ktime_get(), due), time;
	int error;

	vblank->enabled = true;
	vblank->framedur_ns = frame;
	virtgpu_vblank_timer(&output->crtc)->timer.node.expires = expires;
	virtgpu_vblank_time(&output->crtc, &error, &time, false);
	vblank->enabled = false;
	return ktime_to_ns(ktime_sub(time, expires)) / frame;
}

/*
 * Frames of two seconds. The time is read in the middle of a frame, so the test may take a second.
 */
static void vblank_is_the_last_that_passed(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	const int frame = 2 * NSEC_PER_SEC;

	KUNIT_EXPECT_EQ(test, vblank_after_timers(output, frame / 2, frame), -1);
	KUNIT_EXPECT_EQ(test, vblank_after_timers(output, -frame / 2, frame), 0);
	/* The timer is late. */
	KUNIT_EXPECT_EQ(test, vblank_after_timers(output, -2LL * frame - frame / 2, frame), 2);
}

static void vblank_without_frames_is_now(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	struct drm_vblank_crtc *vblank = drm_crtc_vblank_crtc(&output->crtc);
	ktime_t before = ktime_get(), time;
	int error;

	vblank->enabled = true;
	vblank->framedur_ns = 0;
	virtgpu_vblank_time(&output->crtc, &error, &time, false);
	vblank->enabled = false;
	KUNIT_EXPECT_GE(test, ktime_to_ns(time), ktime_to_ns(before));
	KUNIT_EXPECT_LE(test, ktime_to_ns(time), ktime_to_ns(ktime_get()));
}

/*
 * A timer that was not stopped may have the interval of before vblanks were off, or of another
 * mode.
 */
static void vblank_does_not_go_back_or_ahead(struct kunit *test)
{
	struct virtgpu_output *output = head(test);
	struct drm_vblank_crtc *vblank = drm_crtc_vblank_crtc(&output->crtc);
	const int frame = 2 * NSEC_PER_SEC;
	ktime_t now = ktime_get(), time;
	int error;

	vblank->enabled = true;
	vblank->framedur_ns = frame;
	vblank->time = now;
	virtgpu_vblank_timer(&output->crtc)->timer.node.expires = ktime_add_ns(now, frame / 2);
	virtgpu_vblank_time(&output->crtc, &error, &time, false);
	KUNIT_EXPECT_EQ(test, ktime_to_ns(time), ktime_to_ns(now));
	virtgpu_vblank_timer(&output->crtc)->timer.node.expires = ktime_add_ns(now, 3LL * frame);
	virtgpu_vblank_time(&output->crtc, &error, &time, false);
	KUNIT_EXPECT_LE(test, ktime_to_ns(time), ktime_to_ns(ktime_get()));
	vblank->enabled = false;
}

static struct kunit_case virtgpu_vblank_cases[] = {
	KUNIT_CASE(vblank_is_the_last_that_passed),
	KUNIT_CASE(vblank_without_frames_is_now),
	KUNIT_CASE(vblank_does_not_go_back_or_ahead),
	{}
};

struct kunit_suite virtgpu_vblank_suite = {
	.name = "virtgpu_vblank",
	.test_cases = virtgpu_vblank_cases,
};
