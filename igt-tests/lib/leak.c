// SPDX-License-Identifier: GPL-2.0
/*
 * Without a leak, an idle guest with shrunk caches shows up to 120 new objects of one cache in 80 turns,
 * because each CPU holds some of them back, and up to 4 new mappings.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "leak.h"
#include "module.h"

/* Less than a page per turn. An idle guest's memory varies by 100 KiB. */
#define LOST_KIB	2.0
#define MIN_SAMPLES	5
/* Each of two CPUs may hold two sheaves of 60 objects, whatever the number of turns. */
#define LOST_OBJECTS	240
/* Mappings vary in the same way, e.g. those of per-CPU memory. */
#define LOST_MAPPINGS	8
#define MAX_CACHES	512

struct cache {
	char name[64];
	long objects;
};

static struct sample {
	int turns;
	long kib, mappings;
	struct cache caches[MAX_CACHES];
	int num_caches;
} samples[LEAK_SAMPLES];
static int num_samples;

static FILE *open_file(const char *path)
{
	FILE *file = fopen(path, "r");

	check(file, "%s: %s", path, strerror(errno));
	return file;
}

/* Adds up the numbers that follow @format in a file of /proc. */
static long sum_in_file(const char *path, const char *format)
{
	FILE *file = open_file(path);
	long sum = 0, number;
	char line[256];

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, format, &number) == 1)
			sum += number;
	fclose(file);
	return sum;
}

/* Counts mappings, without cached stacks of processes and areas that will be unmapped later. */
static long count_mappings(void)
{
	FILE *file = open_file("/proc/vmallocinfo");
	long count = 0;
	char line[256];

	while (fgets(line, sizeof(line), file))
		count += strchr(line, '\n') && !strstr(line, "kernel_clone") &&
			 !strstr(line, "unpurged");
	fclose(file);
	return count;
}

static void read_caches(struct sample *sample)
{
	FILE *file = open_file("/proc/slabinfo");
	char line[256];

	sample->num_caches = 0;
	while (fgets(line, sizeof(line), file)) {
		struct cache *cache = &sample->caches[sample->num_caches];

		check(sample->num_caches < MAX_CACHES - 1, "too many caches");
		if (*line != '#' && sscanf(line, "%63s %ld", cache->name, &cache->objects) == 2)
			sample->num_caches++;
	}
	fclose(file);
	check(sample->num_caches, "no caches in /proc/slabinfo");
}

/* Returns memory that the kernel uses and cannot reclaim, without programs and file caches. */
static long used_kib(void)
{
	static const struct {
		const char *format;
		int sign;
	} parts[] = {
		{ "MemTotal: %ld kB", 1 }, { "MemFree: %ld kB", -1 }, { "Buffers: %ld kB", -1 },
		{ "Cached: %ld kB", -1 }, { "Shmem: %ld kB", 1 }, { "SReclaimable: %ld kB", -1 },
		{ "AnonPages: %ld kB", -1 }, { "PageTables: %ld kB", -1 },
	};
	long kib;
	size_t i;

	/*
	 * Pages in per-CPU lists are free but not counted as free, and the lists grow by
	 * megabytes with the size of what is loaded and unloaded.
	 */
	kib = -sum_in_file("/proc/zoneinfo", " count: %ld") * (sysconf(_SC_PAGESIZE) / 1024);
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		kib += parts[i].sign * sum_in_file("/proc/meminfo", parts[i].format);
	return kib;
}

void leak_start(void)
{
	num_samples = 0;
}

/* Ends udev's workers, because their number depends on how fast the guest is. */
static void end_workers(void)
{
	shell("udevadm settle; udevadm control --reload; "
	      "for i in $(seq 200); do "
	      "grep -qs udev-worker /proc/[0-9]*/comm || exit 0; sleep 0.1; done; exit 1");
}

void leak_sample(int turns)
{
	struct sample *sample = &samples[num_samples++];

	check(num_samples <= LEAK_SAMPLES, "too many samples");
	end_workers();
	shell("sync; echo 3 >/proc/sys/vm/drop_caches; "
	      "for cache in /sys/kernel/slab/*/shrink; do echo 1 >$cache; done 2>/dev/null; sleep 1");
	sample->turns = turns;
	sample->kib = used_kib();
	sample->mappings = count_mappings();
	read_caches(sample);
	printf("after %d turns: %ld KiB in use, %ld mappings\n", turns, sample->kib, sample->mappings);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Returns the KiB lost per turn: the median over all pairs of samples ignores single outliers. */
static double lost_kib(void)
{
	double slopes[LEAK_SAMPLES * LEAK_SAMPLES];
	int i, j, count = 0;

	for (i = 0; i < num_samples; i++)
		for (j = i + 1; j < num_samples; j++)
			slopes[count++] = (double)(samples[j].kib - samples[i].kib) /
					  (samples[j].turns - samples[i].turns);
	qsort(slopes, count, sizeof(*slopes), compare);
	return (slopes[(count - 1) / 2] + slopes[count / 2]) / 2;
}

bool leak_is_open(void)
{
	return num_samples < MIN_SAMPLES || (num_samples < LEAK_SAMPLES && lost_kib() >= LOST_KIB);
}

void leak_check(void)
{
	const struct sample *first = samples, *last = &samples[num_samples - 1];
	int i, j, turns = last->turns - first->turns;
	double kib = lost_kib();

	check(num_samples >= MIN_SAMPLES && turns > 0, "too few samples");
	printf("%.2f KiB lost per turn\n", kib);
	check(kib < LOST_KIB, "%.1f KiB are lost with each of %d turns", kib, turns);
	check(last->mappings - first->mappings < LOST_MAPPINGS,
	      "%ld mappings are lost in %d turns", last->mappings - first->mappings, turns);
	for (i = 0; i < last->num_caches; i++) {
		const struct cache *cache = &last->caches[i];
		long before = 0;

		for (j = 0; j < first->num_caches; j++)
			if (!strcmp(first->caches[j].name, cache->name))
				before = first->caches[j].objects;
		check(cache->objects - before < LOST_OBJECTS,
		      "%ld objects of %s are lost in %d turns", cache->objects - before,
		      cache->name, turns);
	}
}
