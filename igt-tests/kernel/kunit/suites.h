/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Runs a module's suites on a kernel that was built without KUnit, because its module loader does not
 * run them.
 */
#ifndef VIRTGPU_KUNIT_SUITES_H
#define VIRTGPU_KUNIT_SUITES_H

#include <kunit/test.h>
#include <linux/module.h>

/* This header is empty without CONFIG_KUNIT. */
#define CONFIG_KUNIT_MODULE 1
#include <kunit/device.h>
#undef CONFIG_KUNIT_MODULE

#undef kunit_test_suites
#define kunit_test_suites(...)								\
	static struct kunit_suite *kunit_module_suites[] = { __VA_ARGS__ };		\
	static int __init kunit_suites_init(void)					\
	{										\
		return __kunit_test_suites_init(kunit_module_suites,			\
						ARRAY_SIZE(kunit_module_suites), true);	\
	}										\
	module_init(kunit_suites_init);							\
	static void __exit kunit_suites_exit(void)					\
	{										\
		__kunit_test_suites_exit(kunit_module_suites,				\
					 ARRAY_SIZE(kunit_module_suites));		\
	}										\
	module_exit(kunit_suites_exit)

#endif
