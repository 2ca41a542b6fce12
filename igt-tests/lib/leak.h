/* SPDX-License-Identifier: GPL-2.0 */
/* What the kernel loses when something is done again and again. */
#ifndef LEAK_H
#define LEAK_H

/* Looks at the kernel's memory after so many turns; at most LEAK_SAMPLES times. */
void leak_sample(int turns);

#define LEAK_SAMPLES	8

/* Forgets all samples. */
void leak_start(void);

/*
 * Fails if memory, objects or mappings are lost with every turn between the first and the last
 * sample.
 */
void leak_check(void);

#endif
