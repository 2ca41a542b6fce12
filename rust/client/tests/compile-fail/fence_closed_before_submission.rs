// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A fence that a stream waits for is open until the stream was submitted.
use std::os::fd::OwnedFd;

use virtgpu::{Context, Fence, Submission};

fn submit(context: &Context, fence: Fence) {
    let submission = Submission::new(&[0; 4]).wait_fence(&fence);
    drop(OwnedFd::from(fence));
    context.submit(&submission).unwrap();
}

fn main() {
    let _ = submit;
}
