/* SPDX-License-Identifier: GPL-2.0 */
/* A commit that is held in the kernel while something else happens, by kernel/heldcommit.c. */
#ifndef HELD_H
#define HELD_H

#include <stdbool.h>

/* Loads the module with @parameters, until the subtest's end. */
void held_start(const char *parameters);

/* The next commit of the calling thread is held, after so many calls of the function that are not. */
void held_next(int pass);

/* Whether one is; fails no subtest, so that any thread may ask. */
bool held_is_held(void);

/* Has it go on; returns 0 or an errno, so that any thread may do it. */
int held_let_go(void);

#endif
