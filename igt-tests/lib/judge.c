// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "judge.h"
#include "port.h"

#define ANSWER_MS 60000

void judge(const void *data, size_t size, const char *format, ...)
{
	/* Opened anew each time: an open port is not worth much after a suspend. */
	int fd = port_open("virtgpu.judge");
	char request[256], answer[1024];
	size_t length = 0;
	va_list args;

	if (fd < 0)
		skip("nobody judges: not in a guest of qemu/vm.py?");

	va_start(args, format);
	vsnprintf(request, sizeof(request) - 1, format, args);
	va_end(args);
	strcat(request, "\n");
	check(port_write(fd, request, strlen(request)) && port_write(fd, data, size),
	      "the judge does not listen: %s", strerror(errno));

	do {
		struct pollfd poller = { .fd = fd, .events = POLLIN };
		ssize_t got;

		check(poll(&poller, 1, ANSWER_MS) == 1, "the judge does not answer");
		got = read(fd, answer + length, 1);

		if (got < 0 && errno == EINTR)
			continue;
		check(got == 1, "the judge is gone: %s", strerror(errno));
		length += got;
	} while (answer[length - 1] != '\n' && length < sizeof(answer) - 1);
	answer[length - 1] = 0;
	close(fd);
	check(!strcmp(answer, "ok"), "%s: %s", strtok(request, "\n"), answer);
}

void judge_picture(int head, const struct image *image)
{
	judge(image->pixels, (size_t)image->width * image->height * 4, "picture %d %u %u", head,
	      image->width, image->height);
}

void judge_cursor(int head, const struct image *image, int hot_x, int hot_y)
{
	judge(image->pixels, (size_t)image->width * image->height * 4, "cursor %d %d %d", head,
	      hot_x, hot_y);
}
