// SPDX-License-Identifier: GPL-2.0
//! The transport part: sends commands to the device and receives its answers.
//!
//! It does not know what commands mean to the parts above it; what it needs from them is the trait
//! [`Callbacks`]. [`encode`] makes commands, [`pool`] recycles them, [`queue`] carries them, [`irq`]
//! decides when the device interrupts, [`answer`] checks the responses.
use drm::workqueue::Workqueue;
use kernel::{
    device::Bound,
    new_mutex,
    prelude::*,
    sync::{aref::ARef, Mutex},
};
use virtio::{device::F_INDIRECT_DESC, Interrupt, Virtqueues};

use crate::{
    device::{work, Device, VirtGpu},
    transport::{command::Callbacks, pool::Pool, queue::Queue},
};

pub(crate) mod answer;
pub(crate) mod command;
pub(crate) mod encode;
pub(crate) mod irq;
pub(crate) mod pool;
pub(crate) mod queue;

/// The transport part of a device.
#[pin_data]
pub(crate) struct Transport {
    pub(crate) vdev: virtio::Handle,
    /// None while the queues are stopped.
    #[pin]
    pub(crate) running: Mutex<Option<Virtqueues<Handler, 2>>>,
    #[pin]
    pub(crate) ctrl: Queue,
    #[pin]
    pub(crate) cursor: Queue,
    #[pin]
    pub(crate) pool: Pool,
    /// Runs the works that end commands, and the one that destroys contexts.
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

/// Number of descriptors of most commands: the request, a payload, the response.
const CMD_DESCRIPTORS: usize = 3;

/// Handles the interrupts of the queues. Holds a reference to the device while they run.
pub(crate) struct Handler(ARef<Device>);

impl Interrupt for Handler {
    fn vq_callback(&self, queue: usize) {
        queue::schedule(&self.0, queue == 0);
    }
}

/// Finds the virtqueues and opens the queues.
pub(crate) fn start(dev: &Device, vdev: &virtio::Device<Bound>) -> Result {
    let (queues, [ctrl, cursor]) = vdev
        .find_vqs([c"control", c"cursor"], Handler(dev.into()))
        .inspect_err(|error| drm::drm_err!(dev, "cannot set up the queues: {:?}\n", error))?;
    if !vdev.has_feature(F_INDIRECT_DESC) && ctrl.size() < CMD_DESCRIPTORS {
        drm::drm_err!(
            dev,
            "the control queue has {} descriptors, but a command needs {}\n",
            ctrl.size(),
            CMD_DESCRIPTORS
        );
        queues.stop(vdev, [ctrl, cursor], |_, _| ());
        return Err(EINVAL);
    }
    *dev.transport.running.lock() = Some(queues);
    dev.transport.ctrl.open(ctrl);
    dev.transport.cursor.open(cursor);
    // An interrupt may have come before the queues were open.
    queue::schedule(&dev.into(), true);
    Ok(())
}

/// Closes the queues, resets the device and ends every command.
///
/// From then on until [`start`], submitted commands fail with `ENODEV`. Does nothing if the queues
/// are stopped.
pub(crate) fn stop(dev: &Device, vdev: &virtio::Device<Bound>) {
    let queues = dev.transport.running.lock().take();
    let (Some(queues), Some(ctrl), Some(cursor)) = (
        queues,
        dev.transport.ctrl.close(),
        dev.transport.cursor.close(),
    ) else {
        return;
    };
    // The works that handle answers have to end before commands end with the reset.
    dev.cancel_work::<{ work::CONTROL }>();
    dev.cancel_work::<{ work::CURSOR }>();
    dev.cancel_work::<{ work::FINISH }>();
    dev.transport.ctrl.finish_answered(dev);
    queues.stop(vdev, [ctrl, cursor], |index, chain| {
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
