// SPDX-License-Identifier: GPL-2.0
//! Command streams.
//!
//! EXECBUFFER sends a command stream to the host. Before, it waits for the fences of the syncobjs and
//! of the sync file that the program names. After, the stream's own fence is in the reservations of the
//! named objects, in syncobjs and in a sync file. Streams and transfers are queued under
//! [`Fences::emit`](super::timeline::Fences::emit), after another check whether the context was lost
//! meanwhile.
use drm::{
    dma_buf::{reserve, sync_file, Fence, FenceChain, SingleFence, Usage},
    gem::{shmem::Rows, BaseObject},
    syncobj::SyncObj,
    uapi, File,
};
use kernel::{
    fs::file::{flags, FileDescriptorReservation},
    page::PAGE_SIZE,
    prelude::*,
    sync::aref::ARef,
    types::ScopeGuard,
    uaccess::{UserPtr, UserSlice},
};

use crate::{
    device::{Device, Object, VirtGpuFile},
    gpu::Wire,
    memory::{
        access,
        arrival::{self, Arrivals},
    },
    render::{
        context::{self, Hold},
        fence::NewFence,
    },
    transport::{command::Chain, encode},
};

/// QEMU accepts 1024 descriptors for a command, and each page of a stream may need one.
const MAX_STREAM: usize = 1000 * PAGE_SIZE;
/// With more commands in the ring, a lazy stream takes answers off the ring.
const UNNOTICED: u32 = 16;
/// Limits against large allocations. No program reaches them.
const MAX_SYNCOBJS: u32 = 64 * 1024;
const MAX_OBJECTS: u32 = 256 * 1024;

const FLAGS: u32 = uapi::VIRTGPU_EXECBUF_FENCE_FD_IN
    | uapi::VIRTGPU_EXECBUF_FENCE_FD_OUT
    | uapi::VIRTGPU_EXECBUF_RING_IDX;

type Args = uapi::drm_virtgpu_execbuffer;

virtio::byte_structs! {
    /// C: `struct drm_virtgpu_execbuffer_syncobj`.
    struct Syncobj {
        /// Handle of the syncobj.
        handle: u32,
        /// `VIRTGPU_EXECBUF_SYNCOBJ_*`.
        flags: u32,
        /// Point of its timeline, 0 if it has none.
        point: u64,
    }
}

impl Syncobj {
    /// Reads an element of an array of structs of `stride` bytes. User space may know fewer or more bytes.
    fn read_at(array: u64, stride: u32, index: u32) -> Result<Self> {
        let address = array.wrapping_add(u64::from(index) * u64::from(stride));
        let mut bytes = [0; size_of::<Self>()];
        let known = bytes.len().min(stride as usize);
        UserSlice::new(UserPtr::from_addr(address as usize), known)
            .reader()
            .read_slice(&mut bytes[..known])?;
        Self::read(&bytes).ok_or(EINVAL)
    }
}

/// A syncobj that gets the fence, at a point of its timeline or as its only fence.
struct Signal {
    syncobj: ARef<SyncObj>,
    point: Option<(FenceChain, u64)>,
}

/// Returns the errno for a program whose command could not be queued.
fn error(error: Error) -> Error {
    match error {
        // Its context is lost with the reset.
        ENODEV => EIO,
        E2BIG => ENOMEM,
        error => error,
    }
}

/// The objects that a stream names.
fn objects(args: &Args, file: &File<VirtGpuFile>) -> Result<KVVec<ARef<Object>>> {
    if args.num_bo_handles > MAX_OBJECTS {
        return Err(ENOMEM);
    }
    let count = args.num_bo_handles as usize;
    let mut handles = KVVec::with_capacity(count, GFP_KERNEL)?;
    let mut reader =
        UserSlice::new(UserPtr::from_addr(args.bo_handles as usize), count * 4).reader();
    for _ in 0..count {
        handles.push(reader.read::<u32>()?, GFP_KERNEL)?;
    }
    let mut objects = KVVec::with_capacity(count, GFP_KERNEL)?;
    for handle in handles.iter() {
        objects.push(Object::lookup_handle(file, *handle)?, GFP_KERNEL)?;
    }
    Ok(objects)
}

