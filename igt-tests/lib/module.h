/* SPDX-License-Identifier: GPL-2.0 */
/* The driver's module coming and going, and what tests need for that. */
#ifndef MODULE_H
#define MODULE_H

#include <stdbool.h>

/* The module's name, as qemu/guest/init told us; skips outside such a guest. */
const char *module_name(void);

bool module_loaded(void);

/* Loads the driver; its device need not come up. */
void module_insert(void);

/* Loads the driver and waits for its device. */
void module_load(void);

/* Has the console drawn by the driver, or takes it away. */
void console_bind(bool bound);

/* Takes the console away from the driver and unloads it. */
void module_unload(void);

/* Loads the driver anew unless its device is there. */
void module_restore(void);

/* Waits until the device is there, or is gone. */
void module_wait(bool there);

/* How many resources the host has of a driver of ours; skips for another. */
long host_resources(void);

/* Writes a text to a file of the kernel's. */
void write_file(const char *path, const char *text);

/* Runs a command, which has to succeed. */
void shell(const char *command);

#endif
