// SPDX-License-Identifier: GPL-2.0
//! What the driver has in C, because Rust cannot express it: the tracepoints `virtgpu:*`, which are those
//! of the driver in C, and module parameters that can be changed at run time.
#![warn(clippy::multiple_unsafe_ops_per_block)]

use drm_bindings as bindings;
use kernel::{error::Result, str::CStr};

/// A command was added to a queue: its number, its type, and the number of commands that the device
/// holds. C: `trace_virtgpu_cmd_queue()`.
///
/// # Context
///
/// Any.
pub fn trace_cmd_queue(queue: &CStr, seqno: u32, kind: u32, in_flight: u32) {
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
///
/// # Context
///
/// Any.
pub fn trace_cmd_response(queue: &CStr, seqno: u32, kind: u32, status: Result) {
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

/// Returns the current value of the module parameter `command_timeout`: how many seconds to wait
/// for a host's answer.
pub fn command_timeout() -> u32 {
    // SAFETY: The function has no requirements; it reads a static variable.
    unsafe { bindings::helper_command_timeout() }
}

/// Returns the current value of the module parameter `fence_timeout`: how many seconds rendering may
/// take before its context is lost.
pub fn fence_timeout() -> u32 {
    // SAFETY: The function has no requirements; it reads a static variable.
    unsafe { bindings::helper_fence_timeout() }
}