fn signals(args: &Args, file: &File<VirtGpuFile>) -> Result<KVVec<Signal>> {
    if args.num_out_syncobjs > MAX_SYNCOBJS {
        return Err(ENOMEM);
    }
    let mut signals = KVVec::with_capacity(args.num_out_syncobjs as usize, GFP_KERNEL)?;
    for index in 0..args.num_out_syncobjs {
        let desc = Syncobj::read_at(args.out_syncobjs, args.syncobj_stride, index)?;
        if desc.flags != 0 {
            return Err(EINVAL);
        }
        let point = match desc.point {
            0 => None,
            point => Some((FenceChain::new()?, point)),
        };
        let syncobj = SyncObj::lookup_handle(file, desc.handle).map_err(|_| EINVAL)?;
        signals.push(Signal { syncobj, point }, GFP_KERNEL)?;
    }
    Ok(signals)
}

/// Waits for a fence, unless it is on the stream's own ring, which keeps the order anyway.
fn wait(fence: &Fence, timeline: u64) -> Result {
    fence.unwrap_for_each(|part| {
        if part.matches_context(timeline) {
            return Ok(());
        }
        part.wait()
    })
}

/// Waits for the fences of syncobjs. Returns the syncobjs whose fences are to be removed.
fn wait_syncobjs(
    args: &Args,
    file: &File<VirtGpuFile>,
    timeline: u64,
) -> Result<KVVec<ARef<SyncObj>>> {
    if args.num_in_syncobjs > MAX_SYNCOBJS {
        return Err(ENOMEM);
    }
    let mut resets = KVVec::new();
    for index in 0..args.num_in_syncobjs {
        let desc = Syncobj::read_at(args.in_syncobjs, args.syncobj_stride, index)?;
        if desc.flags & !uapi::VIRTGPU_EXECBUF_SYNCOBJ_RESET != 0 {
            return Err(EINVAL);
        }
        let fence = SyncObj::find_fence(file, desc.handle, desc.point)?;
        wait(&fence, timeline)?;
        if desc.flags & uapi::VIRTGPU_EXECBUF_SYNCOBJ_RESET != 0 {
            let syncobj = SyncObj::lookup_handle(file, desc.handle).map_err(|_| EINVAL)?;
            resets.push(syncobj, GFP_KERNEL)?;
        }
    }
    Ok(resets)
}

/// A command that is not sent yet.
struct Unsent<'a> {
    dev: &'a Device,
    chain: Chain,
}

/// Ends the command and gives it back to the pool when it is dropped.
type Guarded<'a> = ScopeGuard<Unsent<'a>, fn(Unsent<'a>)>;

impl<'a> Unsent<'a> {
    fn new(dev: &'a Device, chain: Chain) -> Guarded<'a> {
        ScopeGuard::new_with_data(Self { dev, chain }, Self::cancel)
    }

    fn cancel(self) {
        self.dev.transport.ctrl.cancel(self.dev, self.chain);
    }

    /// Queues the command. It ends in any case.
    fn submit(self) -> Result {
        self.dev
            .transport
            .ctrl
            .try_to_submit(self.dev, self.chain)
            .map_err(error)
    }

    /// Sends the command. It ends in any case. Returns how many commands the device has.
    fn send(self) -> Result<u32> {
        self.dev
            .transport
            .ctrl
            .send(self.dev, self.chain)
            .map_err(error)
    }
}

/// A stream or a transfer, and what is done with its fence.
struct Submit<'a> {
    hold: &'a Hold,
    ring: Option<u32>,
    command: Guarded<'a>,
    fence: Option<NewFence<'a>>,
    /// The program gets a sync file.
    wants_file: bool,
}

/// The fence of a command that was sent, and its sync file.
type Sent = (Option<ARef<SingleFence>>, Option<ARef<kernel::fs::File>>);

/// Synchronizes guest memory that the stream may use with its bounce buffers, before and after.
fn sync(dev: &Device, chain: &mut Chain, objects: &[ARef<Object>]) -> Result {
    if !access::needs_sync(dev) {
        return Ok(());
    }
    let mut arrivals = None;
    for bo in objects {
        if !bo.has_pages() || !bo.own().is_some_and(|own| own.kind().is_direct()) {
            continue;
        }
        let arrivals = match &mut arrivals {
            Some(arrivals) => arrivals,
            none => none.insert(Arrivals::new(dev, objects.len())?),
        };
        let all = Rows::bytes(0, bo.size() as u64);
        arrivals.add(bo, all.clone())?;
        bo.sync_for_device(&all);
    }
    if let Some(arrivals) = arrivals {
        chain.data_mut().set_done(arrival::Done(arrivals));
    }
    Ok(())
}

impl Submit<'_> {
    /// Numbers the fence and sends the command.
    fn emit(self) -> Result<Sent> {
        let Self {
            hold,
            ring,
            mut command,
            fence,
            wants_file,
        } = self;
        let dev = hold.dev();
        if fence.is_none() {
            command.chain.data_mut().set_lazy();
        }
        let mut last = dev.render.fences.emit.lock();
        // The context may have been lost during the waits for fences.
        if hold.is_lost() {
            return Err(EIO);
        }
        let fence = fence
            .map(|fence| fence.emit(&mut last, &mut command.chain, hold, ring))
            .transpose()?;
        let file = match &fence {
            Some(fence) if wants_file => Some(sync_file::create(fence)?),
            _ => None,
        };
        let sent = command.dismiss().send();
        drop(last);
        if fence.is_none() && sent.is_ok_and(|in_flight| in_flight > UNNOTICED) {
            dev.transport.ctrl.reap(dev);
        }
        sent.map(|_| (fence, file))
    }
}

