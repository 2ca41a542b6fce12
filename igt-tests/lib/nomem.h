/* SPDX-License-Identifier: GPL-2.0 */
/* Runs operations in which each of the driver's allocations fails once, with failalloc.ko. */
#ifndef NOMEM_H
#define NOMEM_H

#include <stdbool.h>

/* The kernel decrements this with each allocation of this thread; the one that makes it 0 fails. */
extern volatile int nomem_left;

/**
 * struct nomem_op - an operation that is repeated
 * @name: for messages
 * @run: runs the operation and undoes it; returns 0 or a negative errno
 * @allocations: minimum number of its allocations
 * @errors: minimum number of its allocations whose failure is reported
 */
struct nomem_op {
	const char *name;
	int (*run)(void);
	int allocations;
	int errors;
};

/* Loads failalloc.ko and lets it count this thread's allocations. */
void nomem_arm(void);

/*
 * Loads the driver while this thread's allocation number @nth fails, or none if it is 0. Returns whether
 * there was that allocation. Any error is allowed, because the module loader allocates, too.
 */
bool nomem_load(int nth);

/* Makes allocation number @nth of any thread fail; 0 cancels that. */
void nomem_fail_anyone(int nth);

/*
 * Runs an operation until each of its allocations has failed once. It must return ENOMEM or succeed,
 * and must not lose resources.
 */
void nomem_run(const struct nomem_op *op);

/*
 * Does the same for allocations in any thread. @op starts the work and does not learn which allocation
 * failed. @restore brings the device back to its initial state and must succeed. Around allocation n,
 * one in 1 + n / @sparse allocations fails. At least @allocations must be counted.
 */
void nomem_run_anywhere(const char *name, void (*op)(void), void (*restore)(void), int sparse,
			int allocations);

/* From now on, that many allocations in a row fail in nomem_run_anywhere() instead of one. */
void nomem_in_rows(int count);

/*
 * Runs @op, which loads the driver, and @undo repeatedly, until the first allocation from each call
 * site in the driver has failed once. Returns the number of these call sites.
 */
int nomem_run_places(void (*op)(void), void (*undo)(void));

#endif
