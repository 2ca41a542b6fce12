// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Virtqueues, and the chains of buffers that they carry.
//!
//! [`Virtqueue::add`] takes ownership of a [`Chain`], and [`Virtqueue::pop`] returns it when the
//! device has used it. In between nothing can access or free it, because there is no value for it.
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

use crate::{bind, device::F_INDIRECT_DESC, Device};

/// The maximum size of a request in bytes.
pub const REQUEST_SIZE: usize = 96;
/// The maximum size of a response without an allocation of its own in bytes.
pub const RESPONSE_SIZE: usize = 24;

type Sg = kernel::bindings::scatterlist;

fn empty_sg() -> Sg {
    // SAFETY: All zeros is a valid value of the C struct.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// Fills a scatterlist with pieces of memory, one per entry. No piece may be empty.
fn fill_sg<'a>(sg: &mut [Sg], pieces: impl IntoIterator<Item = &'a mut [u8]>) {
    // SAFETY: The slice has that many entries.
    unsafe { kernel::bindings::sg_init_table(sg.as_mut_ptr(), sg.len() as u32) };
    for (entry, piece) in sg.iter_mut().zip(pieces) {
        // SAFETY: The entry was initialized above. It is not dereferenced here; the chain that
        // contains it owns the memory that it refers to.
        unsafe {
            bindings::helper_sg_set_buf(entry, piece.as_mut_ptr().cast(), piece.len() as u32)
        };
    }
}

/// The contents of a [`Chain`]. They do not move while the device may use them.
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
    /// The request, and the payload, if there is one.
    long_sg: KVec<Sg>,
    response_sg: Sg,
}

/// A request for a device, with room for the response, and with data `T` of the driver.
///
/// # Invariants
///
/// The buffer is on the heap. A chain that the device owns is only known by a raw pointer, so there
/// is no reference to it.
pub struct Chain<T: Send>(KBox<Buffer<T>>);

impl<T: Send> Chain<T> {
    /// Creates a chain with a request of at most [`REQUEST_SIZE`] bytes and room for a response of
    /// `response_len` bytes, which is 0 if the device sends none.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `EINVAL` if the request is too long.
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

    /// Reuses a chain for another request, instead of allocating a new one.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the request or the response is too long, or if the chain has a payload.
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

    /// Returns whether [`renew`](Self::renew) can reuse the chain: it has no allocations of its
    /// own.
    pub fn is_renewable(&self) -> bool {
        self.0.payload.is_empty() && self.0.long_response.is_empty()
    }

    /// Adds a payload that is sent behind the request, in pieces.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINVAL` for a piece without bytes.
    pub fn set_payload(&mut self, payload: KVec<KVec<u8>>) -> Result {
        if payload.iter().any(KVec::is_empty) {
            return Err(EINVAL);
        }
        let buffer = &mut *self.0;
        let mut sg = KVec::from_elem(empty_sg(), payload.len() + 1, GFP_KERNEL)?;
        buffer.payload = payload;
        let request = &mut buffer.request[..buffer.request_len];
        let payload = buffer.payload.iter_mut().map(|piece| &mut piece[..]);
        fill_sg(&mut sg, Iterator::chain(iter::once(request), payload));
        buffer.long_sg = sg;
        Ok(())
    }

    /// Returns the driver's data.
    pub fn data(&self) -> &T {
        &self.0.data
    }

    /// Returns the driver's data mutably.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data
    }

    /// Overwrites the request with another one of the same length.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it has another length.
    pub fn set_request(&mut self, request: &[u8]) -> Result {
        if request.len() != self.0.request_len {
            return Err(EINVAL);
        }
        self.0.request[..request.len()].copy_from_slice(request);
        self.0.used = 0;
        Ok(())
    }

    /// Returns the request.
    pub fn request(&self) -> &[u8] {
        &self.0.request[..self.0.request_len]
    }

    /// Returns the room for the response in bytes.
    pub fn response_room(&self) -> usize {
        self.0.response_len
    }

    /// Returns the response. It is never longer than the room for it, even if the device claims
    /// more.
    pub fn response(&self) -> &[u8] {
        let all = if self.0.long_response.is_empty() {
            &self.0.response[..]
        } else {
            &self.0.long_response[..]
        };
        &all[..self.0.used.min(self.0.response_len)]
    }

    /// Returns how many descriptors the chain takes in a ring without indirect descriptors.
    pub fn descriptors(&self) -> usize {
        1 + self.0.payload.len() + usize::from(self.0.response_len != 0)
    }
}

// SAFETY: A chain owns everything that it refers to, and only the queue uses the scatterlists.
unsafe impl<T: Send> Send for Chain<T> {}

/// A handler of interrupts.
pub trait Interrupt: Send + Sync + 'static {
    /// Called in interrupt context when there may be chains to [`pop`](Virtqueue::pop) off a queue,
    /// given by its number.
    fn interrupt(&self, queue: usize);
}

