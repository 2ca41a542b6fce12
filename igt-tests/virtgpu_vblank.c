// SPDX-License-Identifier: GPL-2.0
/* Times and sequence numbers of flip events. */
#include <drm_fourcc.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/kms.h"
#include "lib/module.h"

#define FLIPS	120
#define OFFS	8
#define LATEVBLANK	"/sys/module/latevblank/parameters"

struct flip {
	int64_t us;
	unsigned int sequence;
	bool done;
};

static int64_t now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000ll + time.tv_nsec / 1000;
}

static void flipped(int fd, unsigned int sequence, unsigned int sec, unsigned int us, void *data)
{
	struct flip *flip = data;

	(void)fd;
	*flip = (struct flip){ sec * 1000000ll + us, sequence, true };
}

static struct flip flip_to(const struct head *head, const struct buffer *buffer)
{
	drmEventContext context = { .version = 2, .page_flip_handler = flipped };
	struct pollfd poller = { .fd = head->fd, .events = POLLIN };
	struct flip flip = { };

	check(!drmModePageFlip(head->fd, head->crtc, buffer->fb, DRM_MODE_PAGE_FLIP_EVENT, &flip),
	      "flip: %s", strerror(errno));
	while (!flip.done) {
		check(poll(&poller, 1, 10000) == 1, "no flip event in 10 s");
		drmHandleEvent(head->fd, &context);
	}
	return flip;
}

/* Runs on one CPU. The vblank timer stays on the CPU that started it. */
static void run_on(int number)
{
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(number, &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
}

/* The time of a flip must be neither before its request nor in the future. */
static void check_flips(void)
{
	int fd = kms_open(), i;
	struct head head = kms_head(fd, 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct buffer *buffers[2];
	struct flip flip, last = { };
	int64_t asked;

	for (i = 0; i < 2; i++)
		buffers[i] = kms_buffer(fd, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888);
	kms_set_mode(&head, &mode, buffers[0]);
	for (i = 0; i < FLIPS; i++) {
		/* At different times within a frame, on the timer's CPU and on the other one. */
		run_on(i % 2);
		usleep(i * 700 % 17000);
		asked = now_us();
		flip = flip_to(&head, buffers[!(i % 2)]);
		check(flip.us >= asked, "flip %d was requested at %lld us and done at %lld us", i,
		      (long long)asked, (long long)flip.us);
		check(flip.us <= now_us(), "the time of flip %d is in the future", i);
		check(!i || (flip.us > last.us && (int)(flip.sequence - last.sequence) > 0),
		      "flip %d: frame %u at %lld us follows frame %u at %lld us", i, flip.sequence,
		      (long long)flip.us, last.sequence, (long long)last.us);
		last = flip;
	}
}

static void remove_latevblank(void *data)
{
	(void)data;
	shell("rmmod latevblank");
}

static void make_late(const char *params)
{
	char command[128];

	snprintf(command, sizeof(command), "insmod /host/tests/latevblank.ko %s", params);
	shell(command);
	at_end(remove_latevblank, NULL);
}

static unsigned int late_timers(void)
{
	unsigned int count = 0;
	FILE *file = fopen(LATEVBLANK "/count", "r");

	check(file && fscanf(file, "%u", &count) == 1, "no count of late timers");
	fclose(file);
	return count;
}

static void late_timer(void)
{
	unsigned int count;

	make_late("");
	check_flips();
	count = late_timers();
	check(count >= FLIPS, "%u timers of %d flips were late", count, FLIPS);
}

/* Makes the next timer late, and waits until it runs. */
static void wait_for_late_timer(void)
{
	unsigned int before = late_timers();
	double deadline = now() + 5;

	write_file(LATEVBLANK "/left", "1");
	while (late_timers() == before)
		check(now() < deadline, "no timer runs");
}

/*
 * A head is switched off and on again while its old vblank timer is about to handle a vblank. The commit
 * that starts the timer holds locks that the timer waits for, so the commit must not wait for the timer.
 */
static void off_and_on(void)
{
	int fd = kms_open(), i;
	struct head head = kms_head(fd, 0), other;
	drmModeModeInfo mode = kms_preferred(&head);
	struct buffer *buffers[2];

	/* Switch off the other heads, so that the late timer is this head's. */
	for (i = 1; kms_has_head(fd, i); i++) {
		other = kms_head(fd, i);
		kms_off(&other);
	}
	make_late("function=drm_handle_vblank late=300 left=0");
	for (i = 0; i < 2; i++)
		buffers[i] = kms_buffer(fd, mode.hdisplay, mode.vdisplay, DRM_FORMAT_XRGB8888);
	kms_set_mode(&head, &mode, buffers[0]);
	for (i = 0; i < OFFS; i++) {
		/* The timer runs on the CPU on which the flip started it. */
		run_on(i % 2);
		flip_to(&head, buffers[1]);
		run_on(!(i % 2));
		wait_for_late_timer();
		kms_off(&head);
		kms_set_mode(&head, &mode, buffers[0]);
		flip_to(&head, buffers[1]);
	}
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "flip-time", "times and sequence numbers of flips", check_flips },
		{ "flip-time-late", "the same with a late vblank timer", late_timer },
		{ "off-and-on", "a head is switched on while its old timer still runs", off_and_on },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
