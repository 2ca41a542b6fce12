// SPDX-License-Identifier: GPL-2.0
/* Sends a file or the job's exit status to the host. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"

static const char *path, *status;

static void give(void)
{
	struct stat info;
	void *data = NULL;
	int fd;

	if (status) {
		judge(NULL, 0, "status %s", status);
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	check(fd >= 0 && !fstat(fd, &info), "%s: %s", path, strerror(errno));
	if (info.st_size)
		data = mmap(NULL, info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	check(data != MAP_FAILED, "%s: %s", path, strerror(errno));
	judge(data, info.st_size, "file %s %lld", basename((char *)path), (long long)info.st_size);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = { { "give", "give", give }, { } };

	if (argc == 3 && !strcmp(argv[1], "--status")) {
		status = argv[2];
	} else if (argc == 2) {
		path = argv[1];
	} else {
		fprintf(stderr, "usage: %s FILE | --status NUMBER\n", argv[0]);
		return 2;
	}
	return harness_main(1, argv, subtests);
}
