/* SPDX-License-Identifier: GPL-2.0 */
/* Controls the fake device of qemu/device/fakegpu.py. */
#ifndef FAKE_H
#define FAKE_H

#include <stdint.h>

/* The number of kinds of lies: the bits of liar.Lies. */
#define FAKE_LIES	15
/* The lies that a driver must survive without a reset. */
#define FAKE_GENTLE	0x01ff
/*
 * Changes of the configuration. Must not be combined with lies that lead to a reset, because QEMU
 * (11.1) crashes if the configuration changes while the driver resets the device.
 */
#define FAKE_CONFIG	0x0100

/* Skips on other devices. Makes the device correct, now and at the end of the subtest. */
void fake_start(void);

/*
 * Unloads the driver and replaces the device by one with these arguments ("blob=1 window=64", see
 * FakeGpu in qemu/device/fakegpu.py). The end of the subtest restores the usual device and the driver.
 */
void fake_plug(const char *shape);

/* Makes the device request a reset in its status once, and waits until it was reset. */
void fake_reset(double seconds);

/* Waits until the device was reset so often, its first start included. */
void fake_wait_for_resets(long count, double seconds);

/* Waits until driver and device have the same resources; fails after so many seconds. */
void fake_same_resources(double seconds);

/* Prints and returns the seed of a random subtest: VIRTGPU_SEED or a new one. Sets it on the device. */
uint32_t fake_seed(void);

#endif
