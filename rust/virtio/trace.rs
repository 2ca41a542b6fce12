// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Tracepoints of a virtio GPU's queues, `virtgpu:*`, the same in C and in Rust.
use drm_bindings as bindings;
use kernel::{error::Result, str::CStr};

/// A command went to the device: position in the queue's history, request type, commands that the
/// device holds now. C: `trace_virtgpu_cmd_queue()`.
pub fn cmd_queue(queue: &CStr, seqno: u32, kind: u32, in_flight: u32) {
    // SAFETY: The name is a string, and is copied.
    unsafe {
        bindings::helper_trace_virtgpu_cmd_queue(
            queue.as_ptr().cast_mut().cast(),
            seqno,
            kind,
            in_flight,
        )
    }
}

/// The device answered a command, or it failed. C: `trace_virtgpu_cmd_response()`.
pub fn cmd_response(queue: &CStr, seqno: u32, kind: u32, status: Result) {
    let status = status.err().map_or(0, |error| error.to_errno());
    // SAFETY: The name is a string, and is copied.
    unsafe {
        bindings::helper_trace_virtgpu_cmd_response(
            queue.as_ptr().cast_mut().cast(),
            seqno,
            kind,
            status,
        )
    }
}
