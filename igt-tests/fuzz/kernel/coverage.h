/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Coverage of one module, in whatever context it runs: system calls, workers, interrupts.
 *
 * The module's objects are built with -fsanitize-coverage=trace-pc and linked with coverage_hook.o;
 * virtgpu_coverage.ko, loaded before it, counts. VIRTGPU_COVERAGE_DEVICE:
 * - mmap() of VIRTGPU_COVERAGE_COUNTERS bytes, shared: one 8-bit counter for each
 *   VIRTGPU_COVERAGE_STEP bytes of the module's text, from its start on. A block of code has one of
 *   them. The reader may clear them.
 * - read() gives "N blocks\n": how many different ones were reached since coverage was loaded or
 *   since somebody wrote to the device, whatever was cleared in between.
 */
#ifndef COVERAGE_H
#define COVERAGE_H

#define VIRTGPU_COVERAGE_DEVICE		"/dev/virtgpu-coverage"
#define VIRTGPU_COVERAGE_COUNTERS	(128 * 1024)
/* The compiler's call is longer than that. */
#define VIRTGPU_COVERAGE_STEP		4

#ifdef __KERNEL__
void virtgpu_coverage_hit(unsigned long offset);
#endif

#endif
