// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's KUnit tests. Each suite is a subtest, each of its cases a dynamic subtest. A skipped
 * case counts as failed. The dynamic subtest "complete" fails if a case is missing.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/module.h"

#define TESTS	"/host/tests/"
#define RESULTS	"/sys/kernel/debug/kunit"

/* Results have the format of Documentation/dev-tools/ktap.rst, cases are indented by one level. */
#define CASE_INDENT	4

/* The summary of a results file. */
struct report {
	int planned;
	int cases;
	int failed;
	bool is_consistent;
	bool suite_passed;
};

static bool is_rust(void)
{
	return !strcmp(module_name(), "virtgpu_rs");
}

static const char *prefix(void)
{
	return is_rust() ? "virtgpu_rs_" : "virtgpu_";
}

static bool is_loaded(const char *module)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/module/%s", module);
	return !access(path, F_OK);
}

static void insert(const char *module)
{
	char command[128];

	snprintf(command, sizeof(command), "insmod " TESTS "%s.ko", module);
	shell(command);
}

static const char *suites_module(void)
{
	return is_rust() ? "virtgpu_rs_kunit" : "virtgpu_kunit";
}

/* Loads the suites, which runs them; they stay loaded for the next subtest. */
static void run_suites(void)
{
	if (!strcmp(module_name(), "virtio_gpu"))
		skip("our suites do not test mainline's driver");
	/* It is built in if the kernel was built with KUnit. */
	if (!is_loaded("kunit"))
		insert("kunit");
	if (!is_loaded(suites_module()))
		insert(suites_module());
}

static void remove_suites(void *unused)
{
	char command[64];

	(void)unused;
	snprintf(command, sizeof(command), "rmmod %s", suites_module());
	shell(command);
}

static void report_case(const char *name, bool passed)
{
	FILE *const files[] = { stdout, stderr };
	int i;

	for (i = 0; i < 2; i++) {
		fprintf(files[i], "Starting dynamic subtest: %s\n", name);
		fprintf(files[i], "Dynamic subtest %s: %s (0.000s)\n", name,
			passed ? "SUCCESS" : "FAIL");
		fflush(files[i]);
	}
}

/* Parses a result line without its indentation: "[not ]ok NUMBER NAME [# SKIP ...]". */
static bool parse_result(const char *line, bool *passed, int *number, char name[128])
{
	const char *rest = line;

	*passed = strncmp(line, "not ", 4);
	if (!*passed)
		rest += 4;
	if (sscanf(rest, "ok %d %127s", number, name) != 2)
		return false;
	if (strstr(rest, "# SKIP"))
		*passed = false;
	return true;
}

static void parse_line(struct report *report, const char *line, const char *suite)
{
	size_t indent = strspn(line, " ");
	char name[128];
	int number;
	bool passed;

	line += indent;
	if (indent == CASE_INDENT && sscanf(line, "1..%d", &number) == 1) {
		report->is_consistent &= !report->planned;
		report->planned = number;
	} else if (indent == CASE_INDENT && parse_result(line, &passed, &number, name)) {
		report->is_consistent &= number == ++report->cases;
		if (!passed)
			printf("%s\n", line);
		report->failed += !passed;
		report_case(name, passed);
	} else if (!indent && parse_result(line, &passed, &number, name)) {
		report->is_consistent &= !strcmp(name, suite);
		report->suite_passed = passed;
	} else if (indent >= CASE_INDENT) {
		/* KUnit's messages about a failure precede its result. */
		printf("%s\n", line);
	}
}

static void suite(const char *name)
{
	struct report report = { .is_consistent = true };
	char full[64], path[128], line[1024];
	bool is_complete;
	FILE *file;

	run_suites();
	snprintf(full, sizeof(full), "%s%s", prefix(), name);
	snprintf(path, sizeof(path), RESULTS "/%s/results", full);
	file = fopen(path, "r");
	check(file, "%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		parse_line(&report, line, full);
	}
	fclose(file);

	/* If there are dynamic subtests, igt_runner ignores the result of the subtest itself. */
	is_complete = report.is_consistent && report.cases && report.cases == report.planned &&
		      report.suite_passed == !report.failed;
	if (!is_complete)
		printf("%d results of %d cases, %d failed, the suite has %s\n", report.cases,
		       report.planned, report.failed, report.suite_passed ? "passed" : "failed");
	report_case("complete", is_complete);
	check(is_complete && !report.failed, "%d of %d cases failed", report.failed, report.cases);
}

#define SUITES_OF_C(X)							\
	X(arrival) X(blob) X(capset) X(connector) X(context)		\
	X(cursor) X(damage) X(encode) X(fence) X(format)		\
	X(hotplug) X(ioctl) X(life) X(output) X(queue)			\
	X(resource) X(submit) X(vblank)

#define SUITES_OF_RUST(X)						\
	X(blob) X(capset) X(connector) X(context) X(cursor)		\
	X(damage) X(device) X(dma_buf) X(drm) X(drm_doctests)		\
	X(encode) X(fence) X(format) X(hotplug) X(ioctl) X(irq)		\
	X(life) X(output) X(queue) X(reset) X(resource)			\
	X(submit) X(swapchain) X(timeline) X(virtio)			\
	X(virtio_doctests) X(window)

#define FUNCTION(name)	static void suite_##name(void) { suite(#name); }
#define SUBTEST(name)	{ #name, "KUnit suite", suite_##name },

SUITES_OF_C(FUNCTION)
FUNCTION(device)
FUNCTION(dma_buf)
FUNCTION(drm)
FUNCTION(drm_doctests)
FUNCTION(irq)
FUNCTION(reset)
FUNCTION(swapchain)
FUNCTION(timeline)
FUNCTION(virtio)
FUNCTION(virtio_doctests)
FUNCTION(window)

static void unload(void);

static const struct subtest suites_of_c[] = {
	SUITES_OF_C(SUBTEST)
	{ "unload", "all suites are listed here and can be unloaded", unload },
	{ }
};

static const struct subtest suites_of_rust[] = {
	SUITES_OF_RUST(SUBTEST)
	{ "unload", "all suites are listed here and can be unloaded", unload },
	{ }
};

/* Each suite must be a subtest, because nobody would notice failures of another one. */
static void unload(void)
{
	const struct subtest *suites = is_rust() ? suites_of_rust : suites_of_c, *one;
	size_t length = strlen(prefix());
	struct dirent *entry;
	DIR *folder;

	run_suites();
	at_end(remove_suites, NULL);
	folder = opendir(RESULTS);
	check(folder, RESULTS ": %s", strerror(errno));
	while ((entry = readdir(folder))) {
		if (strncmp(entry->d_name, prefix(), length))
			continue;
		for (one = suites; one->name && strcmp(one->name, entry->d_name + length); one++)
			;
		check(one->name, "%s is not a subtest", entry->d_name);
	}
	closedir(folder);
}

int main(int argc, char **argv)
{
	const char *file = getenv("VIRTGPU_MODULE");

	return harness_main(argc, argv, file && !strcmp(file, "virtgpu_rs.ko") ? suites_of_rust :
			    suites_of_c);
}