/// A ring of chains that is shared with the device; the C counterpart is `struct virtqueue`.
///
/// Its methods take it by exclusive reference, so a driver keeps it in a lock.
///
/// # Invariants
///
/// `ptr` is a virtqueue that was not deleted, because only [`Transport::stop`] deletes it, and consumes
/// the value. If the transport is forgotten, the queue is never deleted, and is broken when the driver
/// has left. All buffers in it are [`Chain`]s of `T`.
pub struct Virtqueue<T: Send> {
    ptr: NonNull<bindings::virtqueue>,
    has_indirect: bool,
    _chains: PhantomData<Chain<T>>,
}

// SAFETY: A virtqueue may be used on any thread.
unsafe impl<T: Send> Send for Virtqueue<T> {}

impl<T: Send> Virtqueue<T> {
    /// Adds a chain to the ring. The device is told by the next notification.
    ///
    /// # Errors
    ///
    /// The chain is returned with `ENOSPC` if the ring is full or is smaller than the chain, with
    /// `EINVAL` if the request is empty, or with `EIO` if the ring is broken. C:
    /// `virtqueue_add_sgs()`.
    pub fn add(&mut self, chain: Chain<T>) -> core::result::Result<(), (Error, Chain<T>)> {
        self.add_with(chain, bindings::GFP_ATOMIC)
    }

    /// Does the same as [`add`](Self::add) for a chain of a single descriptor. For such a chain
    /// virtio allocates nothing, and so does not wait for a lock. For the panic screen.
    ///
    /// # Errors
    ///
    /// Those of [`add`](Self::add), and `EINVAL` if the chain has a payload or room for a response.
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
        if chain.0.request_len == 0 {
            return Err((EINVAL, chain));
        }
        if chain.descriptors() > self.size() && !self.has_indirect() {
            // The core warns of a chain that is larger than the ring.
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

        // SAFETY: By the type's invariants the queue is valid. The buffer is on the heap, and it is
        // leaked until it is popped, so it does not move.
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
        // SAFETY: The queue has not taken the chain, and `token` is the leaked box.
        ret.map_err(|error| (error, Chain(unsafe { KBox::from_raw(token) })))
    }

    /// Returns a chain that the device has used; C: `virtqueue_get_buf()`.
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
        // SAFETY: By the type's invariants it is a box that `add` has leaked. The ring returns each
        // token once, when the device has used the buffer.
        Some(Chain(unsafe { KBox::from_raw(token.cast()) }))
    }

    /// Returns whether the device needs a notification of the added chains; C:
    /// `virtqueue_kick_prepare()`.
    pub fn kick_prepare(&mut self) -> bool {
        // SAFETY: The queue is valid.
        unsafe { bindings::virtqueue_kick_prepare(self.ptr.as_ptr()) }
    }

    /// Notifies the device; C: `virtqueue_notify()`.
    pub fn notify(&mut self) {
        // SAFETY: The queue is valid.
        unsafe { bindings::virtqueue_notify(self.ptr.as_ptr()) };
    }

    /// Asks the device not to interrupt, which is only a hint. C: `virtqueue_disable_cb()`.
    pub fn disable_interrupts(&mut self) {
        // SAFETY: The queue is valid.
        unsafe { bindings::virtqueue_disable_cb(self.ptr.as_ptr()) };
    }

    /// Asks the device to interrupt. Returns false if there are used chains, for which it may not
    /// interrupt. C: `virtqueue_enable_cb()`.
    pub fn enable_interrupts(&mut self) -> bool {
        // SAFETY: The queue is valid.
        unsafe { bindings::virtqueue_enable_cb(self.ptr.as_ptr()) }
    }

    /// Returns the number of free descriptors.
    pub fn free(&self) -> usize {
        // SAFETY: The queue is valid.
        unsafe { (*self.ptr.as_ptr()).num_free as usize }
    }

    /// Returns whether a chain takes only a single descriptor of the ring, if memory can be
    /// allocated for an indirect table.
    pub fn has_indirect(&self) -> bool {
        self.has_indirect
    }

    /// Returns the number of descriptors; C: `virtqueue_get_vring_size()`.
    pub fn size(&self) -> usize {
        // SAFETY: The queue is valid.
        unsafe { bindings::virtqueue_get_vring_size(self.ptr.as_ptr()) as usize }
    }

    /// Returns whether the device has used a buffer that it does not have, or otherwise broken the
    /// protocol; C: `virtqueue_is_broken()`.
    pub fn is_broken(&self) -> bool {
        // SAFETY: The queue is valid.
        unsafe { bindings::virtqueue_is_broken(self.ptr.as_ptr()) }
    }
}

/// The `N` running queues of a device. They end with [`stop`](Transport::stop). Without it, they run
/// until the driver leaves the device, and are not deleted then.
///
/// # Invariants
///
/// `dev.priv` is a leaked `KBox<H>`, which the interrupt handler uses until the queues are deleted.
/// `dev` has `N` virtqueues, and its binding records that.
pub struct Transport<H: Interrupt, const N: usize> {
    dev: ARef<Device>,
    _handler: PhantomData<H>,
}

