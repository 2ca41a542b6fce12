/* SPDX-License-Identifier: GPL-2.0 */
/* The panic screen without a panic, by panicscreen.ko. */
#ifndef PANICSCREEN_H
#define PANICSCREEN_H

/* Has the heads of a device show the panic screen that the judge knows, now and until the next commit. */
void panic_screen(int fd);

#endif
