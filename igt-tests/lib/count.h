/* SPDX-License-Identifier: GPL-2.0 */
/* Measures the cost of a scenario on the host: see count-begin in qemu/host/hostjudge.py. */
#ifndef COUNT_H
#define COUNT_H

/**
 * struct count - a scenario that is being counted
 * @interrupts: the GPU's interrupts before it began
 * @bounced: bytes copied to and from bounce buffers before it began, 0 if they are not counted
 */
struct count {
	long interrupts;
	long bounced;
};

/* Begins the scenario @name after the guest has become idle. */
struct count count_begin(const char *name);

/* Ends it, with the number of steps and its peak memory in KiB; waits for pending work first. */
void count_end(struct count *count, int steps, long memory);

#endif