/// Sends a command stream of a context to the host.
///
/// # Errors
///
/// `ENOSYS` without a renderer; `EINVAL` for unknown flags, for a ring that the context does not have,
/// and for invalid fences and syncobjs; `ENOENT` for invalid objects; `EALREADY` for an object that is
/// named twice; `EFAULT`; `ENOMEM`, also for a stream that is too long for the host; `EIO` for a
/// context that is lost.
pub(super) fn execbuffer(dev: &Device, args: &mut Args, file: &File<VirtGpuFile>) -> Result {
    let hold = context::of(file).ok_or(ENOSYS)?;
    if args.flags & !FLAGS != 0 {
        return Err(EINVAL);
    }
    let ring = (args.flags & uapi::VIRTGPU_EXECBUF_RING_IDX != 0).then_some(args.ring_idx);
    let timeline = match ring {
        None => &dev.render.fences.timeline,
        Some(ring) => hold.rings().get(ring as usize).ok_or(EINVAL)?,
    };
    hold.create()?;

    // Most streams name no objects and no syncobjs. To drop an empty vector would call the allocator.
    let objects = (args.num_bo_handles != 0)
        .then(|| objects(args, file))
        .transpose()?;
    let objects = objects.as_deref().unwrap_or_default();
    if args.size as usize > MAX_STREAM {
        return Err(ENOMEM);
    }
    let stream = encode::submit_3d(&dev.transport.pool, hold.id, args.command, args.size)?;
    let command = Unsent::new(dev, stream);
    let wants_fd = args.flags & uapi::VIRTGPU_EXECBUF_FENCE_FD_OUT != 0;
    let is_polled = hold.polls(ring);
    let (mut fence, mut fd) = (None, None);
    if wants_fd || args.num_out_syncobjs != 0 || !objects.is_empty() || is_polled {
        let fence = fence.insert(NewFence::new(dev, timeline)?);
        if wants_fd {
            fd = Some(FileDescriptorReservation::get_unused_fd_flags(
                flags::O_CLOEXEC,
            )?);
        }
        if is_polled {
            fence.set_event(file.reserve_event(uapi::VIRTGPU_EVENT_FENCE_SIGNALED)?);
        }
    }
    let signals = (args.num_out_syncobjs != 0)
        .then(|| signals(args, file))
        .transpose()?;
    let resets = (args.num_in_syncobjs != 0)
        .then(|| wait_syncobjs(args, file, timeline.nr()))
        .transpose()?;
    if args.flags & uapi::VIRTGPU_EXECBUF_FENCE_FD_IN != 0 {
        wait(&*sync_file::get_fence(args.fence_fd)?, timeline.nr())?;
    }

    let mut submit = Submit {
        hold,
        ring,
        command,
        fence,
        wants_file: wants_fd,
    };
    let (fence, sync_file) = reserve(objects, |reserved| {
        sync(dev, &mut submit.command.chain, objects)?;
        let sent = submit.emit()?;
        if let Some(fence) = &sent.0 {
            reserved.add_fence(fence, Usage::Write);
        }
        Ok(sent)
    })?;
    if let Some(fence) = &fence {
        for signal in signals.into_iter().flatten() {
            match signal.point {
                Some((chain, point)) => signal.syncobj.add_point(chain, fence, point),
                None => signal.syncobj.replace_fence(Some(fence)),
            }
        }
    }
    for syncobj in resets.iter().flatten() {
        syncobj.replace_fence(None);
    }
    if let (Some(fd), Some(sync_file)) = (fd, sync_file) {
        args.fence_fd = fd.reserved_fd() as i32;
        fd.fd_install(sync_file);
    }
    Ok(())
}

