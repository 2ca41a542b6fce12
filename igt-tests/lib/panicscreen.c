// SPDX-License-Identifier: GPL-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "module.h"
#include "panicscreen.h"

#define SCREEN	"/sys/module/drm/parameters/panic_screen"

static void usual_screen(void *name)
{
	write_file(SCREEN, name);
}

static void remove_module(void *unused)
{
	(void)unused;
	shell("rmmod panicscreen");
}

/* The judge knows the screen that tells the user, not the log's. */
static void choose_screen(void)
{
	static char name[32];
	FILE *file = fopen(SCREEN, "r");

	check(file && fgets(name, sizeof(name), file), "no " SCREEN);
	fclose(file);
	name[strcspn(name, "\n")] = 0;
	if (!strcmp(name, "user"))
		return;
	at_end(usual_screen, name);
	write_file(SCREEN, "user");
}

void panic_screen(int fd)
{
	/* One that the program that loads the module has, too. */
	int shared = dup(fd);
	char command[96];

	check(shared >= 0, "dup: %s", strerror(errno));
	choose_screen();
	snprintf(command, sizeof(command), "insmod /host/tests/panicscreen.ko fd=%d", shared);
	at_end(remove_module, NULL);
	shell(command);
	close(shared);
	not_at_end(remove_module, NULL);
	remove_module(NULL);
}
