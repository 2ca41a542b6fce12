// SPDX-License-Identifier: GPL-2.0
//! How the parts are put together: each has its data and its works, and gets the callbacks that lead up.
use kernel::{
    device::Bound,
    impl_has_delayed_work, impl_has_work, new_delayed_work, new_work,
    prelude::*,
    sync::aref::ARef,
    workqueue::{DelayedWork, Work, WorkItem},
};

use crate::{
    device::{work, Cause, Device, VirtGpu},
    display::{
        cursor, kms, output, panic, redraw,
        swapchain::{self, Swapchain},
        Display,
    },
    life::{self, Life, Question},
    memory::{self, host_resource, Memory},
    reset,
    transport::{
        command::{self, Chain},
        Transport,
    },
};

/// The driver's part of a device.
#[pin_data]
pub(crate) struct Data {
    #[pin]
    pub(crate) transport: Transport,
    #[pin]
    pub(crate) memory: Memory,
    pub(crate) display: Display,
    #[pin]
    ctrl_work: Work<Device, { work::CONTROL }>,
    #[pin]
    cursor_work: Work<Device, { work::CURSOR }>,
    #[pin]
    hotplug_work: Work<Device, { work::HOTPLUG }>,
    #[pin]
    reset_work: DelayedWork<Device, { work::RESET }>,
    #[pin]
    redraw_work: Work<Device, { work::REDRAW }>,
    #[pin]
    late_cursor_work: DelayedWork<Device, { work::LATE_CURSOR }>,
    #[pin]
    judge_work: DelayedWork<Device, { work::JUDGE }>,
    #[pin]
    pub(crate) life: Life,
}

impl_has_work! {
    impl HasWork<Device, { work::CONTROL }> for Data { self.ctrl_work }
    impl HasWork<Device, { work::CURSOR }> for Data { self.cursor_work }
    impl HasWork<Device, { work::HOTPLUG }> for Data { self.hotplug_work }
    impl HasWork<Device, { work::REDRAW }> for Data { self.redraw_work }
}
impl_has_delayed_work! {
    impl HasDelayedWork<Device, { work::RESET }> for Data { self.reset_work }
    impl HasDelayedWork<Device, { work::LATE_CURSOR }> for Data { self.late_cursor_work }
    impl HasDelayedWork<Device, { work::JUDGE }> for Data { self.judge_work }
}

macro_rules! works {
    ($($id:tt => $run:expr),* $(,)?) => {$(
        impl WorkItem<$id> for Data {
            type Pointer = ARef<Device>;

            fn run(dev: ARef<Device>) {
                let run: fn(&Device) = $run;
                run(&dev)
            }
        }
    )*};
}

works! {
    { work::CONTROL } => |dev| dev.transport.ctrl.dequeue(dev),
    { work::CURSOR } => |dev| dev.transport.cursor.dequeue(dev),
    { work::HOTPLUG } => reset::configuration_changed,
    { work::RESET } => reset::run,
    { work::REDRAW } => redraw::run,
    { work::LATE_CURSOR } => kms::move_cursors,
    { work::JUDGE } => life::judge,
}

/// The data of a device that has so many heads.
pub(crate) fn data(
    vdev: &virtio::Device<Bound>,
    count: usize,
) -> Result<impl PinInit<Data, Error> + use<'_>> {
    let display = Display::new(vdev, count)?;
    Ok(try_pin_init!(Data {
        transport <- Transport::new(vdev),
        memory <- Memory::new(vdev),
        display,
        ctrl_work <- new_work!("virtgpu::ctrl"),
        cursor_work <- new_work!("virtgpu::cursor"),
        hotplug_work <- new_work!("virtgpu::hotplug"),
        reset_work <- new_delayed_work!("virtgpu::reset"),
        redraw_work <- new_work!("virtgpu::redraw"),
        late_cursor_work <- new_delayed_work!("virtgpu::late_cursor"),
        judge_work <- new_delayed_work!("virtgpu::judge"),
        life <- Life::new(),
    }))
}

macro_rules! ends {
    ($($name:ident($part:ty)),* $(,)?) => {
        /// All that may happen at the end of a command.
        pub(crate) enum Done {
            $($name($part)),*
        }

        $(impl From<$part> for Done {
            fn from(done: $part) -> Self {
                Self::$name(done)
            }
        })*

        impl command::Done for Done {
            fn happen(self, dev: &Device, chain: Chain, status: Result) -> Option<Chain> {
                match self {
                    $(Self::$name(done) => done.happen(dev, chain, status)),*
                }
            }
        }
    };
}

ends! {
    Resource(host_resource::Done),
    Frame(output::Frame),
    Cursor(cursor::Done),
    Panic(panic::Done),
    Question(Question),
}

impl command::Callbacks for VirtGpu {
    type Done = Done;

    fn ask(dev: &Device) {
        life::ask(dev);
    }

    fn reset(dev: &Device, cause: Cause) {
        reset::decide(dev, cause);
    }

    fn forget(dev: &Device) {
        dev.life.forget();
    }
}

impl memory::callbacks::Callbacks for VirtGpu {
    type Group = Swapchain;

    fn make_room(dev: &Device) -> bool {
        swapchain::give_up(dev.display.swapchains())
    }

    fn while_up<R>(dev: &Device, f: impl FnMut() -> Result<R>) -> Result<R> {
        dev.life.while_up(f)
    }

    fn lost(dev: &Device) {
        redraw::schedule(dev);
    }
}
