// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <fcntl.h>
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
	fail("the device is %s after 20 s", there ? "not there" : "still there");
}

const char *module_name(void)
{
	static char name[64];
	const char *file = getenv("VIRTGPU_MODULE"), *driver = getenv("VIRTGPU_DRIVER");

	if (!driver || !file)
		skip("VIRTGPU_DRIVER is not set: not in a guest of qemu/vm.py?");
	if (!strcmp(driver, "stock"))
		return "virtio_gpu";
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

void console_bind(bool bound)
{
	char command[128];

	snprintf(command, sizeof(command), "for c in /sys/class/vtconsole/*; do "
		 "grep -q frame $c/name && echo %d >$c/bind; done; true", bound);
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

long host_resources(void)
{
	FILE *file = fopen("/sys/kernel/debug/dri/0/virtgpu-resources", "r");
	char line[256];
	long count = -1;

	if (!file)
		skip("the driver does not tell of its resources");
	while (fgets(line, sizeof(line), file))
		sscanf(line, "total: %ld", &count);
	fclose(file);
	check(count >= 0, "no total of resources");
	return count;
}
