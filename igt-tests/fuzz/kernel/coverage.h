/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Coverage of one module in any context: system calls, workers, interrupts.
 *
 * The module's objects are built with -fsanitize-coverage=trace-pc and linked with coverage_hook.o.
 * virtgpu_coverage.ko counts and must be loaded first. VIRTGPU_COVERAGE_DEVICE supports:
 * - a shared mmap() of VIRTGPU_COVERAGE_COUNTERS bytes: an 8-bit counter for each
 *   VIRTGPU_COVERAGE_STEP bytes of the module's text. Each block of code has one counter. The reader
 *   may clear them.
 * - read(), which gives "N blocks\n": the number of different blocks that were reached since the
 *   module was loaded or since the last write to the device, independent of cleared counters.
 */
#ifndef COVERAGE_H
#define COVERAGE_H

#define VIRTGPU_COVERAGE_DEVICE		"/dev/virtgpu-coverage"
#define VIRTGPU_COVERAGE_COUNTERS	(128 * 1024)
/* The compiler's call instruction is longer than this. */
#define VIRTGPU_COVERAGE_STEP		4

#ifdef __KERNEL__
void virtgpu_coverage_hit(unsigned long offset);
#endif

#endif
