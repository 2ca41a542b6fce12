// SPDX-License-Identifier: GPL-2.0
/*
 * Costs of the driver for a desktop: Weston with a terminal, with keyboard and mouse input from the
 * host. The input is always the same; see bench_kms.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/harness.h"
#include "lib/judge.h"
#include "lib/module.h"
#include "lib/scenario.h"

#define STEPS		30
/* As slow as a person types and moves, and long enough for the desktop to draw. */
#define STEP_US		150000
#define START_S		25
/* The size of the mode: a terminal covers its middle at any position. */
#define WIDTH		1024
#define HEIGHT		768

static const char config[] =
	"[core]\nidle-time=0\n"
	"[shell]\nbackground-color=0xff204060\npanel-position=none\nlocking=false\nanimation=none\n"
	"startup-animation=none\nbinding-modifier=super\n"
	"[output]\nname=Virtual-1\nmode=1024x768\n"
	"[output]\nname=Virtual-2\nmode=off\n";

static void stop(void *data)
{
	pid_t pid = (intptr_t)data;

	kill(-pid, SIGTERM);
	waitpid(pid, NULL, 0);
}

/* Runs a program and its children in a process group until the end of the subtest. */
static pid_t start(const char *const argv[])
{
	pid_t pid = fork();

	check(pid >= 0, "fork: %s", strerror(errno));
	if (!pid) {
		int log = open("/tmp/bench-weston.log", O_WRONLY | O_CREAT | O_APPEND, 0644);

		setpgid(0, 0);
		dup2(log, 1);
		dup2(log, 2);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	setpgid(pid, pid);
	at_end(stop, (void *)(intptr_t)pid);
	return pid;
}

static pid_t weston;

static void desktop(void)
{
	static const char *const compositor[] = {
		"weston", "--backend=drm", "--renderer=pixman", "--config=/tmp/bench.ini",
		"--socket=wayland-bench", NULL,
	};
	static const char *const terminal[] = { "weston-terminal", "--shell=/bin/cat", NULL };

	FILE *file = fopen("/tmp/bench.ini", "w");

	check(file && fputs(config, file) >= 0 && !fclose(file), "config: %s", strerror(errno));
	setenv("LIBSEAT_BACKEND", "builtin", 1);
	setenv("SEATD_VTBOUND", "0", 1);
	setenv("WAYLAND_DISPLAY", "wayland-bench", 1);
	weston = start(compositor);
	sleep(START_S / 2);
	start(terminal);
	sleep(START_S / 2);
}

/* Compares what Weston scans out with the host, while Weston is stopped. */
static void judge_still(const char *name)
{
	char command[80];

	kill(weston, SIGSTOP);
	usleep(STEP_US);
	snprintf(command, sizeof(command), "scanout 0 %s 3", name);
	shell(command);
	kill(weston, SIGCONT);
}

static void type_step(int step)
{
	judge(NULL, 0, "key %c", 'a' + step % 26);
	usleep(STEP_US);
}

static void drag_step(int step)
{
	judge(NULL, 0, "pointer %d %d %d %d", WIDTH, HEIGHT, WIDTH / 2 + 4 * (step % STEPS),
	      HEIGHT / 2 + 2 * (step % STEPS));
	usleep(STEP_US);
}

static void typing(void)
{
	desktop();
	scenario("weston-typing", type_step, STEPS);
	judge_still("weston-typing");
}

static void drag(void)
{
	desktop();
	drag_step(0);
	judge(NULL, 0, "hold meta_l");
	judge(NULL, 0, "button 1");
	scenario("weston-drag", drag_step, STEPS);
	judge(NULL, 0, "button 0");
	judge(NULL, 0, "release meta_l");
	judge_still("weston-drag");
}

int main(int argc, char **argv)
{
	static const struct subtest subtests[] = {
		{ "weston-typing", "typing in a terminal", typing },
		{ "weston-drag", "dragging a window", drag },
		{ }
	};

	return harness_main(argc, argv, subtests);
}
