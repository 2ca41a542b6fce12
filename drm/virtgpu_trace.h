/* SPDX-License-Identifier: GPL-2.0 */
#if !defined(VIRTGPU_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VIRTGPU_TRACE_H

#include <linux/tracepoint.h>

#include "virtgpu_queue.h"

#undef TRACE_SYSTEM
#define TRACE_SYSTEM virtgpu
#define TRACE_INCLUDE_FILE virtgpu_trace

TRACE_EVENT(virtgpu_cmd_queue,
	    TP_PROTO(const struct virtgpu_queue *queue, const struct virtgpu_cmd *cmd, u32 type),
	    TP_ARGS(queue, cmd, type),
	    TP_STRUCT__entry(__string(queue, queue->name)
			     __field(u32, seqno)
			     __field(u32, type)
			     __field(u32, in_flight)),
	    TP_fast_assign(__assign_str(queue);
			   __entry->seqno = cmd->seqno;
			   __entry->type = type;
			   __entry->in_flight = queue->in_flight;),
	    TP_printk("queue=%s seqno=%u cmd=%s(0x%x) in_flight=%u", __get_str(queue),
		      __entry->seqno, virtgpu_cmd_name(__entry->type), __entry->type,
		      __entry->in_flight)
);

TRACE_EVENT(virtgpu_cmd_response,
	    TP_PROTO(const struct virtgpu_queue *queue, const struct virtgpu_cmd *cmd, u32 type,
		     int status),
	    TP_ARGS(queue, cmd, type, status),
	    TP_STRUCT__entry(__string(queue, queue->name)
			     __field(u32, seqno)
			     __field(u32, type)
			     __field(int, status)),
	    TP_fast_assign(__assign_str(queue);
			   __entry->seqno = cmd->seqno;
			   __entry->type = type;
			   __entry->status = status;),
	    TP_printk("queue=%s seqno=%u cmd=%s(0x%x) status=%d", __get_str(queue),
		      __entry->seqno, virtgpu_cmd_name(__entry->type), __entry->type,
		      __entry->status)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#include <trace/define_trace.h>
