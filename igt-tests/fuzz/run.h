/* SPDX-License-Identifier: GPL-2.0 */
/* Runs programs of the ioctl fuzzer: their threads, signals, and a limit of time. */
#ifndef RUN_H
#define RUN_H

#include <stdint.h>

#include "program.h"

/* Finds the device and starts the threads; says what is wrong and returns 0 otherwise. */
int run_init(void);

/* Runs a program; ends the process when a call does not return. */
void run_program(const struct program *program, unsigned int calls);

/* Closes the device, so that nothing of the programs is left. */
void run_rest(void);

/* Ioctls made so far. */
uint64_t run_ioctls(void);

/* A number that changes when the kernel warns, or is tainted by something. */
uint64_t run_warnings(void);

/* Prints a program, a call a line. */
void run_print(const struct program *program, unsigned int calls);

#endif
