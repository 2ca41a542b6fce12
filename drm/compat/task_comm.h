/* SPDX-License-Identifier: GPL-2.0 */
/* In Linux 6.12, get_task_comm() accepts only buffers of TASK_COMM_LEN. */
#ifndef VIRTGPU_COMPAT_TASK_COMM_H
#define VIRTGPU_COMPAT_TASK_COMM_H

#include <linux/sched.h>
#include <linux/string.h>

#undef get_task_comm
#define get_task_comm(buf, task)	strscpy_pad(buf, (task)->comm)

#endif
