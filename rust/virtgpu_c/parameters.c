// SPDX-License-Identifier: GPL-2.0
/* Module parameters that can be changed at run time, which module! does not support. */
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

static unsigned int fence_timeout = 60;
module_param(fence_timeout, uint, 0644);
MODULE_PARM_DESC(fence_timeout,
		 "Seconds that rendering may take before its context is lost (default 60)");

u32 helper_fence_timeout(void)
{
	return READ_ONCE(fence_timeout);
}
