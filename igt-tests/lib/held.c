// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "harness.h"
#include "held.h"
#include "module.h"

#define PARAMETERS	"/sys/module/heldcommit/parameters/"

static void remove_module(void *unused)
{
	(void)unused;
	shell("rmmod heldcommit");
}

void held_start(const char *parameters)
{
	char command[256];

	snprintf(command, sizeof(command), "insmod /host/tests/heldcommit.ko %s", parameters);
	shell(command);
	at_end(remove_module, NULL);
}

void held_next(int pass)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", pass);
	write_file(PARAMETERS "pass", number);
	snprintf(number, sizeof(number), "%d", gettid());
	write_file(PARAMETERS "thread", number);
}

bool held_is_held(void)
{
	int fd = open(PARAMETERS "thread", O_RDONLY | O_CLOEXEC);
	char byte = 0;

	if (fd >= 0 && read(fd, &byte, 1) != 1)
		byte = 0;
	close(fd);
	return byte == '-';
}

int held_let_go(void)
{
	int fd = open(PARAMETERS "thread", O_WRONLY | O_CLOEXEC), error = 0;

	if (fd < 0 || write(fd, "0", 1) != 1)
		error = errno;
	close(fd);
	return error;
}
