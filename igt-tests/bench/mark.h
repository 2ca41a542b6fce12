/* SPDX-License-Identifier: GPL-2.0 */
/* Marks between which qemu/bench/instructions.c counts the kernel's instructions. */
#ifndef MARK_H
#define MARK_H

/* A scenario begins. */
#define MARK_SCENARIO	0
/* A step of it ends, and the next one begins. */
#define MARK_STEP	1
/* A scenario ends. */
#define MARK_END	2

/* A no-op that the counter recognises by its displacement. */
#define mark(number) asm volatile(".byte 0x0f, 0x1f, 0x84, 0x00; .long 0x76670000 + %c0" \
				  : : "i"(number) : "memory")

#endif
