// SPDX-License-Identifier: GPL-2.0
/*
 * Provokes kernel errors with complain.ko. Each subtest itself passes, so qemu/harness/selftest.py checks that
 * each is reported as a failure, with its reason.
 */
#include <stdio.h>
#include <stdlib.h>

#include "lib/harness.h"
#include "lib/module.h"

static void complain(const char *kind)
{
	char command[128];

	snprintf(command, sizeof(command), "insmod /host/tests/complain.ko kind=%s", kind);
	if (system(command))
		printf("`%s` failed\n", command);
	if (system("rmmod complain"))
		printf("the module stays loaded\n");
}

static void warn(void)
{
	complain("warn");
}

static void taint(void)
{
	complain("taint");
}

static void refcount(void)
{
	complain("refcount");
}

static void list(void)
{
	complain("list");
}

static void bug(void)
{
	complain("bug");
}

static void oops(void)
{
	complain("oops");
}

static void stall(void)
{
	write_file("/proc/sys/kernel/watchdog_thresh", "3");
	write_file("/sys/module/rcupdate/parameters/rcu_cpu_stall_timeout", "4");
	complain("stall");
}

static void hung(void)
{
	write_file("/proc/sys/kernel/hung_task_timeout_secs", "5");
	complain("hung");
}

static void lockdep(void)
{
	complain("lockdep");
}

static void sleeping(void)
{
	complain("sleep");
}

static void kasan(void)
{
	complain("kasan");
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "warn", "a warning", warn },
		{ "taint", "a taint without a message", taint },
		{ "refcount", "a reference count that went wrong", refcount },
		{ "list", "a corrupted list", list },
		{ "bug", "BUG()", bug },
		{ "oops", "a NULL dereference", oops },
		{ "stall", "a CPU that does not schedule", stall },
		{ "hung", "a task that waits too long", hung },
		{ "lockdep", "locks in two orders", lockdep },
		{ "sleep", "sleeping in atomic context", sleeping },
		{ "kasan", "a write past an allocation", kasan },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
