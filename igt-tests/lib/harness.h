/* SPDX-License-Identifier: GPL-2.0 */
/* Tests in IGT's command-line protocol, so that igt_runner runs them as its own. */
#ifndef HARNESS_H
#define HARNESS_H

#include <stdbool.h>

/**
 * struct subtest - one thing to be tested
 * @name: its name on the command line
 * @describe: what it shows, one line
 * @run: returns when it passed; check() and skip() do not return
 */
struct subtest {
	const char *name;
	const char *describe;
	void (*run)(void);
};

/* Runs what the command line asks for; @subtests ends with an empty entry. */
int harness_main(int argc, char **argv, const struct subtest *subtests);

void fail_at(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
/*
 * Ends a subtest that the driver or the device cannot run. A subtest that cannot look, because the
 * guest lacks what it needs, fails instead.
 */
void skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define fail(...) fail_at(__FILE__, __LINE__, __VA_ARGS__)
#define check(condition, ...) do { if (!(condition)) fail(__VA_ARGS__); } while (0)

/* Has @undo called after the subtest, however it ends; newest first. */
void at_end(void (*undo)(void *), void *data);

/* Takes that back. */
void not_at_end(void (*undo)(void *), void *data);

/* Runs a part of a subtest whose at_end() is its own end. */
void scope(void (*part)(void));

double now(void);

#endif
