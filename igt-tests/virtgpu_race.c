// SPDX-License-Identifier: GPL-2.0
/* Race conditions: one thread is held at a critical place while another thread runs. */
#include <drm_fourcc.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/held.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"

/* Seconds until the driver shows a picture again. */
#define RECOVERY	10.0
/* Seconds until a thread is held. It is held for at most five seconds. */
#define PATIENCE	5.0

/*
 * Returns whether a symbol is the function that submits a command to the queue, in C or in Rust. In Rust,
 * the name of a closure in this function has the function's name, too, and something behind it.
 */
static bool is_submit(const char *symbol)
{
	static const char name[] = "5Queue3add";
	size_t length = strlen(symbol);

	if (!strncmp(symbol, "_R", 2))
		return strstr(symbol, "7virtgpu9transport5queue") && length > strlen(name) &&
		       !strcmp(symbol + length - strlen(name), name);
	return !strcmp(symbol, "virtgpu_queue_submit");
}

/* Holds commits when a command has just been submitted to the queue. */
static void hold_after_submit(void)
{
	FILE *file = fopen("/proc/kallsyms", "r");
	char line[512], function[256], parameters[300];
	bool is_found = false;

	check(file, "kallsyms: %s", strerror(errno));
	while (!is_found && fgets(line, sizeof(line), file))
		is_found = sscanf(line, "%*s %*c %255s", function) == 1 && is_submit(function);
	fclose(file);
	check(is_found, "the function that submits commands is not in kallsyms");
	snprintf(parameters, sizeof(parameters), "function=%s at_end=1", function);
	held_start(parameters);
}

/**
 * struct resetting - a device that is reset while a commit is held
 * @path: the sysfs file that resets the device
 * @was_held: a commit was held when the reset began
 * @error: 0 or the errno of the reset
 * @is_over: the reset ended while the commit was held
 */
struct resetting {
	char path[PATH_MAX];
	bool was_held;
	int error;
	bool is_over;
};

/* Resets the device while a commit is held. Without check(), which only the subtest's thread may use. */
static void *reset_meanwhile(void *data)
{
	struct resetting *resetting = data;
	double deadline = now() + PATIENCE;
	int fd;

	while (!held_is_held() && now() < deadline)
		usleep(100);
	resetting->was_held = held_is_held();
	fd = open(resetting->path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "1", 1) != 1)
		resetting->error = errno;
	close(fd);
	resetting->is_over = held_is_held();
	held_let_go();
	return NULL;
}

/* The device is reset when a commit has just submitted SET_SCANOUT. */
static void reset_in_commit(void)
{
	struct resetting resetting = { };
	struct screen screen;
	struct buffer *other;
	pthread_t thread;

	if (driver_is_stock())
		skip("the kernel's own driver does not survive resets");
	screen = kms_screen(1);
	/* The buffer has another shape, so the commit must send SET_SCANOUT. */
	other = kms_buffer(screen.head.fd, screen.image.width + 64, screen.image.height,
			   DRM_FORMAT_XRGB8888);
	kms_set_mode(&screen.head, &screen.head.mode, other);
	kms_set_mode(&screen.head, &screen.head.mode, screen.buffers[0]);
	judge_picture(0, &screen.image);
	image_pattern(&screen.image, 2, image_all(&screen.image));
	kms_draw(other, &screen.image, image_all(&screen.image));

	hold_after_submit();
	snprintf(resetting.path, sizeof(resetting.path), "/sys/class/drm/%s/device/reset",
		 basename((char *)kms_path()));
	check(!pthread_create(&thread, NULL, reset_meanwhile, &resetting), "no thread");
	/* The commit submits the upload first, then SET_SCANOUT. */
	held_next(1);
	kms_set_mode(&screen.head, &screen.head.mode, other);
	pthread_join(thread, NULL);
	check(resetting.was_held, "no commit was held");
	check(!resetting.error, "reset: %s", strerror(resetting.error));
	check(resetting.is_over, "the reset did not end while the commit was held");
	judge_picture_within(0, &screen.image, RECOVERY);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "reset-in-commit", "the device is reset right after SET_SCANOUT was submitted",
		  reset_in_commit },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
