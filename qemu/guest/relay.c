// SPDX-License-Identifier: GPL-2.0
/* Copies standard input to a port of the host, also across suspends of the guest. */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/port.h"

int main(int argc, char **argv)
{
	char data[65536];
	ssize_t size;

	if (argc != 2) {
		fprintf(stderr, "usage: %s PORT\n", argv[0]);
		return 2;
	}

	while ((size = read(STDIN_FILENO, data, sizeof(data))) > 0) {
		/* Open the port for each piece, because a suspend may close it in between. */
		int fd = port_open(argv[1]);

		if (fd < 0 || !port_write(fd, data, size))
			fprintf(stderr, "relay: lost %zd bytes\n", size);
		close(fd);
	}
	return 0;
}
