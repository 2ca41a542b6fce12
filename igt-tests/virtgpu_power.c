// SPDX-License-Identifier: GPL-2.0
/* Suspend, hibernation and device resets under a picture: it must come back as it was. */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"

/* An empty disk of qemu/host/machine.py. */
#define SWAP "/dev/vdc"

/* Returns 0 or an errno. */
static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, strlen(text)) < 0)
		error = errno;
	close(fd);
	return error;
}

/* Shows a picture and a cursor, runs @disturb, and has everything judged again. */
static void survive(void (*disturb)(void))
{
	int fd = kms_open();
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image = image_new(mode.hdisplay, mode.vdisplay), cursor = image_new(64, 64);
	struct buffer *buffer = kms_buffer(fd, image.width, image.height, DRM_FORMAT_XRGB8888);
	struct buffer *hidden = kms_buffer(fd, image.width, image.height, DRM_FORMAT_XRGB8888);
	struct buffer *arrow = kms_buffer(fd, 64, 64, DRM_FORMAT_ARGB8888);

	judge(NULL, 0, "watch 0");
	image_pattern(&image, 1, image_all(&image));
	kms_draw(hidden, &image, image_all(&image));
	kms_set_mode(&head, &mode, hidden);
	image_pattern(&image, 2, image_all(&image));
	kms_draw(buffer, &image, image_all(&image));
	kms_flip(&head, buffer, NULL, 0);
	image_pattern(&cursor, 3, image_all(&cursor));
	kms_draw(arrow, &cursor, image_all(&cursor));
	check(!drmModeSetCursor2(fd, head.crtc, arrow->handle, 64, 64, 3, 4), "cursor: %s",
	      strerror(errno));
	check(!drmModeMoveCursor(fd, head.crtc, 55, 66), "move: %s", strerror(errno));
	judge_picture(0, &image);
	judge_cursor(0, &cursor, 3, 4);

	disturb();

	judge_picture(0, &image);
	judge_cursor(0, &cursor, 3, 4);
	judge(NULL, 0, "cursor-at 0 55 66");

	/* Also a buffer that was not on screen meanwhile. */
	image_pattern(&image, 1, image_all(&image));
	kms_flip(&head, hidden, NULL, 0);
	judge_picture(0, &image);
}

/* How often the machine has slept so far. */
static int times_asleep(void)
{
	FILE *file = fopen("/sys/power/suspend_stats/success", "r");
	int count;

	check(file && fscanf(file, "%d", &count) == 1, "no suspend statistics");
	fclose(file);
	return count;
}

static void suspend(void)
{
	int error, before = times_asleep();

	judge(NULL, 0, "wakeup 2");
	error = put("/sys/power/mem_sleep", "deep");
	check(!error, "no S3 here: %s", strerror(error));
	error = put("/sys/power/state", "mem");
	check(!error, "suspend: %s", strerror(error));
	check(times_asleep() == before + 1, "the machine did not sleep");
}

static void suspend_thrice(void)
{
	int i;

	for (i = 0; i < 3; i++)
		suspend();
}

static void swap_off(void *data)
{
	(void)data;
	swapoff(SWAP);
}

/* Writes the image and reads it back at once; the driver sees freeze, power-off and restore. */
static void hibernate(void)
{
	struct stat disk;
	char number[32];
	int error;

	check(!stat(SWAP, &disk), "no disk to swap to: %s", strerror(errno));
	check(!system("mkswap -q " SWAP), "mkswap");
	check(!swapon(SWAP, 0), "swapon: %s", strerror(errno));
	at_end(swap_off, NULL);
	snprintf(number, sizeof(number), "%u:%u", major(disk.st_rdev), minor(disk.st_rdev));
	put("/sys/power/resume", number);
	check(!put("/sys/power/image_size", "0"), "image size");
	error = put("/sys/power/disk", "test_resume");
	check(!error, "no hibernation here: %s", strerror(error));
	error = put("/sys/power/state", "disk");
	check(!error, "hibernate: %s", strerror(error));
}

/* Returns 0 or an errno. */
static int try_reset(void)
{
	char path[PATH_MAX];

	pci_path(path, "reset");
	return put(path, "1");
}

static void reset(void)
{
	int error = try_reset();

	check(!error, "reset: %s", strerror(error));
}

