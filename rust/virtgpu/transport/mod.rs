// SPDX-License-Identifier: GPL-2.0
//! The transport: commands to the device and its answers. It knows nothing of what they mean.
use drm::workqueue::Workqueue;
use kernel::{
    device::Bound,
    new_mutex,
    prelude::*,
    sync::{aref::ARef, Mutex},
};
use virtio::{device::F_INDIRECT_DESC, queue::Interrupt};

use crate::{
    device::{work, Device, VirtGpu},
    transport::{command::Callbacks, pool::Pool, queue::Queue},
};

pub(crate) mod answer;
pub(crate) mod cmd;
pub(crate) mod command;
pub(crate) mod pool;
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

/// Descriptors of most commands: the request, a payload, the response.
const CMD_DESCRIPTORS: usize = 3;

/// Keeps the device while its queues run.
pub(crate) struct Handler(ARef<Device>);

impl Interrupt for Handler {
    fn interrupt(&self, queue: usize) {
        queue::enqueue(&self.0, queue == 0);
    }
}

/// Finds the virtqueues and lets commands through.
pub(crate) fn start(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    let (transport, [ctrl, cursor]) =
        virtio::Transport::start(vdev, [c"control", c"cursor"], Handler(dev.into()))?;
    if !vdev.has_feature(F_INDIRECT_DESC) && ctrl.size() < CMD_DESCRIPTORS {
        drm::drm_err!(
            dev,
            "the control queue has {} descriptors, a command takes {}\n",
            ctrl.size(),
            CMD_DESCRIPTORS
        );
        transport.stop(vdev, [ctrl, cursor], |_, _| ());
        return Err(EINVAL);
    }
    *dev.transport.running.lock() = Some(transport);
    dev.transport.ctrl.open(ctrl);
    dev.transport.cursor.open(cursor);
    // What came before the queues were open.
    queue::enqueue(&dev.into(), true);
    Ok(())
}

/// Resets the device and takes every command back.
///
/// From here until [`start`] submitted commands fail with `ENODEV`. Safe on stopped queues.
pub(crate) fn stop(dev: &Device, vdev: &virtio::Device<Bound>) {
    let transport = dev.transport.running.lock().take();
    let (Some(transport), Some(ctrl), Some(cursor)) = (
        transport,
        dev.transport.ctrl.close(),
        dev.transport.cursor.close(),
    ) else {
        return;
    };
    // The works that handle answers end before anybody acts upon the reset.
    dev.cancel_work::<{ work::CONTROL }>();
    dev.cancel_work::<{ work::CURSOR }>();
    transport.stop(vdev, [ctrl, cursor], |index, chain| {
        let queue = if index == 0 {
            &dev.transport.ctrl
        } else {
            &dev.transport.cursor
        };
        queue.lost(dev, chain);
    });
    dev.transport.ctrl.end_kept(dev);
    dev.transport.cursor.end_kept(dev);
    VirtGpu::forget(dev);
}
