// SPDX-License-Identifier: GPL-2.0
/*
 * Random frames: buffers, damage, heads, cursors and modes in any order, as compositors may use them,
 * while the host resizes windows, the console returns and other programs use the device. After every
 * commit the host must show exactly the expected picture, and so must a viewer, which gets only what
 * was flushed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"
#include "lib/random.h"
#include "lib/scanout.h"
#include "random/neighbour.h"
#include "random/pointer.h"
#include "random/view.h"

#define QUICK		500
#define LONG		10000
#define MAX_HEADS	2
/* Seconds until the console is shown again. */
#define CONSOLE		10.0

static struct view views[MAX_HEADS];
static struct pointer pointers[MAX_HEADS];
static int num_views, drm_fd, vgem_fd = -1;
static bool sleeps;

/* The number of commits that were made while another was pending, and of those with EBUSY. */
static int overlapping, busy;

static bool on_fake(void)
{
	return getenv("VIRTGPU_FAKE");
}

#define FLIP	(DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT)

static void must(int ret, const char *what)
{
	check(!ret, "%s: %s", what, strerror(-ret));
}

/* A TEST_ONLY commit must not change anything. */
static void only_test(struct view *view, int which)
{
	struct request request = kms_request(drm_fd);

	view_request(view, &request, which);
	must(kms_commit(&request, DRM_MODE_ATOMIC_TEST_ONLY), "test");
}

static int try_flip(struct view *view, int which, uint32_t flags)
{
	struct request request = kms_request(drm_fd);

	view_request(view, &request, which);
	return kms_commit(&request, flags);
}

static void show(struct view *view)
{
	bool waits = one_in(8);
	int which = view_next(view, false);

	if (one_in(10))
		only_test(view, view_next(view, true));
	must(try_flip(view, which, waits ? 0 : FLIP), "flip");
	view_committed(view, which);
	if (!waits)
		kms_wait_for_flips(drm_fd, 1);
}

/* Flips all heads in one commit. */
static void show_all(void)
{
	struct request request = kms_request(drm_fd);
	int i, which[MAX_HEADS];

	for (i = 0; i < num_views; i++) {
		which[i] = view_next(&views[i], false);
		view_request(&views[i], &request, which[i]);
	}
	must(kms_commit(&request, FLIP), "flip of all heads");
	for (i = 0; i < num_views; i++)
		view_committed(&views[i], which[i]);
	kms_wait_for_flips(drm_fd, num_views);
}

/* Flips the heads one after the other, without waiting in between. */
static void show_each(void)
{
	int i, which;

	for (i = 0; i < num_views; i++) {
		which = view_next(&views[i], false);
		must(try_flip(&views[i], which, FLIP), "flip while another head flips");
		view_committed(&views[i], which);
	}
	kms_wait_for_flips(drm_fd, num_views);
}

/* Two frames of one head: the second one may get EBUSY, and is then repeated. */
static void overlap(struct view *view)
{
	int which = view_next(view, true), ret;

	must(try_flip(view, which, FLIP), "flip");
	view_committed(view, which);
	view_change(view, any(4));
	which = view_next(view, true);
	ret = try_flip(view, which, FLIP);
	overlapping++;
	if (ret == -EBUSY) {
		busy++;
		kms_wait_for_flips(drm_fd, 1);
		ret = try_flip(view, which, FLIP);
		must(ret, "flip after EBUSY");
		kms_wait_for_flips(drm_fd, 1);
	} else {
		must(ret, "overlapping flip");
		kms_wait_for_flips(drm_fd, 2);
	}
	view_committed(view, which);
}

static bool is_ours(const struct slot *slot, uint32_t fb)
{
	return slot->buffer && slot->buffer->fb == fb;
}

/* The host must show what the guest scans out; this must not be one of our buffers. */
static void judge_consoles(void)
{
	double deadline = now() + CONSOLE;
	struct image image;
	uint32_t fb;
	int i, j;

	for (i = 0; i < num_views; i++) {
		do {
			image = scanout_read(views[i].head.index, false, &fb);
			for (j = 0; j < VIEW_SLOTS; j++)
				check(!is_ours(&views[i].slots[j], fb),
				      "head %d shows our buffer instead of the console's", i);
			/* Try again, because the console may have drawn in between. */
		} while (!judge_try(image.pixels, (size_t)image.width * image.height * 4,
				    "picture %d %u %u", views[i].head.index, image.width,
				    image.height) && now() < deadline);
		judge_picture(views[i].head.index, &image);
	}
}

static void set_modes(void)
{
	int i;

	for (i = 0; i < num_views; i++)
		view_set_mode(&views[i]);
}

/* Lets the console have the screen for a moment. */
static void console(void)
{
	char command[128];
	int i;

	check(!drmDropMaster(drm_fd), "drop master: %s", strerror(errno));
	/* The console's cursor blinks, so hide it. */
	snprintf(command, sizeof(command),
		 "chvt 2; printf '\\033[?25l%u\\n' >/dev/tty2; chvt 1; printf '\\033[?25l%u\\n' >/dev/tty1",
		 any(1000), any(1000));
	shell(command);
	scope(judge_consoles);
	check(!drmSetMaster(drm_fd), "set master: %s", strerror(errno));
	for (i = 0; i < num_views; i++)
		pointer_lost(&pointers[i]);
	set_modes();
}

