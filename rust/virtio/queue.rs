// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Virtqueues: buffers go to the device and come back.
//!
//! C header: [`include/linux/virtio.h`](srctree/include/linux/virtio.h)
use core::{iter, marker::PhantomData, mem::MaybeUninit, ptr::NonNull, slice};

use drm_bindings as bindings;
use kernel::{
    alloc::{flags::*, KVec},
    device::Bound,
    error::to_result,
    prelude::*,
    sync::aref::ARef,
};

use crate::Device;

/// Longest request that needs no allocation of its own, in bytes.
pub const REQUEST_SIZE: usize = 96;
/// Longest response that needs no allocation of its own, in bytes.
pub const RESPONSE_SIZE: usize = 24;

type Sg = kernel::bindings::scatterlist;

fn empty_sg() -> Sg {
    // SAFETY: All zeros is a valid scatterlist entry.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// Describes pieces of memory, as many as there are entries, to a device.
fn fill_sg<'a>(sg: &mut [Sg], pieces: impl IntoIterator<Item = &'a mut [u8]>) {
    // SAFETY: The table has that many entries.
    unsafe { kernel::bindings::sg_init_table(sg.as_mut_ptr(), sg.len() as u32) };
    for (entry, piece) in sg.iter_mut().zip(pieces) {
        // SAFETY: The entry was initialised; who uses it sees to it that the memory is there.
        unsafe {
            bindings::helper_sg_set_buf(entry, piece.as_mut_ptr().cast(), piece.len() as u32)
        };
    }
}

/// What a [`Chain`] points to. It never moves while the device may look at it.
struct Buffer<T> {
    data: T,
    request: [u8; REQUEST_SIZE],
    request_len: usize,
    payload: KVec<KVec<u8>>,
    response: [u8; RESPONSE_SIZE],
    long_response: KVec<u8>,
    response_len: usize,
    used: usize,
    request_sg: Sg,
    /// Request and payload, where there is one.
    long_sg: KVec<Sg>,
    response_sg: Sg,
}

/// A request with room for the response and a `T` of the driver's, to be handed to a device.
///
/// # Invariants
///
/// The buffer is on the heap; a chain that the device owns is behind a raw pointer, so that nobody
/// has a reference to it.
pub struct Chain<T: Send>(KBox<Buffer<T>>);

impl<T: Send> Chain<T> {
    /// A chain with a request of at most [`REQUEST_SIZE`] bytes and room for a response of
    /// `response_len` bytes; 0 when the device sends none.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINVAL` for a request that is too long.
    pub fn new(request: &[u8], response_len: usize, data: T) -> Result<Self> {
        if request.len() > REQUEST_SIZE {
            return Err(EINVAL);
        }
        let mut long_response = KVec::new();
        if response_len > RESPONSE_SIZE {
            long_response.resize(response_len, 0, GFP_KERNEL)?;
        }

        let mut buffer = KBox::new(
            Buffer {
                data,
                request: [0; REQUEST_SIZE],
                request_len: request.len(),
                payload: KVec::new(),
                response: [0; RESPONSE_SIZE],
                long_response,
                response_len,
                used: 0,
                request_sg: empty_sg(),
                long_sg: KVec::new(),
                response_sg: empty_sg(),
            },
            GFP_KERNEL,
        )?;
        let parts = &mut *buffer;
        parts.request[..request.len()].copy_from_slice(request);
        fill_sg(
            slice::from_mut(&mut parts.request_sg),
            [&mut parts.request[..request.len()]],
        );
        let response = if response_len > RESPONSE_SIZE {
            &mut parts.long_response[..]
        } else {
            &mut parts.response[..response_len]
        };
        fill_sg(slice::from_mut(&mut parts.response_sg), [response]);
        Ok(Self(buffer))
    }

    /// Makes a new one out of a chain that came back, instead of allocating it.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a request or a response that is too long, or a chain with a payload.
    pub fn renew(&mut self, request: &[u8], response_len: usize, data: T) -> Result {
        if request.len() > REQUEST_SIZE || response_len > RESPONSE_SIZE || !self.is_renewable() {
            return Err(EINVAL);
        }
        let buffer = &mut *self.0;
        buffer.request[..request.len()].copy_from_slice(request);
        buffer.request_len = request.len();
        buffer.request_sg.length = request.len() as u32;
        buffer.response_len = response_len;
        buffer.response_sg.length = response_len as u32;
        buffer.used = 0;
        buffer.data = data;
        Ok(())
    }

