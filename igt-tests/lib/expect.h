/* SPDX-License-Identifier: GPL-2.0 */
/* Checks the result of ioctls. */
#ifndef EXPECT_H
#define EXPECT_H

/* Fails the subtest unless an ioctl gives this errno; 0 means success. */
void expect_at(const char *file, int line, int fd, int error, const char *name,
	       unsigned long request, void *args);

#endif