/**
 * struct flipping - data that the processes of a round share
 * @resets: number of resets that have begun
 * @stop: tells the flipping process to exit with the first picture
 */
struct flipping {
	unsigned int resets;
	bool stop;
};

#define RESETS	4

/* Flips between two pictures until it is told to stop, and ends with the first. */
static void flip_until(const bool *stop, const struct head *head, struct buffer *const buffers[2])
{
	unsigned int i = 0;

	do {
		i ^= 1;
		kms_flip(head, buffers[i], NULL, 0);
	} while (i || !__atomic_load_n(stop, __ATOMIC_RELAXED));
}

/* Each reset may take its time. */
static void wait_for_reset(const struct flipping *flipping, unsigned int number, double share)
{
	double deadline = now() + 30;
	unsigned int count, seen = 0;

	while ((count = __atomic_load_n(&flipping->resets, __ATOMIC_RELAXED)) < number) {
		if (count != seen)
			deadline = now() + 30;
		seen = count;
		check(now() < deadline, "reset %u does not begin", count + 1);
		usleep(1000);
	}
	usleep(share * 1e6);
}

static void join(pid_t child, const char *what, unsigned int round)
{
	int status;

	check(waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status),
	      "round %u: %s failed", round, what);
}

/*
 * Resets the device a few times. A process begins to flip on @head during the first reset, and stops
 * during the last one.
 */
static void flip_through_resets(struct flipping *flipping, const struct head *head,
				struct buffer *const buffers[2], double duration,
				unsigned int round)
{
	double share = duration * (round % 10) / 10;
	pid_t resetter, flipper;

	*flipping = (struct flipping) { };
	resetter = fork();
	check(resetter >= 0, "fork: %s", strerror(errno));
	if (!resetter) {
		while (flipping->resets < RESETS) {
			__atomic_add_fetch(&flipping->resets, 1, __ATOMIC_RELAXED);
			reset();
		}
		_exit(0);
	}
	wait_for_reset(flipping, 1, share);
	flipper = fork();
	check(flipper >= 0, "fork: %s", strerror(errno));
	if (!flipper) {
		flip_until(&flipping->stop, head, buffers);
		_exit(0);
	}
	wait_for_reset(flipping, RESETS, duration - share);
	__atomic_store_n(&flipping->stop, true, __ATOMIC_RELAXED);
	join(flipper, "a flip", round);
	join(resetter, "a reset", round);
}

/*
 * The device is reset while a program flips. The program may show a buffer for the first time during a
 * reset, and its last picture must be shown after it.
 */
static void test_reset_flips(void)
{
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct flipping *flipping = mmap(NULL, sizeof(*flipping), PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct image image = kms_show(&head, &mode, 1), other = image_new(image.width, image.height);
	double duration = now();
	unsigned int round;

	check(flipping != MAP_FAILED, "mmap: %s", strerror(errno));
	judge(NULL, 0, "watch 0");
	reset();
	duration = now() - duration;
	for (round = 0; round < 10; round++) {
		/* The shape changes in each round, so that the host has no image for the buffers yet. */
		uint32_t width = image.width + 16 * (1 + round);
		struct buffer *buffers[2];
		unsigned int i;

		image_pattern(&image, 2 * round + 2, image_all(&image));
		image_pattern(&other, 2 * round + 3, image_all(&other));
		for (i = 0; i < 2; i++) {
			buffers[i] = kms_buffer(head.fd, width, image.height, DRM_FORMAT_XRGB8888);
			kms_draw(buffers[i], i ? &other : &image, image_all(&image));
		}
		flip_through_resets(flipping, &head, buffers, duration, round);
		judge_picture_within(0, &image, 10);
		kms_flip(&head, buffers[1], NULL, 0);
		judge_picture(0, &other);
	}
}

static void test_suspend(void)
{
	survive(suspend);
}

static void test_suspend_thrice(void)
{
	survive(suspend_thrice);
}

static void test_hibernate(void)
{
	survive(hibernate);
}

static void test_reset(void)
{
	survive(reset);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "suspend", "S3 and back", test_suspend },
		{ "suspend-thrice", "S3 and back, three times", test_suspend_thrice },
		{ "hibernate", "hibernation and back", test_hibernate },
		{ "reset", "a function-level reset of the PCI device", test_reset },
		{ "reset-flips", "the same, while a program flips", test_reset_flips },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
