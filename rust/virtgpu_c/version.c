// SPDX-License-Identifier: GPL-2.0
/* The version of the module, which module! does not support. It is also the one of the C driver. */
#include <linux/module.h>

MODULE_VERSION("0.1");
