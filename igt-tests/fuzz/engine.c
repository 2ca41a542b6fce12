// SPDX-License-Identifier: GPL-2.0
/*
 * The libFuzzer side of the ioctl fuzzer. The coverage of the kernel module comes from
 * /dev/virtgpu-coverage (kernel/coverage.c), whose counters are mapped over libFuzzer's section of
 * extra counters.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kernel/coverage.h"
#include "run.h"

#define INPUTS_PORT	"/dev/virtio-ports/virtgpu.inputs"

/* libFuzzer reads and clears this around each input. */
static uint8_t counters[VIRTGPU_COVERAGE_COUNTERS]
	__attribute__((section("__libfuzzer_extra_counters"), aligned(4096), used));

static int inputs_port = -1;
static uint64_t warnings;
static struct timespec since;
static bool describe, keep_going;

static void print_figures(void)
{
	struct timespec now;
	double seconds;
	char text[64] = "";
	int fd = open(VIRTGPU_COVERAGE_DEVICE, O_RDONLY);

	clock_gettime(CLOCK_MONOTONIC, &now);
	seconds = now.tv_sec - since.tv_sec + (now.tv_nsec - since.tv_nsec) / 1e9;
	if (fd >= 0)
		read(fd, text, sizeof(text) - 1);
	fprintf(stderr, "FIGURES: %llu ioctls in %.0f s, %.0f/s, %s\n",
		(unsigned long long)run_ioctls(), seconds, run_ioctls() / seconds,
		fd >= 0 ? strtok(text, "\n") : "no coverage");
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int fd = open(VIRTGPU_COVERAGE_DEVICE, O_RDWR | O_CLOEXEC);

	(void)argc;
	(void)argv;
	if (fd >= 0 && mmap(counters, sizeof(counters), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
		perror("mmap of " VIRTGPU_COVERAGE_DEVICE);
		exit(1);
	}
	inputs_port = open(INPUTS_PORT, O_WRONLY | O_CLOEXEC);
	describe = !!getenv("FUZZ_DESCRIBE");
	keep_going = !!getenv("FUZZ_KEEP_GOING");
	if (!run_init())
		exit(1);
	warnings = run_warnings();
	clock_gettime(CLOCK_MONOTONIC, &since);
	atexit(print_figures);
	return 0;
}

/* Sends each input to the host before it runs, because the guest may crash. */
static void tell_host(const uint8_t *data, uint32_t size)
{
	uint8_t record[4 + sizeof(struct program)];

	if (inputs_port < 0 || size > sizeof(struct program))
		return;
	memcpy(record, &size, 4);
	memcpy(record + 4, data, size);
	write(inputs_port, record, 4 + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct program program;
	unsigned int calls = program_read(&program, data, size);

	if (!calls)
		return 0;
	tell_host(data, size);
	if (describe)
		run_print(&program, calls);
	run_program(&program, calls);
	if (!keep_going && run_warnings() != warnings) {
		fprintf(stderr, "FINDING: kernel warning, see the log\n");
		abort();
	}
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct dice random = dice(seed);
	struct program program;
	unsigned int calls = program_read(&program, data, size);

	calls = program_mutate(&program, calls, &random);
	size = program_size(calls);
	if (size > max_size)
		size = max_size;
	memcpy(data, &program, size);
	return size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data, size_t size, const uint8_t *other,
				 size_t other_size, uint8_t *out, size_t max_size,
				 unsigned int seed)
{
	struct program program, second;
	struct dice random = dice(seed);
	unsigned int calls = program_read(&program, data, size);
	unsigned int others = program_read(&second, other, other_size);

	calls = program_cross(&program, calls, &second, others, &random);
	size = program_size(calls);
	if (size > max_size)
		size = max_size;
	memcpy(out, &program, size);
	return size;
}
