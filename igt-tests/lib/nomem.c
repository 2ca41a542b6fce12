// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "module.h"
#include "nomem.h"

#define PARAMETERS	"/sys/module/failalloc/parameters"
#define COUNTER		PARAMETERS "/counter"
#define ANYONE		PARAMETERS "/anyone"
#define PLACES		PARAMETERS "/places"
#define ROW		PARAMETERS "/row"
/* Time for the host's answers to an operation. */
#define SETTLE_US	200000
/* More allocations than any operation makes. */
#define MOST		4000

volatile int nomem_left;

void nomem_arm(void)
{
	char address[32], command[96];

	if (access(COUNTER, F_OK)) {
		snprintf(command, sizeof(command), "insmod /host/tests/failalloc.ko within=%s",
			 module_name());
		shell(command);
	}
	snprintf(address, sizeof(address), "%p", (void *)&nomem_left);
	write_file(COUNTER, address);
}

bool nomem_load(int nth)
{
	char path[96];
	bool has_failed;
	int file;

	snprintf(path, sizeof(path), "/host/%s.ko", module_name());
	check(!access(path, F_OK), "%s: %s", path, strerror(errno));
	file = open(path, O_RDONLY | O_CLOEXEC);
	nomem_left = nth;
	syscall(SYS_finit_module, file, "", 0);
	has_failed = !nomem_left;
	nomem_left = 0;
	close(file);
	return has_failed;
}

/* Resources are freed when the host has answered. */
static void check_resources(const char *name, long wanted)
{
	long count = host_resources_reach(wanted, 5);

	check(count == wanted, "%s: %ld resources, %ld before", name, count, wanted);
}

void nomem_run(const struct nomem_op *op)
{
	int nth, ret, errors = 0;
	long before;

	ret = op->run();
	check(!ret, "%s fails although no allocation failed: %s", op->name, strerror(-ret));
	usleep(SETTLE_US);
	before = host_resources();
	for (nth = 1; nth < MOST; nth++) {
		nomem_left = nth;
		ret = op->run();
		if (nomem_left) {
			nomem_left = 0;
			break;
		}
		/* shmem returns ENOSPC if it cannot allocate an inode. */
		check(!ret || ret == -ENOMEM || ret == -ENOSPC, "%s: allocation %d failed: %s",
		      op->name, nth, strerror(-ret));
		errors += !!ret;
	}
	check(nth < MOST, "%s never ends", op->name);
	ret = op->run();
	check(!ret, "%s fails afterwards: %s", op->name, strerror(-ret));
	printf("%s: %d allocations, %d errors\n", op->name, nth - 1, errors);
	check(nth - 1 >= op->allocations && errors >= op->errors,
	      "%s must have at least %d allocations and %d errors", op->name,
	      op->allocations, op->errors);
	check_resources(op->name, before);
}

/* Returns how many allocations are left before one fails. */
static int anyone_left(void)
{
	FILE *file = fopen(ANYONE, "r");
	int left;

	check(file && fscanf(file, "%d", &left) == 1, "%s", ANYONE);
	fclose(file);
	return left;
}

void nomem_fail_anyone(int nth)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", nth);
	write_file(ANYONE, number);
}

static void disarm(void *unused)
{
	(void)unused;
	nomem_fail_anyone(0);
}

/* Runs @op while allocation @nth of any thread fails, then @restore; returns whether there was one. */
static bool fail_anyone(int nth, void (*op)(void), void (*restore)(void))
{
	int left;

	nomem_fail_anyone(nth);
	op();
	left = anyone_left();
	disarm(NULL);
	restore();
	return left <= 0;
}

void nomem_run_anywhere(const char *name, void (*op)(void), void (*restore)(void), int sparse,
			int allocations)
{
	int nth, tries = 0;
	long before;

	op();
	restore();
	usleep(SETTLE_US);
	before = host_resources();
	at_end(disarm, NULL);
	for (nth = 1; nth < MOST && fail_anyone(nth, op, restore); nth += 1 + nth / sparse)
		tries++;
	check(nth < MOST, "%s never ends", name);
	printf("%s: %d allocations, %d of them failed\n", name, nth, tries);
	check(nth >= allocations, "%s must have at least %d allocations", name,
	      allocations);
	check_resources(name, before);
}

static void one_in_a_row(void *unused)
{
	(void)unused;
	write_file(ROW, "1");
}

void nomem_in_rows(int count)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", count);
	write_file(ROW, number);
	at_end(one_in_a_row, NULL);
}

static void count_all(void *unused)
{
	(void)unused;
	disarm(NULL);
	write_file(PLACES, "0");
}

int nomem_run_places(void (*op)(void), void (*undo)(void))
{
	int nth = 1;

	at_end(count_all, NULL);
	write_file(PLACES, "1");
	while (nth < MOST && fail_anyone(nth, op, undo))
		nth++;
	check(nth < MOST, "loading never ends");
	not_at_end(count_all, NULL);
	count_all(NULL);
	return nth - 1;
}
