/* SPDX-License-Identifier: GPL-2.0 */
#if !defined(VIRTGPU_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VIRTGPU_TRACE_H

#include <linux/tracepoint.h>
#include <linux/virtio_gpu.h>

#undef TRACE_SYSTEM
#define TRACE_SYSTEM virtgpu
#define TRACE_INCLUDE_FILE trace

#define virtgpu_show_cmd(type)							\
	__print_symbolic(type,							\
		{ VIRTIO_GPU_CMD_GET_DISPLAY_INFO, "GET_DISPLAY_INFO" },	\
		{ VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, "RESOURCE_CREATE_2D" },	\
		{ VIRTIO_GPU_CMD_RESOURCE_UNREF, "RESOURCE_UNREF" },		\
		{ VIRTIO_GPU_CMD_SET_SCANOUT, "SET_SCANOUT" },			\
		{ VIRTIO_GPU_CMD_RESOURCE_FLUSH, "RESOURCE_FLUSH" },		\
		{ VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, "TRANSFER_TO_HOST_2D" },	\
		{ VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, "RESOURCE_ATTACH_BACKING" },	\
		{ VIRTIO_GPU_CMD_GET_EDID, "GET_EDID" },			\
		{ VIRTIO_GPU_CMD_UPDATE_CURSOR, "UPDATE_CURSOR" },		\
		{ VIRTIO_GPU_CMD_MOVE_CURSOR, "MOVE_CURSOR" })

/* The drivers in C and in Rust both have these, so that they know no driver's structs. */
TRACE_EVENT(virtgpu_cmd_queue,
	    TP_PROTO(const char *queue, u32 seqno, u32 type, u32 in_flight),
	    TP_ARGS(queue, seqno, type, in_flight),
	    TP_STRUCT__entry(__string(queue, queue)
			     __field(u32, seqno)
			     __field(u32, type)
			     __field(u32, in_flight)),
	    TP_fast_assign(__assign_str(queue);
			   __entry->seqno = seqno;
			   __entry->type = type;
			   __entry->in_flight = in_flight;),
	    TP_printk("queue=%s seqno=%u cmd=%s(0x%x) in_flight=%u", __get_str(queue),
		      __entry->seqno, virtgpu_show_cmd(__entry->type), __entry->type,
		      __entry->in_flight)
);

TRACE_EVENT(virtgpu_cmd_response,
	    TP_PROTO(const char *queue, u32 seqno, u32 type, int status),
	    TP_ARGS(queue, seqno, type, status),
	    TP_STRUCT__entry(__string(queue, queue)
			     __field(u32, seqno)
			     __field(u32, type)
			     __field(int, status)),
	    TP_fast_assign(__assign_str(queue);
			   __entry->seqno = seqno;
			   __entry->type = type;
			   __entry->status = status;),
	    TP_printk("queue=%s seqno=%u cmd=%s(0x%x) status=%d", __get_str(queue),
		      __entry->seqno, virtgpu_show_cmd(__entry->type), __entry->type,
		      __entry->status)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH transport
#include <trace/define_trace.h>
