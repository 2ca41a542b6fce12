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

#define ANSWER_MS	60000
/* Sizes of the longest request and answer in bytes, including the final zero. */
#define REQUEST		256
#define ANSWER		1024

/* The port while judge_hold() keeps it open, or -1. */
static int held = -1;

void judge_hold(void)
{
	held = port_open("virtgpu.judge");
}

void judge_release(void)
{
	close(held);
	held = -1;
}

/* Sends a request; @answer gets the answer without its newline. Returns whether it is "ok". */
static bool ask(const void *data, size_t data_size, const char *format, va_list args,
		char request[REQUEST], char answer[ANSWER])
{
	/* Open the port for each request, because an open port does not work after a suspend. */
	int fd = held >= 0 ? held : port_open("virtgpu.judge");
	size_t length = 0;

	if (fd < 0)
		fail("no judge port: start the test with python3 -m qemu.interactive.vm");
	vsnprintf(request, REQUEST, format, args);
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
	} while (answer[length - 1] != '\n' && length < ANSWER - 1);
	answer[length - 1] = 0;
	if (fd != held)
		close(fd);
	return !strcmp(answer, "ok");
}

void judge(const void *data, size_t size, const char *format, ...)
{
	char request[REQUEST], answer[ANSWER];
	va_list args;

	va_start(args, format);
	check(ask(data, size, format, args, request, answer), "%s: %s", request, answer);
	va_end(args);
}

bool judge_try(const void *data, size_t size, const char *format, ...)
{
	char request[REQUEST], answer[ANSWER];
	bool agrees;
	va_list args;

	va_start(args, format);
	agrees = ask(data, size, format, args, request, answer);
	va_end(args);
	return agrees;
}

long judge_number(const char *format, ...)
{
	char request[REQUEST], answer[ANSWER];
	long number;
	va_list args;

	va_start(args, format);
	ask(NULL, 0, format, args, request, answer);
	va_end(args);
	check(sscanf(answer, "ok %ld", &number) == 1, "%s: %s", request, answer);
	return number;
}

void judge_picture(int head, const struct image *image)
{
	judge(image->pixels, (size_t)image->width * image->height * 4, "picture %d %u %u", head,
	      image->width, image->height);
}

void judge_picture_within(int head, const struct image *image, double seconds)
{
	double deadline = now() + seconds;

	while (now() < deadline) {
		if (judge_try(image->pixels, (size_t)image->width * image->height * 4,
			      "picture %d %u %u", head, image->width, image->height))
			return;
		usleep(100000);
	}
	judge_picture(head, image);
}

void judge_cursor(int head, const struct image *image, int hot_x, int hot_y)
{
	judge(image->pixels, (size_t)image->width * image->height * 4, "cursor %d %d %d", head,
	      hot_x, hot_y);
}
