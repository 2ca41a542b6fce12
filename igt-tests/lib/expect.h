/* SPDX-License-Identifier: GPL-2.0 */
/* Ioctls that have to end in a certain way. */
#ifndef EXPECT_H
#define EXPECT_H

/* Fails the subtest unless an ioctl ends with this errno, 0 for success. */
void expect_at(const char *file, int line, int fd, int error, const char *name,
	       unsigned long request, void *args);

#endif
