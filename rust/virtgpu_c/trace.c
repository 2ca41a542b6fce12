// SPDX-License-Identifier: GPL-2.0
/* The C driver's tracepoints, for the Rust driver. */
#include "helper.h"

#define CREATE_TRACE_POINTS
#include "transport/trace.h"

void helper_trace_virtgpu_cmd_queue(const char *queue, u32 seqno, u32 type, u32 in_flight)
{
	trace_virtgpu_cmd_queue(queue, seqno, type, in_flight);
}

void helper_trace_virtgpu_cmd_response(const char *queue, u32 seqno, u32 type, int status)
{
	trace_virtgpu_cmd_response(queue, seqno, type, status);
}
