/* SPDX-License-Identifier: GPL-2.0 */
/* Operations without memory: each allocation of the driver's fails once, by failalloc.ko. */
#ifndef NOMEM_H
#define NOMEM_H

/* The kernel counts this down with each allocation of this thread; the one that reaches 0 fails. */
extern volatile int nomem_left;

/**
 * struct nomem_op - an operation that is repeated
 * @name: for people
 * @run: returns 0 or a negative errno, and has undone what it did
 * @allocations: it has at least so many
 * @errors: at least so many of them are reported when they fail
 */
struct nomem_op {
	const char *name;
	int (*run)(void);
	int allocations;
	int errors;
};

/* Loads failalloc.ko and counts this thread's allocations. */
void nomem_arm(void);

/*
 * Runs an operation until none of its allocations is left to fail. It has to say ENOMEM or do
 * without, and lose nothing.
 */
void nomem_run(const struct nomem_op *op);

/*
 * The same for work that any thread may do, by @op, which is told nothing of what fails. @restore
 * brings the device back to where it was, and has to succeed. Of the allocations around number n one
 * in 1 + n / @sparse fails. At least @allocations are counted.
 */
void nomem_run_anywhere(const char *name, void (*op)(void), void (*restore)(void), int sparse,
			int allocations);

/*
 * Runs @op, which loads the driver, until none is left of the driver's calls that allocate. The first
 * allocation of each fails once. Returns how many such calls there are.
 */
int nomem_run_places(void (*op)(void), void (*undo)(void));

#endif
