// SPDX-License-Identifier: GPL-2.0
#include <ctype.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bounce.h"
#include "count.h"
#include "harness.h"
#include "judge.h"
#include "kms.h"

/* Long enough for the last answers of the host. */
#define REST_US	200000

/* Returns the name of the GPU's virtio device, e.g. "virtio3". */
static void device_name(char name[NAME_MAX])
{
	const char *node = kms_path();
	char pattern[PATH_MAX];
	glob_t found;

	if (!node)
		fail("no virtio GPU");
	snprintf(pattern, sizeof(pattern), "/sys/class/drm/%s/device/virtio*",
		 strrchr(node, '/') + 1);
	check(!glob(pattern, 0, NULL, &found) && found.gl_pathc == 1, "%s is not one device",
	      pattern);
	snprintf(name, NAME_MAX, "%s", strrchr(found.gl_pathv[0], '/') + 1);
	globfree(&found);
}

/* Returns the interrupts of the GPU's virtqueues on all CPUs; without MSI-X those of the device. */
static long interrupts(void)
{
	char name[NAME_MAX], *line = NULL;
	FILE *file = fopen("/proc/interrupts", "r");
	long sum = 0, queues = 0;
	size_t size = 0;

	device_name(name);
	check(file, "no /proc/interrupts");
	while (getline(&line, &size, file) > 0) {
		const char *which = strstr(line, name);
		char *at = strchr(line, ':');

		if (!which || isdigit(which[strlen(name)]) || strstr(which, "-config"))
			continue;
		queues++;
		for (at++; strspn(at, " 0123456789") && at < which;) {
			char *end;
			long number = strtol(at, &end, 10);

			if (end == at)
				break;
			sum += number;
			at = end;
		}
	}
	free(line);
	fclose(file);
	check(queues, "%s has no interrupts", name);
	return sum;
}

static long bounced(void)
{
	return bounce_is_counted() ? bounce_bytes() : 0;
}

struct count count_begin(const char *name)
{
	struct count count;

	usleep(REST_US);
	count.interrupts = interrupts();
	count.bounced = bounced();
	judge(NULL, 0, "count-begin %s", name);
	return count;
}

void count_end(struct count *count, int steps, long memory)
{
	usleep(REST_US);
	judge(NULL, 0, "count-end %d %ld %ld %ld", steps, interrupts() - count->interrupts, memory,
	      bounced() - count->bounced);
}
