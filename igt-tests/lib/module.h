/* SPDX-License-Identifier: GPL-2.0 */
/* The driver's module coming and going, and what tests need for that. */
#ifndef MODULE_H
#define MODULE_H

#include <limits.h>
#include <stdbool.h>

/* The module's name, as qemu/guest/init told us; fails outside such a guest. */
const char *module_name(void);

/* Whether the driver is the kernel's own. */
bool driver_is_stock(void);

/* Fails unless the device is qemu/fakegpu.py, which does what a test tells it. */
void need_fake(void);

bool module_loaded(void);

/* Loads the driver; its device need not come up. */
void module_insert(void);

/* Loads the driver and waits for its device. */
void module_load(void);

/* Sets a parameter of the loaded driver. */
void module_set_parameter(const char *name, const char *value);

/* Has the console drawn by the driver, or takes it away. */
void console_bind(bool bound);

/* Takes the console away from the driver and unloads it. */
void module_unload(void);

/* Loads the driver anew unless its device is there. */
void module_restore(void);

/* Waits until the device is there, or is gone. */
void module_wait(bool there);

/* How many resources the host has of a driver of ours; skips for the kernel's own. */
long host_resources(void);

/* The numbers of these, a blank before each. */
#define HOST_RESOURCE_LIST	256
void host_resource_list(char list[HOST_RESOURCE_LIST]);

/* The path of a file in the folder that sysfs has for the PCI device. */
void pci_path(char path[PATH_MAX], const char *file);

/* Writes a text to a file of the kernel's. */
void write_file(const char *path, const char *text);

/* Runs a command, which has to succeed. */
void shell(const char *command);

#endif
