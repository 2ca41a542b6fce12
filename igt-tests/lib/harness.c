// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.h"

/* IGT's exit codes. */
enum { EXIT_PASS = 0, EXIT_SKIP = 77, EXIT_INVALID = 79, EXIT_FAIL = 98 };

#define MAX_UNDO 256

static jmp_buf subtest_end;
static struct {
	void (*undo)(void *data);
	void *data;
} undos[MAX_UNDO];
static int num_undos;

double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void print_both(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	fflush(stdout);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
}

void fail_at(const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("%s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	longjmp(subtest_end, EXIT_FAIL);
}

void skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	longjmp(subtest_end, EXIT_SKIP);
}

void at_end(void (*undo)(void *), void *data)
{
	if (num_undos == MAX_UNDO)
		fail("too many at_end() calls");
	undos[num_undos].undo = undo;
	undos[num_undos++].data = data;
}

void not_at_end(void (*undo)(void *), void *data)
{
	int i = num_undos - 1;

	while (i >= 0 && (undos[i].undo != undo || undos[i].data != data))
		i--;
	check(i >= 0, "not_at_end() without at_end()");
	memmove(&undos[i], &undos[i + 1], (--num_undos - i) * sizeof(undos[0]));
}

static void undo_down_to(int mark)
{
	while (num_undos > mark) {
		num_undos--;
		undos[num_undos].undo(undos[num_undos].data);
	}
}

void scope(void (*part)(void))
{
	int mark = num_undos;

	part();
	undo_down_to(mark);
}

/* igt_runner attributes the kernel messages between these markers to the subtest. */
static void mark(const char *format, ...)
{
	char text[256];
	va_list args;
	FILE *kmsg;

	/* Tools that a test runs use this harness, too; they are part of that test. */
	if (strncmp(program_invocation_short_name, "virtgpu_", strlen("virtgpu_")))
		return;
	kmsg = fopen("/dev/kmsg", "w");
	if (!kmsg)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(kmsg, "<6>[IGT] %s: %s\n", program_invocation_short_name, text);
	fclose(kmsg);
}

/* Returns the faults in the kernel's taint mask. */
static unsigned long long faults(void)
{
	/* No faults: staging, firmware workaround, out of tree, unsigned, randomized struct, KUnit. */
	const unsigned long long harmless = 1 << 10 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 17 | 1 << 18;
	FILE *file = fopen("/proc/sys/kernel/tainted", "r");
	unsigned long long mask = 0;

	if (!file || fscanf(file, "%llu", &mask) != 1)
		printf("the kernel's taint cannot be read\n");
	if (file)
		fclose(file);
	return mask & ~harmless;
}

static int run_one(const struct subtest *subtest)
{
	static const char *const names[] = { [EXIT_PASS] = "SUCCESS", [EXIT_SKIP] = "SKIP",
					     [EXIT_FAIL] = "FAIL" };
	unsigned long long before = faults(), after;
	double start = now();
	int result;

	mark("starting subtest %s", subtest->name);
	print_both("Starting subtest: %s\n", subtest->name);
	result = setjmp(subtest_end);
	if (!result)
		subtest->run();
	undo_down_to(0);
	after = faults();
	if (after & ~before) {
		printf("the kernel's taint changed from %#llx to %#llx, see its log\n", before, after);
		result = EXIT_FAIL;
	}
	mark("finished subtest %s, %s", subtest->name, names[result]);
	print_both("Subtest %s: %s (%.3fs)\n", subtest->name, names[result], now() - start);
	return result;
}

int harness_main(int argc, char **argv, const struct subtest *subtests)
{
	static const struct option options[] = {
		{ "list-subtests", no_argument, NULL, 'l' },
		{ "run-subtest", required_argument, NULL, 'r' },
		{ "describe", optional_argument, NULL, 'd' },
		{ "help-description", no_argument, NULL, 'h' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const struct subtest *subtest;
	const char *wanted = "*";
	bool skipped = false, passed = false, failed = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'l':
			for (subtest = subtests; subtest->name; subtest++)
				puts(subtest->name);
			return EXIT_PASS;
		case 'd':
			for (subtest = subtests; subtest->name; subtest++)
				printf("%s: %s\n", subtest->name, subtest->describe);
			return EXIT_PASS;
		case 'r':
			wanted = optarg;
			break;
		case 'h':
			printf("%s [--list-subtests] [--describe] [--run-subtest PATTERN]\n",
			       argv[0]);
			return EXIT_PASS;
		default:
			return EXIT_INVALID;
		}
	}

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("IGT-Version: 2.5-virtgpu\n");
	mark("executing");
	for (subtest = subtests; subtest->name; subtest++) {
		if (fnmatch(wanted, subtest->name, 0))
			continue;
		switch (run_one(subtest)) {
		case EXIT_PASS:
			passed = true;
			break;
		case EXIT_SKIP:
			skipped = true;
			break;
		default:
			failed = true;
		}
	}
	if (failed)
		return EXIT_FAIL;
	if (passed)
		return EXIT_PASS;
	return skipped ? EXIT_SKIP : EXIT_INVALID;
}
