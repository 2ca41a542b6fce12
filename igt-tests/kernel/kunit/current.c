// SPDX-License-Identifier: GPL-2.0
/* What without.h declares. */
struct kunit *kunit_current_test;
