// SPDX-License-Identifier: GPL-2.0
/* Asks the judge to compare what the guest scans out on a head with what the host shows. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/scanout.h"

static int head_index;
static const char *name;
static int min_colours;
static bool is_drawn_by_host;

static void scanout(void)
{
	struct image image = scanout_read(head_index, is_drawn_by_host, NULL);

	judge_picture(head_index, &image);
	judge(NULL, 0, "keep %d %s %d", head_index, name, min_colours);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = { { "scanout", "scanout", scanout }, { } };

	if (argc != 4 && (argc != 5 || strcmp(argv[4], "host"))) {
		fprintf(stderr, "usage: %s HEAD NAME MIN_COLOURS [host]\n", argv[0]);
		return 2;
	}
	is_drawn_by_host = argc == 5;
	head_index = atoi(argv[1]);
	name = argv[2];
	min_colours = atoi(argv[3]);
	return harness_main(1, argv, subtests);
}
