// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "busy.h"
#include "harness.h"
#include "kms.h"
#include "random.h"

#define BUFFERS		2
#define CURSOR_SIZE	64
/* Seconds until the program has shown some frames. */
#define START_PATIENCE	20.0
/* The most steps that the program does before busy_start() returns. */
#define MOST_STEPS	12

static pid_t program;

/* How many steps the program has done; in memory that both processes share. */
static unsigned int *steps;

/* Reads the events of flips. Without room for another event, flips would fail. */
static void read_events(int fd)
{
	struct pollfd events = { .fd = fd, .events = POLLIN };
	char buffer[1024];

	while (poll(&events, 1, 0) > 0 && events.revents & POLLIN)
		if (read(fd, buffer, sizeof(buffer)) <= 0)
			break;
}

/* Nothing here waits for the host, so that much is pending when the program dies. */
static void step(const struct head *head, const uint32_t *fbs, unsigned int number)
{
	drmModeClip clip = { any(100), any(100), 100 + any(100), 100 + any(100) };
	uint32_t handle, fb;

	drmModePageFlip(head->fd, head->crtc, fbs[number % BUFFERS], DRM_MODE_PAGE_FLIP_EVENT, NULL);
	if (head->cursor)
		drmModeMoveCursor(head->fd, head->crtc, any(500), any(500));
	switch (any(4)) {
	case 0:
		drmModeDirtyFB(head->fd, fbs[number % BUFFERS], &clip, 1);
		break;
	case 1:
		kms_plain_buffer(head->fd, between(1, 300), between(1, 300), any(256), &handle, &fb);
		if (fb)
			drmModeRmFB(head->fd, fb);
		if (handle)
			drmModeDestroyDumbBuffer(head->fd, handle);
		break;
	case 2:
		drmModeFreeConnector(drmModeGetConnector(head->fd, head->connector));
		break;
	}
	read_events(head->fd);
}

/* Without check(), which only the subtest's process may use. */
static void __attribute__((noreturn)) live(struct head *head, drmModeModeInfo *mode)
{
	uint32_t handles[BUFFERS], fbs[BUFFERS], cursor, fb;
	int i;

	for (i = 0; i < BUFFERS; i++)
		kms_plain_buffer(head->fd, mode->hdisplay, mode->vdisplay, any(256), &handles[i],
				 &fbs[i]);
	drmModeSetCrtc(head->fd, head->crtc, fbs[0], 0, 0, &head->connector, 1, mode);
	if (head->cursor) {
		kms_plain_buffer(head->fd, CURSOR_SIZE, CURSOR_SIZE, any(256), &cursor, &fb);
		drmModeSetCursor(head->fd, head->crtc, cursor, CURSOR_SIZE, CURSOR_SIZE);
	}
	for (;;) {
		step(head, fbs, __atomic_add_fetch(steps, 1, __ATOMIC_RELAXED));
		usleep(any(5000));
	}
}

static void end(void *unused)
{
	(void)unused;
	busy_kill();
}

/* Starts the program. This is a scope, at whose end this process closes its own file of the device. */
static void split(void)
{
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode = kms_preferred(&head);

	program = fork();
	check(program >= 0, "fork: %s", strerror(errno));
	if (!program) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		live(&head, &mode);
	}
}

void busy_start(void)
{
	double deadline = now() + START_PATIENCE;
	unsigned int wanted = between(2, MOST_STEPS);

	if (!steps) {
		steps = mmap(NULL, sizeof(*steps), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			     -1, 0);
		check(steps != MAP_FAILED, "mmap: %s", strerror(errno));
	}
	*steps = 0;
	at_end(end, NULL);
	scope(split);
	while (__atomic_load_n(steps, __ATOMIC_RELAXED) < wanted && now() < deadline)
		usleep(1000);
	check(*steps >= wanted, "the busy program did %u of %u steps", *steps, wanted);
}

void busy_kill(void)
{
	if (program <= 0)
		return;
	not_at_end(end, NULL);
	kill(program, SIGKILL);
	waitpid(program, NULL, 0);
	program = 0;
}
