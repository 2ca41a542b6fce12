// SPDX-License-Identifier: GPL-2.0
//! The transport: commands to the device and its answers. It knows nothing of what they mean.
use drm::workqueue::Workqueue;
use kernel::{device::Bound, new_mutex, prelude::*, sync::Mutex};

use crate::transport::queue::{Handler, Pool, Queue};

pub(crate) mod cmd;
pub(crate) mod queue;

/// A device's queues, and what they need.
#[pin_data]
pub(crate) struct Transport {
    pub(crate) vdev: virtio::Handle,
    /// None while the queues are stopped.
    #[pin]
    pub(crate) running: Mutex<Option<virtio::Transport<Handler, 2>>>,
    #[pin]
    pub(crate) ctrl: Queue,
    #[pin]
    pub(crate) cursor: Queue,
    #[pin]
    pub(crate) pool: Pool,
    /// Runs what frees memory and what a frame waits for.
    pub(crate) completions: Workqueue,
}

impl Transport {
    pub(crate) fn new(vdev: &virtio::Device<Bound>) -> impl PinInit<Self, Error> + use<'_> {
        try_pin_init!(Self {
            vdev: virtio::Handle::new(vdev)?,
            running <- new_mutex!(None),
            ctrl <- Queue::new(c"control"),
            cursor <- Queue::new(c"cursor"),
            pool <- Pool::new(),
            completions: Workqueue::new(c"virtgpu")?,
        }? Error)
    }
}
