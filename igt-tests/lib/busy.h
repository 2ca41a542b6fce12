/* SPDX-License-Identifier: GPL-2.0 */
/* A program that always has something pending on the device, while a test takes the device away. */
#ifndef BUSY_H
#define BUSY_H

/*
 * Starts the program as the device's master, and returns when it has shown some frames. The program
 * ignores all errors. It ends with busy_kill() or with the subtest.
 */
void busy_start(void);

/* Kills the program. Does not wait for what the kernel still has to do for it. */
void busy_kill(void);

#endif
