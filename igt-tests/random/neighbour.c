// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#include "lib/harness.h"
#include "lib/kms.h"
#include "lib/random.h"
#include "random/neighbour.h"

#define BUFFERS		6
/* A pause between steps, which leaves CPU time to the test. */
#define REST_US		10000

static pid_t neighbour;

static void __attribute__((noreturn)) live(int fd)
{
	uint32_t handles[BUFFERS] = {}, fbs[BUFFERS] = {};

	for (;;) {
		int which = any(BUFFERS);

		if (!handles[which]) {
			uint32_t width = between(1, 400), height = between(1, 300);

			kms_plain_buffer(fd, width, height, any(256), &handles[which], &fbs[which]);
		} else {
			if (fbs[which] && one_in(2))
				drmModeRmFB(fd, fbs[which]);
			drmModeDestroyDumbBuffer(fd, handles[which]);
			handles[which] = 0;
		}
		usleep(REST_US);
	}
}

static void end(void *unused)
{
	(void)unused;
	if (neighbour <= 0)
		return;
	kill(neighbour, SIGKILL);
	waitpid(neighbour, NULL, 0);
	neighbour = 0;
}

void neighbour_start(void)
{
	int status, fd;

	if (neighbour > 0) {
		check(!waitpid(neighbour, &status, WNOHANG), "the other program ended by itself");
		end(NULL);
		not_at_end(end, NULL);
	}
	fd = open(kms_path(), O_RDWR | O_CLOEXEC);
	check(fd >= 0, "open: %s", strerror(errno));
	neighbour = fork();
	check(neighbour >= 0, "fork: %s", strerror(errno));
	if (!neighbour) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		live(fd);
	}
	close(fd);
	at_end(end, NULL);
}