    /// Whether [`renew`](Self::renew) can make a new one out of it: nothing hangs on it.
    pub fn is_renewable(&self) -> bool {
        self.0.payload.is_empty() && self.0.long_response.is_empty()
    }

    /// Sends more bytes behind the request, in as many pieces as are given.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub fn set_payload(&mut self, payload: KVec<KVec<u8>>) -> Result {
        let buffer = &mut *self.0;
        let mut sg = KVec::from_elem(empty_sg(), payload.len() + 1, GFP_KERNEL)?;
        buffer.payload = payload;
        let request = &mut buffer.request[..buffer.request_len];
        let payload = buffer.payload.iter_mut().map(|piece| &mut piece[..]);
        fill_sg(&mut sg, Iterator::chain(iter::once(request), payload));
        buffer.long_sg = sg;
        Ok(())
    }

    /// The driver's data.
    pub fn data(&self) -> &T {
        &self.0.data
    }

    /// The driver's data, to be changed.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data
    }

    /// Writes another request, as long as the first, into a chain that came back.
    ///
    /// # Errors
    ///
    /// `EINVAL` for one of another length.
    pub fn set_request(&mut self, request: &[u8]) -> Result {
        if request.len() != self.0.request_len {
            return Err(EINVAL);
        }
        self.0.request[..request.len()].copy_from_slice(request);
        self.0.used = 0;
        Ok(())
    }

    /// The request.
    pub fn request(&self) -> &[u8] {
        &self.0.request[..self.0.request_len]
    }

    /// Room for the response in bytes.
    pub fn response_room(&self) -> usize {
        self.0.response_len
    }

    /// What the device wrote, once it has; never more than there is room for, whatever it claims.
    pub fn response(&self) -> &[u8] {
        let all = if self.0.long_response.is_empty() {
            &self.0.response[..]
        } else {
            &self.0.long_response[..]
        };
        &all[..self.0.used.min(self.0.response_len)]
    }

    /// How many descriptors a ring without indirect ones needs for it.
    pub fn descriptors(&self) -> usize {
        1 + self.0.payload.len() + usize::from(self.0.response_len != 0)
    }
}

// SAFETY: A chain owns everything it points to; the scatterlists are only looked at by the queue.
unsafe impl<T: Send> Send for Chain<T> {}

/// What is told when a device has used a buffer.
pub trait Interrupt: Send + Sync + 'static {
    /// Queue number `queue` has something to [`pop`](Virtqueue::pop). In interrupt context.
    fn interrupt(&self, queue: usize);
}

/// A ring of buffers shared with the device; the C counterpart is `struct virtqueue`.
///
/// Its methods need it exclusively: keep it in a lock.
///
/// # Invariants
///
/// `ptr` is a virtqueue of a device that has not been stopped: [`Transport::stop`] takes it away.
/// All buffers in it are [`Chain`]s of `T`.
pub struct Virtqueue<T: Send> {
    ptr: NonNull<bindings::virtqueue>,
    _chains: PhantomData<Chain<T>>,
}

// SAFETY: A virtqueue is bound to no thread.
unsafe impl<T: Send> Send for Virtqueue<T> {}

impl<T: Send> Virtqueue<T> {
    /// Hands a chain to the device. It learns of it at the next kick.
    ///
    /// # Errors
    ///
    /// The chain comes back, with `ENOSPC` when the ring is full for now or smaller than the chain,
    /// or `EIO` when it is broken. C: `virtqueue_add_sgs()`.
    pub fn add(&mut self, chain: Chain<T>) -> core::result::Result<(), (Error, Chain<T>)> {
        self.add_with(chain, bindings::GFP_ATOMIC)
    }

    /// As [`add`](Self::add) for a chain of a single descriptor, for which virtio allocates nothing,
    /// and so waits for no lock either: for the panic screen.
    ///
    /// # Errors
    ///
    /// As [`add`](Self::add), and `EINVAL` for a chain with a payload or room for a response.
    pub fn try_add(&mut self, chain: Chain<T>) -> core::result::Result<(), (Error, Chain<T>)> {
        if chain.descriptors() != 1 {
            return Err((EINVAL, chain));
        }
        self.add_with(chain, 0)
    }

