// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <string.h>

#include "ops.h"
#include "program.h"

#define FEW_CALLS	12

struct dice dice(uint64_t seed)
{
	return (struct dice){ seed * 0x9e3779b97f4a7c15u + 0x1234567 };
}

/* Splitmix64. */
uint64_t roll64(struct dice *dice)
{
	uint64_t x = dice->state += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

uint32_t roll(struct dice *dice, uint32_t limit)
{
	return (roll64(dice) >> 32) * limit >> 32;
}

static bool one_in(struct dice *dice, uint32_t count)
{
	return !roll(dice, count);
}

size_t program_size(unsigned int calls)
{
	return offsetof(struct program, calls) + calls * sizeof(struct call);
}

unsigned int program_read(struct program *program, const uint8_t *data, size_t size)
{
	memset(program, 0, sizeof(*program));
	if (size < program_size(0))
		return 0;
	if (size > sizeof(*program))
		size = sizeof(*program);
	memcpy(program, data, size);
	return (size - program_size(0)) / sizeof(struct call);
}

static struct call any_call(struct dice *dice)
{
	struct call call = {
		.op = op_any(dice),
		.thread = roll(dice, MAX_THREADS),
		/* Usually one of the first two files, the primary node and the render node. */
		.file = one_in(dice, 8) ? roll(dice, 256) : roll(dice, 2),
		.signal = one_in(dice, 16) ? roll(dice, 256) : 0,
	};
	unsigned int i;

	for (i = 0; i < CALL_WORDS; i++)
		call.word[i] = roll(dice, 1 << 16);
	return call;
}

unsigned int program_any(struct program *program, struct dice *dice)
{
	unsigned int calls = 1 + roll(dice, FEW_CALLS), i;

	memset(program, 0, sizeof(*program));
	program->threads = one_in(dice, 3) ? roll(dice, MAX_THREADS) : 0;
	program->close_all = roll(dice, 256);
	for (i = 0; i < calls; i++)
		program->calls[i] = any_call(dice);
	return calls;
}

/* Inserts a call if there is space; returns the new number of calls. */
static unsigned int insert(struct program *program, unsigned int calls, unsigned int at,
			   struct call call)
{
	if (calls == MAX_CALLS)
		return calls;
	memmove(&program->calls[at + 1], &program->calls[at], (calls - at) * sizeof(call));
	program->calls[at] = call;
	return calls + 1;
}

static void mutate_call(struct call *call, struct dice *dice)
{
	switch (roll(dice, 8)) {
	case 0:
		call->thread = roll(dice, MAX_THREADS);
		break;
	case 1:
		call->file = roll(dice, 4);
		break;
	case 2:
		call->signal = roll(dice, 256);
		break;
	default:
		call->word[roll(dice, CALL_WORDS)] = roll(dice, 1 << 16);
	}
}

static unsigned int mutate_once(struct program *program, unsigned int calls, struct dice *dice)
{
	unsigned int at = roll(dice, calls);

	switch (roll(dice, 10)) {
	case 0:
		program->threads = roll(dice, MAX_THREADS);
		break;
	case 1:
		if (calls > 1) {
			memmove(&program->calls[at], &program->calls[at + 1],
				(calls - at - 1) * sizeof(struct call));
			calls--;
		}
		break;
	case 2:
		return insert(program, calls, roll(dice, calls + 1), program->calls[at]);
	case 3:
	case 4:
	case 5:
		return insert(program, calls, roll(dice, calls + 1), any_call(dice));
	case 6:
		program->calls[at] = any_call(dice);
		break;
	default:
		mutate_call(&program->calls[at], dice);
	}
	return calls;
}

unsigned int program_mutate(struct program *program, unsigned int calls, struct dice *dice)
{
	if (!calls)
		return program_any(program, dice);
	do
		calls = mutate_once(program, calls, dice);
	while (one_in(dice, 2));
	return calls;
}

unsigned int program_cross(struct program *program, unsigned int calls,
			   const struct program *other, unsigned int other_calls,
			   struct dice *dice)
{
	unsigned int keep = roll(dice, calls + 1), from = roll(dice, other_calls + 1);
	unsigned int count = other_calls - from;

	if (count > MAX_CALLS - keep)
		count = MAX_CALLS - keep;
	memcpy(&program->calls[keep], &other->calls[from], count * sizeof(struct call));
	return keep + count;
}
