/* SPDX-License-Identifier: GPL-2.0 */
/* What is done again and again and counted. */
#ifndef SCENARIO_H
#define SCENARIO_H

/* Runs a scenario's steps, the first ones uncounted; the host counts, and qemu/counter.c. */
void scenario(const char *name, void (*run)(int step), int steps);

#endif
