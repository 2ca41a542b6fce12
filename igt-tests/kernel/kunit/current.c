// SPDX-License-Identifier: GPL-2.0
/* See without.h. */
struct kunit *kunit_current_test;
