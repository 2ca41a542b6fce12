// SPDX-License-Identifier: GPL-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "port.h"

#define PORTS		"/sys/class/virtio-ports"
#define DRIVER		"/sys/bus/virtio/drivers/virtio_console"
#define PATIENCE_MS	2000
#define TRIES		30

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	close(fd);
}

/* Finds the kernel's name of a port. The port has its own name once the host has sent it. */
static bool find_port(const char *port, char found_name[NAME_MAX + 1])
{
	char path[PATH_MAX], name[64];
	struct dirent *entry;
	DIR *ports = opendir(PORTS);
	bool found = false;

	while (ports && !found && (entry = readdir(ports))) {
		FILE *file;

		snprintf(path, sizeof(path), PORTS "/%s/name", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		found = fscanf(file, "%63s", name) == 1 && !strcmp(name, port);
		fclose(file);
		strcpy(found_name, entry->d_name);
	}
	if (ports)
		closedir(ports);
	return found;
}

/* After S3 the host's end of a port stays closed; binding the driver again opens it. */
static void rebind(const char *name)
{
	char path[PATH_MAX], target[PATH_MAX];

	snprintf(path, sizeof(path), PORTS "/%s/device", name);
	if (!realpath(path, target))
		return;
	put(DRIVER "/unbind", basename(target));
	put(DRIVER "/bind", basename(target));
}

static bool writable(int fd)
{
	struct pollfd poller = { .fd = fd, .events = POLLOUT };

	return poll(&poller, 1, PATIENCE_MS) == 1 && poller.revents & POLLOUT;
}

/* Opens the kernel's own file of a port, because udev may create its link much later. */
int port_open(const char *name)
{
	char found_name[NAME_MAX + 1], path[PATH_MAX];
	int fd, tries;

	for (tries = 0; tries < TRIES; tries++) {
		fd = -1;
		if (find_port(name, found_name)) {
			snprintf(path, sizeof(path), "/dev/%s", found_name);
			fd = open(path, O_RDWR | O_CLOEXEC);
		}
		if (fd < 0) {
			usleep(200000);
			continue;
		}
		if (writable(fd))
			return fd;
		close(fd);
		rebind(found_name);
	}
	return -1;
}

bool port_write(int fd, const void *data, size_t size)
{
	const char *at = data;

	while (size) {
		ssize_t sent = write(fd, at, size);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		at += sent;
		size -= sent;
	}
	return true;
}
