// SPDX-License-Identifier: GPL-2.0
/* Sends a request to the judge. */
#include <stdio.h>
#include <string.h>

#include "lib/harness.h"
#include "lib/judge.h"

static char request[200];

static void ask(void)
{
	judge(NULL, 0, "%s", request);
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = { { "ask", "ask", ask }, { } };
	size_t length = 0;
	int i;

	if (argc < 2) {
		fprintf(stderr, "usage: %s REQUEST [WORD...]\n", argv[0]);
		return 2;
	}
	for (i = 1; i < argc && length < sizeof(request); i++)
		length += snprintf(request + length, sizeof(request) - length, "%s%s",
				   i > 1 ? " " : "", argv[i]);
	return harness_main(1, argv, subtests);
}
