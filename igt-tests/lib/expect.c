// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <string.h>
#include <xf86drm.h>

#include "expect.h"
#include "harness.h"

void expect_at(const char *file, int line, int fd, int error, const char *name,
	       unsigned long request, void *args)
{
	int got = drmIoctl(fd, request, args) ? errno : 0;

	if (got != error)
		fail_at(file, line, "%s: got %s, not %s", name, strerror(got), strerror(error));
}
