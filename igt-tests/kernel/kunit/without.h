/* SPDX-License-Identifier: GPL-2.0 */
/*
 * KUnit's configuration, on a kernel that was built without KUnit. The headers whose structs have
 * members for KUnit come first, so that the structs are those of the kernel.
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

/* The test that runs, in the place of task_struct's member: there is one at a time. */
extern struct kunit *kunit_current_test;

#include "test-bug.h"
