/* SPDX-License-Identifier: GPL-2.0 */
/* Channels to the host: virtio-serial ports, which have to be opened again after a suspend. */
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stddef.h>

/* Opens a port by name, and binds its driver again if it is not writable; -1 with errno on error. */
int port_open(const char *name);

/* Writes all bytes; returns false with errno on error. */
bool port_write(int fd, const void *data, size_t size);

#endif
