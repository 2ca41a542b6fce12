/* SPDX-License-Identifier: GPL-2.0 */
/* Loading and unloading the driver's module, and related helpers. */
#ifndef MODULE_H
#define MODULE_H

#include <limits.h>
#include <stdbool.h>

/* Returns the module's name, which qemu/guest/init sets; fails outside such a guest. */
const char *module_name(void);

/* Returns whether the driver is the kernel's own. */
bool driver_is_stock(void);

/* Fails unless the device is qemu/device/fakegpu.py. */
void need_fake(void);

bool module_loaded(void);

/* Loads the driver; does not wait for its device. */
void module_insert(void);

/* Loads the driver and waits for its device. */
void module_load(void);

/* Sets a parameter of the loaded driver. */
void module_set_parameter(const char *name, const char *value);

/* Binds the framebuffer console to the driver, or unbinds it. */
void console_bind(bool bound);

/* Unbinds the console from the driver and unloads it. */
void module_unload(void);

/* Loads the driver again unless its device exists. */
void module_restore(void);

/* Waits until the device exists, or is gone. */
void module_wait(bool there);

/* Removes the PCI device. QEMU does not unplug a virtio GPU at run time, but the guest's PCI core does. */
void device_unplug(void);

/* Finds the removed device again, and waits for it. */
void device_rescan(void);

/* Returns how many host resources our driver has; skips for the kernel's own. */
long host_resources(void);

/* Waits for at most @seconds until the driver has @count host resources. Returns their number. */
long host_resources_reach(long count, double seconds);

/* Lists the ids of these resources, each after a space. */
#define HOST_RESOURCE_LIST	256
void host_resource_list(char list[HOST_RESOURCE_LIST]);

/* Writes the path of a file in the PCI device's sysfs directory to @path. */
void pci_path(char path[PATH_MAX], const char *file);

/* Writes a text to a file in /proc, /sys or the like. */
void write_file(const char *path, const char *text);

/* Runs a shell command; fails the subtest if it fails. */
void shell(const char *command);

#endif
