/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An input of the ioctl fuzzer: a list of calls. A call has the number of an operation, and a word for
 * each of its arguments that values.h turns into a value. So any bytes are a valid program.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define MAX_CALLS	48
#define MAX_THREADS	4
#define CALL_WORDS	14

/**
 * struct call - one call of a program; corpus files have this layout
 * @op: number of the operation, modulo the number of operations
 * @thread: the thread that makes it, modulo the number of threads
 * @file: slot of its DRM file
 * @signal: if not zero, a signal is sent this many times 20 us after the call has begun
 * @word: a word for each argument
 */
struct call {
	uint8_t op;
	uint8_t thread;
	uint8_t file;
	uint8_t signal;
	uint16_t word[CALL_WORDS];
};

/**
 * struct program - a list of calls; everything that it opens is closed at its end
 * @threads: number of threads, modulo MAX_THREADS, plus 1
 * @close_all: if 255, no other file of the device stays open at its end
 * @reserved: unused bytes of the corpus format
 * @calls: as many as the input has
 */
struct program {
	uint8_t threads;
	uint8_t close_all;
	uint8_t reserved[2];
	struct call calls[MAX_CALLS];
};

/* A generator of random numbers, reproducible by its seed. */
struct dice {
	uint64_t state;
};

struct dice dice(uint64_t seed);
uint32_t roll(struct dice *dice, uint32_t limit);
uint64_t roll64(struct dice *dice);

/* Copies an input into a program; returns the number of its calls. */
unsigned int program_read(struct program *program, const uint8_t *data, size_t size);

/* Returns the size of a program as an input. */
size_t program_size(unsigned int calls);

/* Makes a random program; returns the number of its calls. */
unsigned int program_any(struct program *program, struct dice *dice);

/* Changes a program in one or more ways; returns the new number of calls. */
unsigned int program_mutate(struct program *program, unsigned int calls, struct dice *dice);

/* Replaces a part of a program by a part of another one; returns the new number of calls. */
unsigned int program_cross(struct program *program, unsigned int calls,
			   const struct program *other, unsigned int other_calls,
			   struct dice *dice);

#endif
