/* SPDX-License-Identifier: GPL-2.0 */
/* Channels to the host: virtio-serial ports, which need help after a suspend. */
#ifndef PORT_H
#define PORT_H

#include <stdbool.h>
#include <stddef.h>

/* Opens a port by name, made writable by force if need be; -1 with errno when there is none. */
int port_open(const char *name);

/* Writes everything; false with errno. */
bool port_write(int fd, const void *data, size_t size);

#endif
