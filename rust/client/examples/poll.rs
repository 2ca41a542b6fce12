// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Waits for a fence in a poll loop, beside another file.
use std::error::Error;

use rustix::event::{poll, PollFd, PollFlags};
use virtgpu::{CapsetId, ContextBuilder, Device, FenceStatus, Submission};

/// How long this example waits, in milliseconds.
const PATIENCE: i32 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let device = Device::with_capset(CapsetId::VIRGL2)?;
    let context = ContextBuilder::new(CapsetId::VIRGL2).build(&device)?;
    let fence = context.submit_fenced(&Submission::new(&[0; 16]))?;

    // The other file is the device's own, which is readable when there are events.
    let mut files = [
        PollFd::new(&fence, PollFlags::IN),
        PollFd::new(&device, PollFlags::IN),
    ];
    if poll(&mut files, PATIENCE)? == 0 {
        return Err("the host has not executed the commands in time".into());
    }
    if files[0].revents().contains(PollFlags::IN) {
        println!("the fence is signalled");
    }
    assert_eq!(fence.status()?, FenceStatus::Signalled);
    Ok(())
}
