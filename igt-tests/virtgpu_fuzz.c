// SPDX-License-Identifier: GPL-2.0
/*
 * Untrusted user space: programs of random ioctls, derived from a corpus of programs that reached new
 * code in `make fuzz`. FUZZ_SECONDS= sets the duration, VIRTGPU_SEED= reproduces the programs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fuzz/run.h"
#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/kms.h"
#include "lib/module.h"

#define SECONDS		40
#define MAX_CORPUS	512
/* Seconds that host and driver may take to clean up after the programs. */
#define SETTLE		15.0

struct input {
	struct program program;
	unsigned int calls;
};

static struct input corpus[MAX_CORPUS];
static unsigned int corpus_size;

static void read_input(int folder, const char *name)
{
	uint8_t data[sizeof(struct program)];
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t size = read(fd, data, sizeof(data));
	struct input *input = &corpus[corpus_size];

	close(fd);
	check(size >= 0, "%s: %s", name, strerror(errno));
	input->calls = program_read(&input->program, data, size);
	corpus_size += input->calls && corpus_size < MAX_CORPUS - 1;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Reads the corpus in an order that does not depend on the file system. */
static void read_corpus(void)
{
	char self[512] = "", path[600];
	struct dirent **entries;
	int count, folder, i;

	check(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0, "no name of this program");
	snprintf(path, sizeof(path), "%s/corpus-ioctl", dirname(self));
	folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	count = scandir(path, &entries, NULL, by_name);
	check(folder >= 0 && count > 0, "%s: %s", path, strerror(errno));
	corpus_size = 0;
	for (i = 0; i < count; i++) {
		if (entries[i]->d_name[0] != '.')
			read_input(folder, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	close(folder);
	check(corpus_size, "%s is empty", path);
}

static long resources(void)
{
	return !strcmp(module_name(), "virtio_gpu") ? 0 : host_resources();
}

static void settles(long before)
{
	double deadline = now() + SETTLE;

	while (resources() != before) {
		check(now() < deadline, "%ld resources before, %ld now", before,
		      resources());
		usleep(100000);
	}
}

/* QEMU's traces list the contexts and resources of its renderer. */
static void judge_host(const char *request)
{
	const char *gpu = getenv("VIRTGPU_GPU");

	if (gpu && *gpu)
		judge(NULL, 0, "%s", request);
}

/* Runs a program of the corpus, unchanged or mutated, or a new one. */
static void run_one(struct dice *dice, uint64_t number)
{
	struct input input = corpus[number < corpus_size ? number : roll(dice, corpus_size)];

	if (number >= corpus_size && !roll(dice, 16))
		input.calls = program_any(&input.program, dice);
	else if (number >= corpus_size)
		input.calls = program_mutate(&input.program, input.calls, dice);
	run_program(&input.program, input.calls);
}

static uint32_t seed_of_run(void)
{
	const char *text = getenv("VIRTGPU_SEED");

	return text && *text ? strtoul(text, NULL, 0) : (uint32_t)time(NULL) ^ (uint32_t)getpid();
}

static void works(void)
{
	struct screen screen = kms_screen(1);

	judge_picture_within(0, &screen.image, SETTLE);
}

static void corpus_runs(void)
{
	const char *text = getenv("FUZZ_SECONDS");
	double start = now(), seconds = text && *text ? atof(text) : SECONDS;
	uint32_t seed = seed_of_run();
	struct dice random = dice(seed);
	uint64_t warnings, number, ioctls;
	long before;

	read_corpus();
	check(run_init(), "the fuzzer did not start");
	printf("VIRTGPU_SEED=%u, %u programs of the corpus\n", seed, corpus_size);

	/* The console allocates what it needs when the first program releases the screen. */
	run_program(&corpus[0].program, corpus[0].calls);
	run_rest();
	sleep(1);
	before = resources();
	judge_host("host-mark");
	warnings = run_warnings();
	ioctls = run_ioctls();
	for (number = 0; now() - start < seconds; number++) {
		run_one(&random, number);
		check(run_warnings() == warnings, "kernel warning, see the log (program %llu)",
		      (unsigned long long)number);
	}
	run_rest();
	ioctls = run_ioctls() - ioctls;
	printf("%llu programs, %llu ioctls, %.0f/s\n", (unsigned long long)number,
	       (unsigned long long)ioctls, ioctls / (now() - start));
	settles(before);
	judge_host("host-marked");
	scope(works);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "corpus", "random ioctls, derived from the corpus", corpus_runs },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
