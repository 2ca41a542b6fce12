// SPDX-License-Identifier: GPL-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/mark.h"
#include "count.h"
#include "harness.h"
#include "judge.h"
#include "scenario.h"

/* The largest number of buffers of a scenario. */
#define UNCOUNTED	3
/* Fewer steps when bytes and memory are counted, because then all steps cost the same. */
#define WATCHED_STEPS	10

/* Returns the memory that the kernel uses for itself and for buffers. */
static long kernel_memory(void)
{
	static const char *const kinds[] = {
		"Shmem:", "Slab:", "KernelStack:", "PageTables:", "VmallocUsed:", "Percpu:",
	};
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128], kind[64];
	long sum = 0, kib;
	size_t i;

	check(file, "no /proc/meminfo");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s %ld", kind, &kib) != 2)
			continue;
		for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
			sum += strcmp(kind, kinds[i]) ? 0 : kib;
	}
	fclose(file);
	return sum;
}

static long at_start;

__attribute__((constructor)) static void look_at_start(void)
{
	at_start = kernel_memory();
}

void scenario(const char *name, void (*run)(int step), int steps)
{
	/* Memory is read in a separate run, because reading it takes instructions. */
	bool watched = getenv("VIRTGPU_WATCHED");
	long most = 0, used;
	struct count count;
	int i;

	for (i = 0; i < UNCOUNTED; i++)
		run(i);
	if (watched && steps > WATCHED_STEPS)
		steps = WATCHED_STEPS;
	count = count_begin(name);
	/* Open the port first, because the kernel polls the host while it opens one. */
	judge_hold();
	mark(MARK_SCENARIO);
	mark(MARK_STEP);
	for (i = 0; i < steps; i++) {
		run(i);
		mark(MARK_STEP);
		used = watched ? kernel_memory() - at_start : 0;
		most = used > most ? used : most;
	}
	mark(MARK_END);
	judge_release();
	count_end(&count, steps, most);
}