    fn add_with(
        &mut self,
        mut chain: Chain<T>,
        flags: bindings::gfp_t,
    ) -> core::result::Result<(), (Error, Chain<T>)> {
        if chain.descriptors() > self.size() && !self.has_indirect() {
            // virtio warns of a chain that is larger than the ring.
            return Err((ENOSPC, chain));
        }
        let buffer = &mut *chain.0;
        let out = if buffer.payload.is_empty() {
            &raw mut buffer.request_sg
        } else {
            buffer.long_sg.as_mut_ptr()
        };
        let mut sgs = [out, &raw mut buffer.response_sg];
        let inputs = u32::from(buffer.response_len != 0);
        let token = KBox::into_raw(chain.0);

        // SAFETY: The queue is valid; the buffer stays where it is until it is popped.
        let ret = to_result(unsafe {
            bindings::virtqueue_add_sgs(
                self.ptr.as_ptr(),
                sgs.as_mut_ptr(),
                1,
                inputs,
                token.cast(),
                flags,
            )
        });
        // SAFETY: The queue did not take it.
        ret.map_err(|error| (error, Chain(unsafe { KBox::from_raw(token) })))
    }

    /// Takes back a chain that the device has used; C: `virtqueue_get_buf()`.
    pub fn pop(&mut self) -> Option<Chain<T>> {
        let mut used = 0;
        // SAFETY: The queue is valid.
        let token = unsafe { bindings::virtqueue_get_buf(self.ptr.as_ptr(), &mut used) };
        let mut chain = Self::chain(token)?;
        chain.0.used = used as usize;
        Some(chain)
    }

    fn chain(token: *mut kernel::ffi::c_void) -> Option<Chain<T>> {
        if token.is_null() {
            return None;
        }
        // SAFETY: By the type's invariants it is what `add` leaked, and the device is done with it.
        Some(Chain(unsafe { KBox::from_raw(token.cast()) }))
    }

    /// Whether the device wants to be notified of what was added; C: `virtqueue_kick_prepare()`.
    pub fn kick_prepare(&mut self) -> bool {
        // SAFETY: The queue is valid.
        unsafe { bindings::virtqueue_kick_prepare(self.ptr.as_ptr()) }
    }

    /// Notifies the device; C: `virtqueue_notify()`.
    pub fn notify(&mut self) {
        // SAFETY: The queue is valid.
        unsafe { bindings::virtqueue_notify(self.ptr.as_ptr()) };
    }

    /// No interrupts, please; a hint. C: `virtqueue_disable_cb()`.
    pub fn disable_interrupts(&mut self) {
        // SAFETY: The queue is valid.
        unsafe { bindings::virtqueue_disable_cb(self.ptr.as_ptr()) };
    }

    /// Interrupts again; false when something came meanwhile. C: `virtqueue_enable_cb()`.
    pub fn enable_interrupts(&mut self) -> bool {
        // SAFETY: The queue is valid.
        unsafe { bindings::virtqueue_enable_cb(self.ptr.as_ptr()) }
    }

    /// Descriptors that are free.
    pub fn free(&self) -> usize {
        // SAFETY: The queue is valid.
        unsafe { (*self.ptr.as_ptr()).num_free as usize }
    }

    /// Whether a chain may take a single descriptor of the ring, however many it has.
    pub fn has_indirect(&self) -> bool {
        // SAFETY: The queue is valid.
        let vdev = unsafe { (*self.ptr.as_ptr()).vdev };
        // SAFETY: A valid queue is of a valid device.
        unsafe { bindings::helper_virtio_has_feature(vdev, crate::device::F_INDIRECT_DESC) }
    }

    /// Descriptors of the ring; C: `virtqueue_get_vring_size()`.
    pub fn size(&self) -> usize {
        // SAFETY: The queue is valid.
        unsafe { bindings::virtqueue_get_vring_size(self.ptr.as_ptr()) as usize }
    }

    /// The device answered what was never asked; C: `virtqueue_is_broken()`.
    pub fn is_broken(&self) -> bool {
        // SAFETY: The queue is valid.
        unsafe { bindings::virtqueue_is_broken(self.ptr.as_ptr()) }
    }
}