extern "C" fn interrupt_callback<H: Interrupt>(vq: *mut bindings::virtqueue) {
    // SAFETY: The ring calls this with a valid queue.
    let (vdev, index) = unsafe { ((*vq).vdev, (*vq).index) };
    // SAFETY: The queue's device is valid. `priv` is only written while there are no queues.
    let handler = unsafe { (*vdev).priv_ }.cast::<H>();
    // SAFETY: The handler is set before the queues are found, and is dropped after they were deleted.
    unsafe { &*handler }.interrupt(index as usize);
}

impl<H: Interrupt, const N: usize> Transport<H, N> {
    /// Finds the device's queues and marks the device as ready. The names are for debugging.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the device has queues already; `ENOMEM`, `ENOENT` if it has fewer queues. C:
    /// `virtio_find_vqs()`.
    pub fn start<T: Send>(
        dev: &Device<Bound>,
        names: [&'static CStr; N],
        handler: H,
    ) -> Result<(Self, [Virtqueue<T>; N])> {
        let handler = KBox::new(handler, GFP_KERNEL)?;
        if !bind::claim(dev) {
            return Err(EBUSY);
        }
        let handler = KBox::into_raw(handler);
        let mut infos = names.map(|name| bindings::virtqueue_info {
            name: name.as_char_ptr(),
            callback: Some(interrupt_callback::<H>),
            ctx: false,
        });
        let mut queues = [core::ptr::null_mut(); N];
        let vdev = dev.as_raw();

        // SAFETY: The device is bound. It has no queues that use `priv`, because it was claimed above.
        unsafe { (*vdev).priv_ = handler.cast() };
        // SAFETY: The device is bound, and the handler was set above, before there are interrupts.
        let ret = to_result(unsafe {
            bindings::helper_virtio_find_vqs(
                vdev,
                N as u32,
                queues.as_mut_ptr(),
                infos.as_mut_ptr(),
            )
        });
        if let Err(error) = ret {
            // SAFETY: No queue exists that could use the handler, and it is the box that was leaked
            // above.
            drop(unsafe { KBox::from_raw(handler) });
            bind::give_back(dev);
            return Err(error);
        }
        // SAFETY: The device is bound, and its queues were found.
        unsafe { bindings::helper_virtio_device_ready(vdev) };

        Ok((
            Self {
                dev: dev.into(),
                _handler: PhantomData,
            },
            queues.map(|queue| Virtqueue {
                // SAFETY: `virtio_find_vqs()` has set every queue that has a name.
                ptr: unsafe { NonNull::new_unchecked(queue) },
                has_indirect: dev.has_feature(F_INDIRECT_DESC),
                _chains: PhantomData,
            }),
        ))
    }

    /// Resets the device and deletes all queues. Calls `reclaim` with each chain that the device
    /// still held and the number of its queue.
    ///
    /// Does nothing if device or queues are not those of [`start`](Self::start).
    pub fn stop<T: Send>(
        self,
        dev: &Device<Bound>,
        queues: [Virtqueue<T>; N],
        mut reclaim: impl FnMut(usize, Chain<T>),
    ) {
        let vdev = dev.as_raw();
        let ours = |queue: &Virtqueue<T>| {
            // SAFETY: The queue is valid, and its device never changes.
            core::ptr::eq(unsafe { (*queue.ptr.as_ptr()).vdev }, vdev)
        };
        // These are all of the device's `N` queues, so none is left that could still be used.
        if !core::ptr::eq(self.dev.as_raw(), vdev) || !queues.iter().all(ours) {
            dev_err!(
                dev.as_device(),
                "stopped with the queues of another device\n"
            );
            return;
        }

        // SAFETY: The device is bound. After the reset, it accesses no memory.
        unsafe { bindings::virtio_reset_device(vdev) };
        for (index, mut queue) in queues.into_iter().enumerate() {
            while let Some(chain) = queue.pop().or_else(|| {
                // SAFETY: The queue is valid, and the device was reset, as the function requires.
                Virtqueue::chain(unsafe {
                    bindings::virtqueue_detach_unused_buf(queue.ptr.as_ptr())
                })
            }) {
                reclaim(index, chain);
            }
        }
        // SAFETY: The device was reset, and all of its queues were passed by value.
        unsafe { bindings::helper_virtio_del_vqs(vdev) };
        // SAFETY: The device is valid. Interrupts of queues are off, because the queues were deleted.
        let handler = unsafe { (*vdev).priv_ }.cast::<H>();
        // SAFETY: By the type's invariants, it is the box that `start` has leaked. Nothing uses it any
        // more.
        drop(unsafe { KBox::from_raw(handler) });
        bind::give_back(dev);
    }
}
