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

/* Sends a request and writes the answer, without its newline, to @answer. */
static void ask(const void *data, size_t data_size, const char *request, char *answer, size_t size)
{
	/* Opened anew each time: an open port is not worth much after a suspend. */
	int fd = port_open("virtgpu.judge");
	size_t length = 0;

	if (fd < 0)
		skip("nobody judges: not in a guest of qemu/vm.py?");
	check(port_write(fd, request, strlen(request)) && port_write(fd, "\n", 1) &&
	      port_write(fd, data, data_size), "the judge does not listen: %s", strerror(errno));

	do {
		struct pollfd poller = { .fd = fd, .events = POLLIN };
		ssize_t got;

		check(poll(&poller, 1, ANSWER_MS) == 1, "the judge does not answer");
		got = read(fd, answer + length, 1);

		if (got < 0 && errno == EINTR)
			continue;
		check(got == 1, "the judge is gone: %s", strerror(errno));
		length += got;
	} while (answer[length - 1] != '\n' && length < size - 1);
	answer[length - 1] = 0;
	close(fd);
}

void judge(const void *data, size_t size, const char *format, ...)
{
	char request[256], answer[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(request, sizeof(request), format, args);
	va_end(args);
	ask(data, size, request, answer, sizeof(answer));
	check(!strcmp(answer, "ok"), "%s: %s", request, answer);
}

bool judge_try(const void *data, size_t size, const char *format, ...)
{
	char request[256], answer[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(request, sizeof(request), format, args);
	va_end(args);
	ask(data, size, request, answer, sizeof(answer));
	return !strcmp(answer, "ok");
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
