// SPDX-License-Identifier: GPL-2.0
/*
 * The driver loses its device or its module while a program uses it, again and again. VIRTGPU_TURNS says
 * how often. After each turn a picture must be right; after many turns no memory may be lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/busy.h"
#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/leak.h"
#include "lib/module.h"
#include "lib/nomem.h"
#include "lib/random.h"

#define FEW_TURNS	5
/* With fewer turns, no leak is looked for, because the memory of an idle guest varies. */
#define LEAK_TURNS	100
/* Seconds until the kernel has closed the files of a program that was killed. */
#define CLOSE_PATIENCE	20.0
/* Seconds until the driver has freed unused resources. */
#define FREE_PATIENCE	10.0
/* The driver allocates less often than this when it is loaded, and during some frames. */
#define LOAD_ALLOCATIONS	1000
#define USE_ALLOCATIONS		150

static int num_turns(void)
{
	const char *text = getenv("VIRTGPU_TURNS");

	return text ? atoi(text) : FEW_TURNS;
}

static void picture(void)
{
	static uint32_t seed;
	struct head head = kms_head(kms_open(), 0);
	drmModeModeInfo mode = kms_preferred(&head);
	struct image image = kms_show(&head, &mode, ++seed);

	judge_picture(0, &image);
}

/* Returns whether the driver lists its resources in debugfs. The samples do not. */
static bool has_resources(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/virtgpu-resources", kms_debugfs());
	return !access(path, R_OK);
}

static void restore(void *unused)
{
	(void)unused;
	module_restore();
}

static void repeat(void (*turn)(void))
{
	int turns = num_turns(), interval = (turns + LEAK_SAMPLES - 1) / LEAK_SAMPLES, i;
	long resources = 0, count;

	if (driver_is_stock())
		skip("the kernel's own driver does not survive this");
	check(turns > 0, "VIRTGPU_TURNS=%s is not a number of turns", getenv("VIRTGPU_TURNS"));
	random_start("the time at which the device goes");
	at_end(restore, NULL);
	leak_start();
	for (i = 1; i <= turns; i++) {
		turn();
		scope(picture);
		/* The first turn allocates what the kernel keeps. */
		if (has_resources() && i == 1)
			resources = host_resources();
		if (turns >= LEAK_TURNS && i % interval == 0)
			leak_sample(i);
	}
	printf("%d turns\n", turns);
	if (has_resources()) {
		count = host_resources_reach(resources, FREE_PATIENCE);
		check(count == resources, "%ld resources, %ld before", count, resources);
	}
	if (turns >= LEAK_TURNS)
		leak_check();
}

static char driver_folder[PATH_MAX], device_name[64];

/* Writes the device's name to a file of its driver. */
static void tell_driver(const char *file)
{
	char path[PATH_MAX + 16];

	snprintf(path, sizeof(path), "%s/%s", driver_folder, file);
	write_file(path, device_name);
}

/* Finds the driver and its device: the virtio device below the PCI device, or the PCI device itself. */
static void find_driver(void)
{
	char folder[PATH_MAX], command[PATH_MAX + 128], device[PATH_MAX], link[PATH_MAX + 16];
	FILE *list;

	pci_path(folder, "");
	snprintf(command, sizeof(command), "cd %s && realpath $(ls -d virtio* 2>/dev/null || echo .)",
		 folder);
	list = popen(command, "r");
	check(list && fgets(device, sizeof(device), list), "no device in %s", folder);
	pclose(list);
	strtok(device, "\n");
	snprintf(link, sizeof(link), "%s/driver", device);
	check(realpath(link, driver_folder), "%s: %s", link, strerror(errno));
	snprintf(device_name, sizeof(device_name), "%s", basename(device));
}

static void unbind_turn(void)
{
	find_driver();
	busy_start();
	tell_driver("unbind");
	/* Otherwise the program has files of the old device open when the new one comes. */
	if (one_in(2))
		busy_kill();
	tell_driver("bind");
	module_wait(true);
	busy_kill();
}

static void unbind_busy(void)
{
	repeat(unbind_turn);
}

static void unplug_turn(void)
{
	busy_start();
	device_unplug();
	if (one_in(2))
		busy_kill();
	device_rescan();
	busy_kill();
}

static void unplug_busy(void)
{
	repeat(unplug_turn);
}

/* Unloads the module as soon as the kernel permits it. */
static void unload_at_once(void)
{
	double deadline = now() + CLOSE_PATIENCE;
	long ret;

	do {
		ret = syscall(SYS_delete_module, module_name(), O_NONBLOCK);
	} while (ret && errno == EWOULDBLOCK && now() < deadline);
	check(!ret, "rmmod: %s", strerror(errno));
}

/* What the program has begun is still pending: flips, cursor moves, uploads, the end of buffers. */
static void unload_turn(void)
{
	console_bind(false);
	busy_start();
	busy_kill();
	unload_at_once();
	module_load();
}

static void unload_pending(void)
{
	repeat(unload_turn);
}

/* An allocation fails when the driver is loaded, and one when a program uses the device. */
static void no_memory_turn(void)
{
	module_unload();
	nomem_load(between(1, LOAD_ALLOCATIONS));
	/* A device that lacked memory may have no console, and so fewer resources. */
	if (module_loaded())
		module_unload();
	module_load();
	busy_start();
	nomem_fail_anyone(between(1, USE_ALLOCATIONS));
	/* The program may allocate less often in this time. */
	usleep(any(300000));
	nomem_fail_anyone(0);
	busy_kill();
}

static void no_memory(void)
{
	if (driver_is_stock())
		skip("the kernel's own driver does not survive this");
	nomem_arm();
	repeat(no_memory_turn);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "unbind-busy", "the driver leaves a device that a program uses", unbind_busy },
		{ "unplug-busy", "a device that a program uses is removed", unplug_busy },
		{ "unload-pending", "the module is unloaded when much is pending", unload_pending },
		{ "no-memory", "allocations fail while the driver is loaded and used", no_memory },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
