// SPDX-License-Identifier: GPL-2.0
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "ops.h"
#include "run.h"
#include "world.h"

/* The interval of signals, which interrupt waits. */
#define SIGNAL_NS	3000000
/* Seconds that a program may take on a busy machine: longer than any wait of the driver. */
#define PATIENCE	60

static struct worker {
	pthread_t thread;
	struct actor actor;
	timer_t timer;
	unsigned int number;
	/* The index of its current call, or -1. */
	int at;
} workers[MAX_THREADS];

static pthread_barrier_t start, end;
static const struct program *current;
static unsigned int num_calls, num_threads;
static uint64_t programs;

static void on_signal(int number)
{
	(void)number;
}

static void set_timer(struct worker *worker, long first)
{
	struct itimerspec spec = { .it_value.tv_nsec = first,
				   .it_interval.tv_nsec = first ? SIGNAL_NS : 0 };

	timer_settime(worker->timer, 0, &spec, NULL);
}

static void run_share(struct worker *worker)
{
	unsigned int i;

	set_timer(worker, SIGNAL_NS);
	for (i = 0; i < num_calls; i++) {
		const struct call *call = &current->calls[i];

		if (call->thread % num_threads != worker->number)
			continue;
		worker->at = i;
		if (call->signal)
			set_timer(worker, call->signal * 20000);
		op_run(&worker->actor, call);
	}
	worker->at = -1;
	set_timer(worker, 0);
}

static void init_worker(struct worker *worker)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 1 };

	actor_init(&worker->actor);
	event._sigev_un._tid = syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &worker->timer))
		abort();
	worker->at = -1;
}

static void *work(void *data)
{
	init_worker(data);
	for (;;) {
		pthread_barrier_wait(&start);
		run_share(data);
		pthread_barrier_wait(&end);
	}
	return NULL;
}

/* Ends the process if no program has ended for PATIENCE seconds. */
static void *watch(void *data)
{
	uint64_t last = 0;
	unsigned int same = 0, i;

	for (;; sleep(1)) {
		uint64_t now = __atomic_load_n(&programs, __ATOMIC_RELAXED);

		same = now == last && current ? same + 1 : 0;
		last = now;
		if (same < PATIENCE)
			continue;
		for (i = 0; i < MAX_THREADS; i++)
			if (workers[i].at >= 0)
				fprintf(stderr, "FINDING: call %d, %s, has not returned for %d s\n",
					workers[i].at, op_name(current->calls[workers[i].at].op),
					PATIENCE);
		fprintf(stderr, "FINDING: a program does not end\n");
		system("echo w >/proc/sysrq-trigger; cat /proc/self/task/*/stack >&2");
		_exit(1);
	}
	return data;
}

int run_init(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	pthread_t watcher;
	unsigned int i;

	if (!world_init())
		return 0;
	sigaction(SIGRTMIN + 1, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
	init_worker(&workers[0]);
	pthread_barrier_init(&start, NULL, MAX_THREADS);
	pthread_barrier_init(&end, NULL, MAX_THREADS);
	for (i = 1; i < MAX_THREADS; i++) {
		workers[i].number = i;
		workers[i].at = -1;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			return 0;
	}
	return !pthread_create(&watcher, NULL, watch, NULL);
}

void run_program(const struct program *program, unsigned int calls)
{
	current = program;
	num_calls = calls;
	num_threads = program->threads % MAX_THREADS + 1;

	world_begin();
	if (num_threads > 1)
		pthread_barrier_wait(&start);
	run_share(&workers[0]);
	if (num_threads > 1)
		pthread_barrier_wait(&end);
	world_end(program->close_all == 255);
	current = NULL;
	__atomic_fetch_add(&programs, 1, __ATOMIC_RELAXED);
}

void run_rest(void)
{
	if (world.keeper >= 0)
		close(world.keeper);
	world.keeper = -1;
}

uint64_t run_ioctls(void)
{
	uint64_t total = 0;
	unsigned int i;

	for (i = 0; i < MAX_THREADS; i++)
		total += workers[i].actor.ioctls;
	return total;
}

/* Reads a number from a file; keeps it open, because this is called after every program. */
static uint64_t read_number(int *fd, const char *path)
{
	char text[32] = "";

	if (*fd < 0)
		*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (pread(*fd, text, sizeof(text) - 1, 0) <= 0)
		return 0;
	return strtoull(text, NULL, 0);
}

uint64_t run_warnings(void)
{
	static int taint = -1, count = -1;

	return read_number(&taint, "/proc/sys/kernel/tainted") +
	       (read_number(&count, "/sys/kernel/warn_count") << 32);
}

void run_print(const struct program *program, unsigned int calls)
{
	unsigned int i, j;

	printf("%u threads%s\n", program->threads % MAX_THREADS + 1,
	       program->close_all == 255 ? ", all closed at the end" : "");
	for (i = 0; i < calls; i++) {
		const struct call *call = &program->calls[i];

		printf("  thread %u file %u %s(", call->thread % MAX_THREADS,
		       call->file % WORLD_FILES, op_name(call->op));
		for (j = 0; j < CALL_WORDS; j++)
			printf("%s%04x", j ? " " : "", call->word[j]);
		printf(")%s\n", call->signal ? " signal" : "");
	}
}
