// SPDX-License-Identifier: GPL-2.0
//! Puts the parts together: the data of each, the device's works, and the callbacks of the lower
//! parts.
//!
//! [`Data`] has a field for each part, and for the device's life. Each is set up by its own function, and
//! is dropped with the DRM device. The works are here and not in their parts, because `impl_has_work!`
//! finds a work by a field of the device's data itself.
use drm::file::HandleFile;
use kernel::{
    device::Bound,
    impl_has_delayed_work, impl_has_work, new_delayed_work, new_work,
    prelude::*,
    sync::aref::ARef,
    workqueue::{DelayedWork, Work, WorkItem},
};

use crate::{
    device::{work, Cause, Device, Object, VirtGpu, VirtGpuFile},
    display::{
        cursor, output, panic, redraw,
        swapchain::{self, Swapchain},
        Display,
    },
    life::{self, Life, Question},
    memory::{self, arrival, host_resource, Memory},
    render::{
        self, context,
        fence::{self, Emitted},
        Render,
    },
    reset,
    transport::{
        command::{self, Chain},
        Transport,
    },
};

/// The driver's data of a device.
#[pin_data]
pub(crate) struct Data {
    #[pin]
    pub(crate) transport: Transport,
    #[pin]
    pub(crate) memory: Memory,
    pub(crate) display: Display,
    #[pin]
    pub(crate) render: Render,
    #[pin]
    ctrl_work: Work<Device, { work::CONTROL }>,
    #[pin]
    cursor_work: Work<Device, { work::CURSOR }>,
    #[pin]
    config_work: Work<Device, { work::CONFIG }>,
    #[pin]
    reset_work: DelayedWork<Device, { work::RESET }>,
    #[pin]
    redraw_work: Work<Device, { work::REDRAW }>,
    #[pin]
    late_cursor_work: DelayedWork<Device, { work::LATE_CURSOR }>,
    #[pin]
    judge_work: DelayedWork<Device, { work::JUDGE }>,
    #[pin]
    answered_work: Work<Device, { work::ANSWERED }>,
    #[pin]
    contexts_work: Work<Device, { work::CONTEXTS }>,
    #[pin]
    fences_work: DelayedWork<Device, { work::FENCES }>,
    #[pin]
    arrivals_work: Work<Device, { work::ARRIVALS }>,
    #[pin]
    remains_work: Work<Device, { work::REMAINS }>,
    #[pin]
    finish_work: Work<Device, { work::FINISH }>,
    #[pin]
    pub(crate) life: Life,
}

impl_has_work! {
    impl HasWork<Device, { work::CONTROL }> for Data { self.ctrl_work }
    impl HasWork<Device, { work::CURSOR }> for Data { self.cursor_work }
    impl HasWork<Device, { work::CONFIG }> for Data { self.config_work }
    impl HasWork<Device, { work::REDRAW }> for Data { self.redraw_work }
    impl HasWork<Device, { work::ANSWERED }> for Data { self.answered_work }
    impl HasWork<Device, { work::CONTEXTS }> for Data { self.contexts_work }
    impl HasWork<Device, { work::ARRIVALS }> for Data { self.arrivals_work }
    impl HasWork<Device, { work::REMAINS }> for Data { self.remains_work }
    impl HasWork<Device, { work::FINISH }> for Data { self.finish_work }
}
impl_has_delayed_work! {
    impl HasDelayedWork<Device, { work::RESET }> for Data { self.reset_work }
    impl HasDelayedWork<Device, { work::LATE_CURSOR }> for Data { self.late_cursor_work }
    impl HasDelayedWork<Device, { work::JUDGE }> for Data { self.judge_work }
    impl HasDelayedWork<Device, { work::FENCES }> for Data { self.fences_work }
}

impl WorkItem<{ work::CONTROL }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        // In softirq. [`Works`] has a reference to the device, too, so this one is not the last.
        dev.transport.ctrl.dequeue(&dev, false);
    }
}

impl WorkItem<{ work::CURSOR }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        dev.transport.cursor.dequeue(&dev, true);
    }
}

impl WorkItem<{ work::CONFIG }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        reset::config_changed(&dev);
    }
}

impl WorkItem<{ work::RESET }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        reset::run(&dev);
    }
}

impl WorkItem<{ work::REDRAW }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        redraw::run(&dev);
    }
}

impl WorkItem<{ work::LATE_CURSOR }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        cursor::move_late(&dev);
    }
}

impl WorkItem<{ work::JUDGE }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        life::judge(&dev);
    }
}

impl WorkItem<{ work::ANSWERED }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        life::judge(&dev);
    }
}

impl WorkItem<{ work::CONTEXTS }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        context::destroy_released(&dev);
    }
}

impl WorkItem<{ work::FENCES }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        fence::watch(&dev);
    }
}

impl WorkItem<{ work::ARRIVALS }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        arrival::drop_ended(&dev);
    }
}