static void close_fd(void *data)
{
	close((int)(intptr_t)data);
}

/* Another master shows a picture on a head until it closes its file. */
static void be_other(void)
{
	struct head head = views[any(num_views)].head;
	drmModeModeInfo mode = head.mode;
	struct image image;

	check(!drmDropMaster(drm_fd), "drop master: %s", strerror(errno));
	head.fd = open(kms_path(), O_RDWR | O_CLOEXEC);
	check(head.fd >= 0, "open: %s", strerror(errno));
	at_end(close_fd, (void *)(intptr_t)head.fd);
	check(drmIsMaster(head.fd), "another file does not become master");
	check(!drmSetClientCap(head.fd, DRM_CLIENT_CAP_ATOMIC, 1), "no atomic mode setting");
	head.x = head.y = 0;
	image = kms_show(&head, &mode, any(1000));
	judge_picture(head.index, &image);
}

static void other_master(void)
{
	scope(be_other);
	check(!drmSetMaster(drm_fd), "set master: %s", strerror(errno));
	set_modes();
}

/* Resizes the window of a head; the program may or may not follow. */
static void host_resizes(struct view *view)
{
	uint32_t width = between(64, 600), height = between(64, 400);
	bool closes = one_in(4);

	if (on_fake())
		return;
	if (closes) {
		/* The program continues to show its picture, although no window displays it. */
		judge(NULL, 0, "resize %d 0 0", view->head.index);
		kms_wait_for_head(drm_fd, view->head.index, false);
		must(try_flip(view, view->shown, 0), "flip on a head that is not connected");
		view_committed(view, view->shown);
	}
	judge(NULL, 0, "resize %d %u %u", view->head.index, width, height);
	if (closes)
		kms_wait_for_head(drm_fd, view->head.index, true);
	else if (one_in(3))
		return;
	kms_wait_for_size(&view->head, width, height);
	if (one_in(2))
		view_reshape(view, width, height);
}

/* Suspends the device, which loses its state. */
static void sleep_a_moment(void)
{
	write_file("/sys/power/pm_test", "devices");
	write_file("/sys/power/state", "freeze");
	write_file("/sys/power/pm_test", "none");
}

static void judge_all(int commit)
{
	int i;

	for (i = 0; i < num_views; i++)
		view_judge(&views[i], commit);
}

static void step(int commit)
{
	int head = any(num_views), most = one_in(20) ? VIEW_RECTS + 20 : one_in(4) ? 24 : 4;
	struct view *view = &views[head];

	view_change(view, any(most));
	if (one_in(6))
		view_scribble(view);
	if (one_in(4)) {
		pointer_change(&pointers[head]);
		if (one_in(2))
			pointer_judge(&pointers[head], commit);
	}
	/* Some changes are drawn and never shown. */
	if (one_in(10))
		return;
	if (one_in(12))
		view_destroy_one(view);
	if (one_in(12))
		view_add_fb_again(view);
	if (one_in(60))
		neighbour_start();

	if (one_in(60))
		view_reshape(view, 0, 0);
	else if (one_in(80))
		host_resizes(view);
	else if (one_in(150))
		console();
	else if (one_in(150))
		other_master();
	else if (sleeps && one_in(800))
		sleep_a_moment();
	else if (one_in(40))
		view_set_mode(view);
	else if (one_in(5))
		view_dirty(view);
	else if (one_in(6))
		overlap(view);
	else if (one_in(6))
		show_all();
	else if (one_in(6))
		show_each();
	else
		show(view);
	judge_all(commit);
}

static drmModeModeInfo usual[MAX_HEADS];

static void usual_size(void *data)
{
	int index = ((const struct view *)data)->head.index;

	judge_try(NULL, 0, "resize %d %u %u", index, usual[index].hdisplay,
		  usual[index].vdisplay);
}

static void run(int commits)
{
	double start = now();
	struct head head;
	int i;

	random_start("the timing of the other program, the console and the host");
	drm_fd = kms_open();
	vgem_fd = drmOpenWithType("vgem", NULL, DRM_NODE_PRIMARY);
	check(vgem_fd >= 0, "no vgem: modprobe vgem?");
	at_end(close_fd, (void *)(intptr_t)vgem_fd);
	for (num_views = 0; num_views < MAX_HEADS; num_views++) {
		if (num_views && !kms_has_head(drm_fd, num_views))
			break;
		judge(NULL, 0, "watch %d", num_views);
		head = kms_head(drm_fd, num_views);
		usual[num_views] = kms_preferred(&head);
		view_start(&views[num_views], drm_fd, num_views, vgem_fd);
		pointer_start(&pointers[num_views], &views[num_views].head);
		if (!on_fake())
			at_end(usual_size, &views[num_views]);
	}
	neighbour_start();
	overlapping = busy = 0;
	judge_all(-1);
	for (i = 0; i < commits; i++)
		step(i);
	for (i = 0; i < num_views; i++)
		pointer_judge(&pointers[i], commits);
	printf("%d steps on %d heads in %.0f s; %d flips overlapped, %d of them got EBUSY\n",
	       commits, num_views, now() - start, overlapping, busy);
}

static void quick(void)
{
	sleeps = false;
	run(QUICK);
}

static void many(void)
{
	sleeps = true;
	run(LONG);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "quick", "some hundred commits", quick },
		{ "many", "ten thousand commits, with suspends in between", many },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
