/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The configuration of KUnit for a kernel that was built without it. Headers whose structs have members
 * for KUnit are included first, so that the structs match the kernel's.
 */
#include <linux/module.h>
#include <linux/sched.h>

#define CONFIG_KUNIT_MODULE			1
#define CONFIG_KUNIT_DEBUGFS			1
#define CONFIG_KUNIT_DEFAULT_ENABLED		1
#define CONFIG_KUNIT_AUTORUN_ENABLED		1
#define CONFIG_KUNIT_DEFAULT_TIMEOUT		300
#define CONFIG_KUNIT_DEFAULT_FILTER_GLOB	""
#define CONFIG_KUNIT_DEFAULT_FILTER		""
#define CONFIG_KUNIT_DEFAULT_FILTER_ACTION	""

struct kunit;

/* The current test, which replaces the member of task_struct; only one test runs at a time. */
extern struct kunit *kunit_current_test;

#include "test-bug.h"
