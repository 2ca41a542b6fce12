/* SPDX-License-Identifier: GPL-2.0 */
/*
 * An input of the ioctl fuzzer: a list of calls. A call names an operation by number, and each of
 * its arguments by a word that values.h turns into a value, so any bytes are a program.
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#define MAX_CALLS	48
#define MAX_THREADS	4
#define CALL_WORDS	14

/**
 * struct call - one call of a program; the layout is that of corpus files
 * @op: number of the operation, modulo their count
 * @thread: which thread makes it, modulo the program's threads
 * @file: slot of the DRM file it goes to
 * @signal: if not zero, a signal comes so many times 20 us after the call began
 * @word: of each argument
 */
struct call {
	uint8_t op;
	uint8_t thread;
	uint8_t file;
	uint8_t signal;
	uint16_t word[CALL_WORDS];
};

/**
 * struct program - what is done at once; everything it opened is closed at its end
 * @threads: their number, modulo MAX_THREADS, plus 1
 * @close_all: if 255, no other file of the device stays open at its end
 * @reserved: two bytes of the corpus' format
 * @calls: as many as the input is long
 */
struct program {
	uint8_t threads;
	uint8_t close_all;
	uint8_t reserved[2];
	struct call calls[MAX_CALLS];
};

/* A sequence of random numbers, the same for the same seed. */
struct dice {
	uint64_t state;
};

struct dice dice(uint64_t seed);
uint32_t roll(struct dice *dice, uint32_t limit);
uint64_t roll64(struct dice *dice);

/* Copies an input into a program; how many calls it has. */
unsigned int program_read(struct program *program, const uint8_t *data, size_t size);

/* Bytes of a program as an input. */
size_t program_size(unsigned int calls);

/* A new program. */
unsigned int program_any(struct program *program, struct dice *dice);

/* Changes a program in one way or several; its new count of calls. */
unsigned int program_mutate(struct program *program, unsigned int calls, struct dice *dice);

/* Replaces a part of a program by a part of another one; its new count of calls. */
unsigned int program_cross(struct program *program, unsigned int calls,
			   const struct program *other, unsigned int other_calls,
			   struct dice *dice);

#endif
