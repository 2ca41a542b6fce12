/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, __kunit_test_suites_init() always runs the suites. */
#ifndef VIRTGPU_KUNIT_TWO_ARGUMENTS_H
#define VIRTGPU_KUNIT_TWO_ARGUMENTS_H

#include <kunit/test.h>

#define __kunit_test_suites_init(suites, count, run)	__kunit_test_suites_init(suites, count)

#endif
