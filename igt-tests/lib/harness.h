/* SPDX-License-Identifier: GPL-2.0 */
/* Runs tests with IGT's command-line protocol, so that igt_runner can run them. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>

/**
 * struct subtest - one test
 * @name: its name on the command line
 * @describe: what it tests, in one line
 * @run: returns if it passed; check() and skip() do not return
 */
struct subtest {
	const char *name;
	const char *describe;
	void (*run)(void);
};

/* Runs the subtests that the command line selects; @subtests ends with an empty entry. */
int harness_main(int argc, char **argv, const struct subtest *subtests);

void fail_at(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
/*
 * Skips a subtest that the driver or the device does not support. If the guest lacks what the subtest
 * needs to check the result, it must fail instead.
 */
void skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define fail(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define check(condition, ...) do { if (!(condition)) fail(__VA_ARGS__); } while (0)

/* Calls @undo after the subtest, however it ends; the newest first. */
void at_end(void (*undo)(void *), void *data);

/* Cancels at_end(). */
void not_at_end(void (*undo)(void *), void *data);

/* Runs a part of a subtest; its at_end() calls run at the end of the part. */
void scope(void (*part)(void));

double now(void);

#endif
