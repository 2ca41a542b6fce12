/* SPDX-License-Identifier: GPL-2.0 */
/* Runs and measures scenarios. */
#ifndef SCENARIO_H
#define SCENARIO_H

/* Runs a scenario's steps, the first ones unmeasured; the host and qemu/bench/instructions.c count. */
void scenario(const char *name, void (*run)(int step), int steps);

#endif
