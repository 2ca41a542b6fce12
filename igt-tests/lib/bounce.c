// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <unistd.h>

#include "bounce.h"
#include "harness.h"
#include "module.h"

#define COUNTS	"/sys/module/bouncecount/parameters/"

static void stop(void *unused)
{
	(void)unused;
	shell("rmmod bouncecount");
}

void bounce_start(void)
{
	shell("insmod /host/tests/bouncecount.ko");
	at_end(stop, NULL);
}

bool bounce_is_counted(void)
{
	return !access(COUNTS, F_OK);
}

static long read_count(const char *path)
{
	FILE *file = fopen(path, "r");
	long bytes = 0;

	check(file && fscanf(file, "%ld", &bytes) == 1, "no %s", path);
	fclose(file);
	return bytes;
}

long bounce_bytes(void)
{
	return read_count(COUNTS "to_device") + read_count(COUNTS "from_device");
}
