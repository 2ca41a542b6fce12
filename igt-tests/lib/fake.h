/* SPDX-License-Identifier: GPL-2.0 */
/* The untrustworthy device of qemu/fakegpu.py. */
#ifndef FAKE_H
#define FAKE_H

#include <stdint.h>

/* How many kinds of lies it knows: bits of liar.Lies. */
#define FAKE_LIES	15
/* Those that a driver has to survive without a reset. */
#define FAKE_GENTLE	0x01ff
/*
 * Changes of the configuration: not together with what leads to a reset, because QEMU (11.1) crashes
 * when it hears of one just as the driver resets the device.
 */
#define FAKE_CONFIG	0x0100

/* Skips on any other device; the device behaves, now and again at the subtest's end. */
void fake_start(void);

/*
 * Unloads the driver and replaces the device by another of this shape: "blob=1 window=64", see
 * FakeGpu in qemu/fakegpu.py. At the subtest's end the usual device and the driver are there again.
 */
void fake_plug(const char *shape);

/* Has the device say in its status that it needs a reset, once, and waits for the reset. */
void fake_reset(double seconds);

/* Driver and device come to have the same resources within so many seconds. */
void fake_same_resources(double seconds);

/* The seed of a random subtest, which is printed: VIRTGPU_SEED, or any. The device has it, too. */
uint32_t fake_seed(void);

#endif
