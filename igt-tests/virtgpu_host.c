// SPDX-License-Identifier: GPL-2.0
/* What the host does to its windows, and the guest has to follow. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"

/* Waits until the preferred mode has a size. */
static drmModeModeInfo wait_for_size(const struct head *head, uint32_t width, uint32_t height)
{
	double deadline = now() + 10;
	drmModeModeInfo mode;

	do {
		mode = kms_preferred(head);
		if (mode.hdisplay == width && mode.vdisplay == height)
			return mode;
		usleep(50000);
	} while (now() < deadline);
	fail("the preferred mode is %ux%u 10 s after the window became %ux%u", mode.hdisplay,
	     mode.vdisplay, width, height);
}

static void show(struct head *head, const drmModeModeInfo *mode, uint32_t seed)
{
	struct image image = kms_show(head, mode, seed);

	judge_picture(head->index, &image);
}

static void resize(void)
{
	/* Also sizes no standard timing has, and odd ones. */
	static const uint32_t sizes[][2] = {
		{ 800, 600 }, { 1234, 777 }, { 1001, 701 }, { 640, 480 }, { 1920, 1080 },
		{ 1024, 768 },
	};
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode = kms_preferred(&head);
	size_t i;

	show(&head, &mode, 0);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		judge(NULL, 0, "resize 0 %u %u", sizes[i][0], sizes[i][1]);
		mode = wait_for_size(&head, sizes[i][0], sizes[i][1]);
		show(&head, &mode, 1 + i);
	}
}

static void resize_second_head(void)
{
	int fd = kms_open();
	struct head first = kms_head(fd, 0), second = kms_head(fd, 1);
	drmModeModeInfo mode0 = kms_preferred(&first), mode1;

	judge(NULL, 0, "resize 1 720 400");
	mode1 = wait_for_size(&second, 720, 400);
	show(&first, &mode0, 1);
	show(&second, &mode1, 2);
	judge(NULL, 0, "resize 1 1024 768");
	wait_for_size(&second, 1024, 768);
}

/* A storm of resizes: the last one counts, none may be lost. */
static void resize_storm(void)
{
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode;
	int i;

	for (i = 0; i < 30; i++)
		judge(NULL, 0, "resize 0 %d %d", 640 + i * 8, 480 + i * 4);
	mode = wait_for_size(&head, 640 + 29 * 8, 480 + 29 * 4);
	show(&head, &mode, 1);
	judge(NULL, 0, "resize 0 1024 768");
	wait_for_size(&head, 1024, 768);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "resize", "the window changes size, the guest follows to the pixel", resize },
		{ "resize-second-head", "the same on the other head", resize_second_head },
		{ "resize-storm", "many resizes at once", resize_storm },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
