/* SPDX-License-Identifier: GPL-2.0 */
/* Another program on the same device, which constantly allocates and frees buffers. */
#ifndef NEIGHBOUR_H
#define NEIGHBOUR_H

/*
 * Starts the program, or kills and restarts a running one. The caller must be master, because
 * otherwise the program would become master when it opens the device.
 */
void neighbour_start(void);

#endif
