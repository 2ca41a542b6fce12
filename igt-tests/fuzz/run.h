/* SPDX-License-Identifier: GPL-2.0 */
/* Runs programs of the ioctl fuzzer, with threads, signals and a time limit. */
#ifndef RUN_H
#define RUN_H

#include <stdint.h>

#include "program.h"

/* Finds the device and starts the threads; on failure prints a message and returns 0. */
int run_init(void);

/* Runs a program; ends the process if a call does not return. */
void run_program(const struct program *program, unsigned int calls);

/* Closes the device, so that nothing of the programs remains. */
void run_rest(void);

/* Returns the number of ioctls so far. */
uint64_t run_ioctls(void);

/* Returns a number that changes with every kernel warning and taint. */
uint64_t run_warnings(void);

/* Prints a program, one call per line. */
void run_print(const struct program *program, unsigned int calls);

#endif
