// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "kms.h"
#include "module.h"

void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	check(fd >= 0, "%s: %s", path, strerror(errno));
	check(write(fd, text, strlen(text)) >= 0, "%s to %s: %s", text, path, strerror(errno));
	close(fd);
}

void pci_path(char path[PATH_MAX], const char *file)
{
	char link[128], folder[PATH_MAX];

	check(kms_path(), "no virtio GPU");
	snprintf(link, sizeof(link), "/sys/class/drm/%s/device", strrchr(kms_path(), '/') + 1);
	check(realpath(link, folder), "%s: %s", link, strerror(errno));
	check(snprintf(path, PATH_MAX, "%s/%s", folder, file) < PATH_MAX, "%s: too long", folder);
}

void shell(const char *command)
{
	check(!system(command), "`%s` failed", command);
}

void module_wait(bool there)
{
	double deadline = now() + 20;

	while (now() < deadline) {
		if (!!kms_path() == there)
			return;
		usleep(50000);
	}
	fail("the device is %s after 20 s", there ? "missing" : "still there");
}

void device_unplug(void)
{
	char path[PATH_MAX];

	pci_path(path, "remove");
	write_file(path, "1");
	module_wait(false);
}

void device_rescan(void)
{
	write_file("/sys/bus/pci/rescan", "1");
	module_wait(true);
}

bool driver_is_stock(void)
{
	const char *driver = getenv("VIRTGPU_DRIVER");

	check(driver, "VIRTGPU_DRIVER is not set: start the test with python3 -m qemu.interactive.vm");
	return !strcmp(driver, "stock");
}

void need_fake(void)
{
	check(getenv("VIRTGPU_FAKE"), "the device is not qemu/device/fakegpu.py");
}

const char *module_name(void)
{
	static char name[64];
	const char *file = getenv("VIRTGPU_MODULE");

	if (driver_is_stock())
		return "virtio_gpu";
	check(file, "VIRTGPU_MODULE is not set: start the test with python3 -m qemu.interactive.vm");
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(file, "."), file);
	return name;
}

bool module_loaded(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s", module_name());
	return !access(path, F_OK);
}

void module_insert(void)
{
	char command[256];

	if (!strcmp(module_name(), "virtio_gpu")) {
		shell("modprobe virtio_gpu");
		return;
	}
	snprintf(command, sizeof(command), "insmod /host/%s $VIRTGPU_MODULE_PARAMS",
		 getenv("VIRTGPU_MODULE"));
	shell(command);
}

void module_load(void)
{
	module_insert();
	module_wait(true);
}

void module_restore(void)
{
	if (kms_path())
		return;
	if (module_loaded())
		module_unload();
	module_load();
}

void module_set_parameter(const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module_name(), name);
	write_file(path, value);
}

void console_bind(bool bound)
{
	char command[256];

	/* This console does not exist before the first driver with a framebuffer device. */
	snprintf(command, sizeof(command), "for c in /sys/class/vtconsole/*; do "
		 "if grep -q frame $c/name; then echo %d >$c/bind && grep -qx %d $c/bind || exit 1; fi; "
		 "done", bound, bound);
	shell(command);
}

void module_unload(void)
{
	char command[128];

	/* The console holds the framebuffer device. */
	console_bind(false);
	snprintf(command, sizeof(command), "rmmod %s", module_name());
	shell(command);
	module_wait(false);
}

/* Calls @line for each line of the resources file in debugfs. */
static void each_resource_line(void (*line)(const char *text, void *data), void *data)
{
	char path[PATH_MAX], text[256];
	FILE *file;

	if (driver_is_stock())
		skip("the kernel's own driver does not list its resources");
	snprintf(path, sizeof(path), "%s/virtgpu-resources", kms_debugfs());
	file = fopen(path, "r");
	check(file, "%s: %s", path, strerror(errno));
	while (fgets(text, sizeof(text), file))
		line(text, data);
	fclose(file);
}

static void read_total(const char *text, void *count)
{
	sscanf(text, "total: %ld", (long *)count);
}

long host_resources(void)
{
	long count = -1;

	each_resource_line(read_total, &count);
	check(count >= 0, "no total of resources");
	return count;
}

long host_resources_reach(long count, double seconds)
{
	double deadline = now() + seconds;

	while (host_resources() != count && now() < deadline)
		usleep(20000);
	return host_resources();
}

static void read_number(const char *text, void *list)
{
	size_t length = strlen(list);
	unsigned int number;

	if (sscanf(text, "resource %u:", &number) == 1 && length < HOST_RESOURCE_LIST - 16)
		sprintf((char *)list + length, " %u", number);
}

void host_resource_list(char list[HOST_RESOURCE_LIST])
{
	list[0] = 0;
	each_resource_line(read_number, list);
}
