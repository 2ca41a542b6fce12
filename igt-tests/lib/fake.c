// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fake.h"
#include "harness.h"
#include "judge.h"
#include "kms.h"
#include "module.h"

static bool is_replaced;

static void behave(void *unused)
{
	(void)unused;
	judge_try(NULL, 0, "lie-no-more");
	judge(NULL, 0, "fault none");
	judge(NULL, 0, "fake-edid");
	judge(NULL, 0, "fake-display 1024 768");
}

void fake_start(void)
{
	need_fake();
	at_end(behave, NULL);
	behave(NULL);
}

/*
 * Plugs in a device and waits until it is on the bus, so that a driver that is loaded then probes it at
 * once.
 */
static void plug(const char *shape)
{
	double deadline;

	judge(NULL, 0, "fake-plug%s%s", *shape ? " " : "", shape);
	deadline = now() + 20;
	while (system("grep -qs virtio:d00000010 /sys/bus/virtio/devices/*/modalias")) {
		check(now() < deadline, "the guest does not see the device");
		usleep(50000);
	}
}

static void plug_usual(void *unused)
{
	(void)unused;
	is_replaced = false;
	if (module_loaded())
		module_unload();
	plug("");
	module_load();
}

void fake_plug(const char *shape)
{
	if (!is_replaced)
		at_end(plug_usual, NULL);
	is_replaced = true;
	if (module_loaded())
		module_unload();
	plug(shape);
}

void fake_wait_for_resets(long count, double seconds)
{
	double deadline = now() + seconds;

	while (judge_number("fake-resets") < count) {
		check(now() < deadline, "the device is not reset");
		usleep(50000);
	}
}

void fake_same_resources(double seconds)
{
	double deadline = now() + seconds;
	char list[HOST_RESOURCE_LIST];

	do {
		host_resource_list(list);
		if (judge_try(NULL, 0, "fake-resources%s", list))
			return;
		usleep(50000);
	} while (now() < deadline);
	judge(NULL, 0, "fake-resources%s", list);
}

uint32_t fake_seed(void)
{
	const char *given = getenv("VIRTGPU_SEED");
	uint32_t seed = given ? strtoul(given, NULL, 0) : (uint32_t)(now() * 1000) ^ getpid();

	printf("VIRTGPU_SEED=%u\n", seed);
	judge(NULL, 0, "fake-seed %u", seed);
	return seed;
}

static void remove_fault(void *unused)
{
	(void)unused;
	shell("rmmod virtiofault");
}

void fake_reset(double seconds)
{
	double deadline = now() + seconds;
	long before = judge_number("fake-resets");

	shell("insmod /host/tests/virtiofault.ko needs_reset=1");
	at_end(remove_fault, NULL);
	judge(NULL, 0, "fake-changed");
	while (judge_number("fake-resets") == before) {
		check(now() < deadline, "the driver does not reset the device");
		usleep(20000);
	}
	not_at_end(remove_fault, NULL);
	remove_fault(NULL);
}
