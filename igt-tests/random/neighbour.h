/* SPDX-License-Identifier: GPL-2.0 */
/* Another program on the same device, which allocates and frees buffers all the time. */
#ifndef NEIGHBOUR_H
#define NEIGHBOUR_H

/*
 * Starts it; or kills it in the middle of its work and starts another. The caller is master, so
 * that the neighbour, which opens the device, does not become it.
 */
void neighbour_start(void);

#endif
