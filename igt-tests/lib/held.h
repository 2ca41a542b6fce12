/* SPDX-License-Identifier: GPL-2.0 */
/* Holds a commit in the kernel while something else happens, with kernel/heldcommit.c. */
#ifndef HELD_H
#define HELD_H

#include <stdbool.h>

/* Loads the module with @parameters; it is removed at the end of the subtest. */
void held_start(const char *parameters);

/* Holds the next commit of the calling thread, after @pass calls of the function that are not held. */
void held_next(int pass);

/* Returns whether a commit is held. It does not use check(), so any thread may call it. */
bool held_is_held(void);

/* Lets the commit continue. Returns 0 or an errno without check(), so any thread may call it. */
int held_let_go(void);

#endif
