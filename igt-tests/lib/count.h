/* SPDX-License-Identifier: GPL-2.0 */
/* What a scenario costs, counted by the host: see count-begin in qemu/judge.py. */
#ifndef COUNT_H
#define COUNT_H

/**
 * struct count - a scenario that is being counted
 * @interrupts: of the GPU, before it began
 * @bounced: bytes that went through bounce buffers, before it began, if somebody counts them
 */
struct count {
	long interrupts;
	long bounced;
};

/* From here on everything is @name's, once the guest is at rest. */
struct count count_begin(const char *name);

/* It took so many steps, and KiB of memory at most; what is still underway is its, too. */
void count_end(struct count *count, int steps, long memory);

#endif
