// SPDX-License-Identifier: GPL-2.0
/* A module parameter that can be changed at run time, which module! does not support. */
#include <linux/moduleparam.h>

#include "helper.h"

static unsigned int command_timeout = 10;
module_param(command_timeout, uint, 0644);
MODULE_PARM_DESC(command_timeout,
		 "Seconds to wait for the host's answer to a command (default 10)");

u32 helper_command_timeout(void)
{
	return READ_ONCE(command_timeout);
}