/// A device of which `N` queues run. Ends with [`stop`](Transport::stop); forgotten, they go on.
///
/// # Invariants
///
/// `dev.priv` is a leaked `KBox<H>`, used by the interrupt handler until the device is reset. There
/// are `N` virtqueues of `dev`.
pub struct Transport<H: Interrupt, const N: usize> {
    dev: ARef<Device>,
    _handler: PhantomData<H>,
}

extern "C" fn interrupt_callback<H: Interrupt>(vq: *mut bindings::virtqueue) {
    // SAFETY: The ring calls us with a valid queue; its device's handler is there from before the
    // device is ready until after it was reset.
    unsafe {
        let handler = (*(*vq).vdev).priv_.cast::<H>();
        if let Some(handler) = handler.as_ref() {
            handler.interrupt((*vq).index as usize);
        }
    }
}

impl<H: Interrupt, const N: usize> Transport<H, N> {
    /// Finds the device's queues, named for people, and lets it go.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `ENOENT` for a device that has fewer queues. C: `virtio_find_vqs()`.
    pub fn start<T: Send>(
        dev: &Device<Bound>,
        names: [&'static CStr; N],
        handler: H,
    ) -> Result<(Self, [Virtqueue<T>; N])> {
        let handler = KBox::into_raw(KBox::new(handler, GFP_KERNEL)?);
        let mut infos = names.map(|name| bindings::virtqueue_info {
            name: name.as_char_ptr(),
            callback: Some(interrupt_callback::<H>),
            ctx: false,
        });
        let mut queues = [core::ptr::null_mut(); N];
        let vdev = dev.as_raw();

        // SAFETY: The device is bound; the handler is in place before any interrupt.
        let ret = to_result(unsafe {
            (*vdev).priv_ = handler.cast();
            bindings::helper_virtio_find_vqs(
                vdev,
                N as u32,
                queues.as_mut_ptr(),
                infos.as_mut_ptr(),
            )
        });
        if let Err(error) = ret {
            // SAFETY: There are no queues that could use the handler.
            unsafe {
                (*vdev).priv_ = core::ptr::null_mut();
                drop(KBox::from_raw(handler));
            }
            return Err(error);
        }
        // SAFETY: The device is bound and has its queues.
        unsafe { bindings::helper_virtio_device_ready(vdev) };

        Ok((
            Self {
                dev: dev.into(),
                _handler: PhantomData,
            },
            queues.map(|queue| Virtqueue {
                // SAFETY: `virtio_find_vqs()` fills in every queue that has a name.
                ptr: unsafe { NonNull::new_unchecked(queue) },
                _chains: PhantomData,
            }),
        ))
    }

    /// Resets the device and takes all queues away. What the device still held goes to `reclaim`,
    /// with the number of its queue.
    ///
    /// Device and queues have to be those that [`start`](Self::start) was about: others stay as they
    /// are, and so do these.
    pub fn stop<T: Send>(
        self,
        dev: &Device<Bound>,
        queues: [Virtqueue<T>; N],
        mut reclaim: impl FnMut(usize, Chain<T>),
    ) {
        let vdev = dev.as_raw();
        let ours = |queue: &Virtqueue<T>| {
            // SAFETY: The queue is valid; its device never changes.
            core::ptr::eq(unsafe { (*queue.ptr.as_ptr()).vdev }, vdev)
        };
        // All `N` of them being the device's, none is left for anybody to use.
        if !core::ptr::eq(self.dev.as_raw(), vdev) || !queues.iter().all(ours) {
            dev_err!(
                dev.as_device(),
                "stopped with the queues of another device\n"
            );
            return;
        }

        // SAFETY: The device is bound. After the reset it looks at nothing any more, and no
        // interrupt comes.
        let handler = unsafe {
            bindings::virtio_reset_device(vdev);
            let handler = (*vdev).priv_.cast::<H>();
            (*vdev).priv_ = core::ptr::null_mut();
            KBox::from_raw(handler)
        };
        drop(handler);
        for (index, mut queue) in queues.into_iter().enumerate() {
            while let Some(chain) = queue.pop().or_else(|| {
                // SAFETY: The queue is valid, and the device was reset.
                Virtqueue::chain(unsafe {
                    bindings::virtqueue_detach_unused_buf(queue.ptr.as_ptr())
                })
            }) {
                reclaim(index, chain);
            }
        }
        // SAFETY: The device was reset, and nobody has a queue of it any more.
        unsafe { bindings::helper_virtio_del_vqs(vdev) };
    }
}
