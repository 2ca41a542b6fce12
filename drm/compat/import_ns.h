/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, MODULE_IMPORT_NS() takes a word, not a string. */
#ifndef VIRTGPU_COMPAT_IMPORT_NS_H
#define VIRTGPU_COMPAT_IMPORT_NS_H

#include <linux/module.h>

#undef MODULE_IMPORT_NS
#define MODULE_IMPORT_NS(ns)	MODULE_INFO(import_ns, ns)

#endif