/// Queues a command of a context without a fence.
///
/// # Errors
///
/// `EIO` for a context that is lost; or why the command could not be queued.
pub(super) fn plain(hold: &Hold, chain: Chain) -> Result {
    let command = Unsent::new(hold.dev(), chain);
    let emit = hold.dev().render.fences.emit.lock();
    if hold.is_lost() {
        return Err(EIO);
    }
    let sent = command.dismiss().submit();
    drop(emit);
    sent
}

/// Synchronizes an object's memory with its bounce buffers, before the transfer and after it.
fn sync_transfer(
    dev: &Device,
    chain: &mut Chain,
    bo: &Object,
    rows: Rows,
    from_host: bool,
) -> Result {
    if !access::needs_sync(dev) {
        return Ok(());
    }
    if !from_host {
        arrival::wait(dev, bo)?;
        bo.sync_for_device(&rows);
        return Ok(());
    }
    let mut arrivals = Arrivals::new(dev, 1)?;
    arrivals.add(bo, rows.clone())?;
    // The transfer fetches what a stream has written; the CPU's bytes must not overwrite it.
    if !bo.own().is_some_and(|own| own.kind().is_custom()) {
        bo.sync_for_device(&rows);
    }
    chain.data_mut().set_done(arrival::Done(arrivals));
    Ok(())
}

/// Queues a transfer with a fence in the object's reservation. It may read or write `rows` of the
/// object.
///
/// # Errors
///
/// `ENOMEM`; `EINTR` if a signal came before the object was free; `EIO` for a context that is lost; or
/// why the command could not be queued.
pub(super) fn transfer(
    hold: &Hold,
    chain: Chain,
    bo: &ARef<Object>,
    rows: Rows,
    from_host: bool,
) -> Result {
    let dev = hold.dev();
    let command = Unsent::new(dev, chain);
    let mut submit = Submit {
        hold,
        ring: None,
        command,
        fence: Some(NewFence::new(dev, &dev.render.fences.timeline)?),
        wants_file: false,
    };
    reserve(core::slice::from_ref(bo), |reserved| {
        sync_transfer(dev, &mut submit.command.chain, bo, rows, from_host)?;
        if let (Some(fence), _) = submit.emit()? {
            reserved.add_fence(&fence, Usage::Write);
        }
        Ok(())
    })
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect_eq, Test};

    fn syncobj_is_read_in_its_order(test: &Test) -> Result {
        let mut bytes = [0; size_of::<Syncobj>()];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = index as u8 + 1;
        }
        let desc = Syncobj::read(&bytes).ok_or(EIO)?;
        expect_eq!(
            test,
            (desc.handle, desc.flags, desc.point),
            (0x0403_0201, 0x0807_0605, 0x100f_0e0d_0c0b_0a09)
        );
        Ok(())
    }

    fn program_gets_errnos_of_its_own(test: &Test) {
        expect_eq!(test, error(ENODEV), EIO);
        expect_eq!(test, error(E2BIG), ENOMEM);
        expect_eq!(test, error(ETIMEDOUT), ETIMEDOUT);
        expect_eq!(test, error(EIO), EIO);
    }

    kunit::suite!(
        c"virtgpu_rs_submit",
        [syncobj_is_read_in_its_order, program_gets_errnos_of_its_own,]
    );
}
