// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Tracepoints of the queues of a virtio GPU, `virtgpu:*`. Both drivers have the same.
use drm_bindings as bindings;
use kernel::{error::Result, str::CStr};

/// A command was added to a queue: its number, its type, and the number of commands that the device
/// holds. C: `trace_virtgpu_cmd_queue()`.
pub fn cmd_queue(queue: &CStr, seqno: u32, kind: u32, in_flight: u32) {
    // SAFETY: The name is a valid string, and the function copies it.
    unsafe {
        bindings::helper_trace_virtgpu_cmd_queue(
            queue.as_ptr().cast_mut().cast(),
            seqno,
            kind,
            in_flight,
        )
    }
}

/// A command was answered: its number, its type and its status. C: `trace_virtgpu_cmd_response()`.
pub fn cmd_response(queue: &CStr, seqno: u32, kind: u32, status: Result) {
    let status = status.err().map_or(0, |error| error.to_errno());
    // SAFETY: The name is a valid string, and the function copies it.
    unsafe {
        bindings::helper_trace_virtgpu_cmd_response(
            queue.as_ptr().cast_mut().cast(),
            seqno,
            kind,
            status,
        )
    }
}