impl WorkItem<{ work::REMAINS }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        dev.memory.remains.free_all();
    }
}

impl WorkItem<{ work::FINISH }> for Data {
    type Pointer = ARef<Device>;

    fn run(dev: ARef<Device>) {
        dev.transport.ctrl.finish_answered(&dev);
    }
}

/// Sets up the data of a device with `count` heads, whose blobs have sizes of this alignment.
pub(crate) fn data(
    vdev: &virtio::Device<Bound>,
    count: usize,
    blob_alignment: u32,
) -> Result<impl PinInit<Data, Error> + use<'_>> {
    let display = Display::new(vdev, count)?;
    Ok(try_pin_init!(Data {
        transport <- Transport::new(vdev),
        memory <- Memory::new(vdev, blob_alignment),
        display,
        render <- Render::new(vdev),
        ctrl_work <- new_work!("virtgpu::ctrl"),
        cursor_work <- new_work!("virtgpu::cursor"),
        config_work <- new_work!("virtgpu::config"),
        reset_work <- new_delayed_work!("virtgpu::reset"),
        redraw_work <- new_work!("virtgpu::redraw"),
        late_cursor_work <- new_delayed_work!("virtgpu::late_cursor"),
        judge_work <- new_delayed_work!("virtgpu::judge"),
        answered_work <- new_work!("virtgpu::answered"),
        contexts_work <- new_work!("virtgpu::contexts"),
        fences_work <- new_delayed_work!("virtgpu::fences"),
        arrivals_work <- new_work!("virtgpu::arrivals"),
        remains_work <- new_work!("virtgpu::remains"),
        finish_work <- new_work!("virtgpu::finish"),
        life <- Life::new(),
    }))
}

/// Permits the works of a device to run. When it is dropped, it waits for those that are pending, and
/// none runs again, because their code may be unloaded next.
pub(crate) struct Works(ARef<Device>);

impl Works {
    pub(crate) fn new(dev: &Device) -> Self {
        dev.memory.remains.open();
        Self(dev.into())
    }

    /// Disables the works that reset the device or change what it shows, and waits for them.
    pub(crate) fn quiesce(&self) {
        self.0.disable_work::<{ work::CONFIG }>();
        self.0.disable_delayed_work::<{ work::RESET }>();
        self.0.disable_work::<{ work::REDRAW }>();
        self.0.disable_delayed_work::<{ work::LATE_CURSOR }>();
        self.0.disable_delayed_work::<{ work::JUDGE }>();
        self.0.disable_work::<{ work::ANSWERED }>();
        self.0.disable_delayed_work::<{ work::FENCES }>();
    }
}

impl Drop for Works {
    fn drop(&mut self) {
        self.quiesce();
        self.0.disable_work::<{ work::CONTROL }>();
        self.0.disable_work::<{ work::CURSOR }>();
        self.0.disable_work::<{ work::FINISH }>();
        self.0.disable_work::<{ work::CONTEXTS }>();
        self.0.disable_work::<{ work::ARRIVALS }>();
        self.0.disable_work::<{ work::REMAINS }>();
        // What these works have not done is done here.
        context::destroy_released(&self.0);
        arrival::drop_ended(&self.0);
        self.0.memory.remains.close();
    }
}

macro_rules! ends {
    ($($name:ident($part:ty)),* $(,)?) => {
        /// What may happen at the end of a command.
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
    Shown(output::Shown),
    Cursor(cursor::Done),
    Panic(panic::Done),
    Question(Question),
    Context(context::Done),
    Arrivals(arrival::Done),
}

impl command::Callbacks for VirtGpu {
    type Done = Done;
    type Fence = Emitted;

    fn ask(dev: &Device) {
        life::ask(dev);
    }

    fn reset(dev: &Device, cause: Cause) {
        reset::decide(dev, cause);
    }

    fn forget(dev: &Device) {
        dev.life.forget();
    }

    fn fence_ended(dev: &Device, fence: Emitted, status: Result, is_answered: bool) {
        fence::ended(dev, fence, status, is_answered);
    }
}

impl memory::callbacks::Callbacks for VirtGpu {
    type Group = Swapchain;

    fn opened(bo: &Object, file: &HandleFile<VirtGpuFile>) -> Result {
        context::opened(bo, file)
    }

    fn closed(bo: &Object, file: &HandleFile<VirtGpuFile>) {
        context::closed(bo, file);
    }

    fn make_room(dev: &Device) -> bool {
        swapchain::give_up(dev.display.swapchains())
    }

    fn while_up<R>(dev: &Device, f: impl FnMut() -> Result<R>) -> Result<R> {
        dev.life.while_up(f)
    }

    fn renders(dev: &Device) -> bool {
        dev.render.has_3d
    }

    fn lost(dev: &Device) {
        redraw::schedule(dev);
    }
}

impl render::callbacks::Callbacks for VirtGpu {
    fn context_gone(dev: &Device) {
        reset::context_gone(dev);
    }
}
