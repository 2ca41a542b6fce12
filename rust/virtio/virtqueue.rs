// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Virtqueues, and the chains of buffers that they carry.
//!
//! [`Virtqueue::add`] takes ownership of a [`Chain`], and [`Virtqueue::get_buf`] returns it when the
//! device has used it. In between nothing can access or free it, because there is no value for it.
//!
//! C header: [`include/linux/virtio.h`](srctree/include/linux/virtio.h)
use core::{marker::PhantomData, mem::MaybeUninit, ptr::NonNull};

use drm_bindings as bindings;
use kernel::{
    alloc::{flags::*, KVVec, KVec},
    device::Bound,
    error::to_result,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::{Atomic, Relaxed},
        rcu, Arc,
    },
};

use crate::{bind::Claim, device::F_INDIRECT_DESC, rings::Rings, Device};

/// The maximum size of a request in bytes.
pub const REQUEST_SIZE: usize = 160;
/// The maximum size of a response without an allocation of its own in bytes.
pub const RESPONSE_SIZE: usize = 24;

type Sg = kernel::bindings::scatterlist;

fn empty_sg() -> Sg {
    // SAFETY: All zeros is a valid value of the C struct.
    unsafe { MaybeUninit::zeroed().assume_init() }
}

/// Fills a scatterlist of one entry, with memory that is not empty.
fn fill_sg(sg: &mut Sg, memory: &mut [u8]) {
    // SAFETY: It is one entry.
    unsafe { kernel::bindings::sg_init_table(sg, 1) };
    // SAFETY: The entry was initialized above. It is not dereferenced here; the chain that contains it owns
    // the memory that it refers to.
    unsafe { bindings::helper_sg_set_buf(sg, memory.as_mut_ptr().cast(), memory.len() as u32) };
}

/// Returns the scatterlist of a payload, with an entry for each run of adjacent pages.
fn payload_sg(payload: &mut [u8]) -> Result<KVVec<Sg>> {
    let start = payload.as_mut_ptr();
    // SAFETY: The function looks at the address only.
    if !unsafe { kernel::bindings::is_vmalloc_addr(start.cast()) } {
        let mut sg = KVVec::from_elem(empty_sg(), 1, GFP_KERNEL)?;
        fill_sg(&mut sg[0], payload);
        return Ok(sg);
    }
    // Memory of `vmalloc()` begins at the start of a page.
    let mut runs: KVVec<(*mut u8, usize)> = KVVec::new();
    let mut next = None;
    for page in payload.chunks_mut(PAGE_SIZE) {
        // SAFETY: The page is one of `vmalloc()`, and is not freed meanwhile.
        let address = unsafe { bindings::helper_vmalloc_to_phys(page.as_ptr().cast()) };
        match runs.last_mut() {
            Some(run) if next == Some(address) => run.1 += page.len(),
            _ => runs.push((page.as_mut_ptr(), page.len()), GFP_KERNEL)?,
        }
        next = Some(address + PAGE_SIZE as u64);
    }
    let mut sg = KVVec::from_elem(empty_sg(), runs.len(), GFP_KERNEL)?;
    // SAFETY: The list has that many entries.
    unsafe { kernel::bindings::sg_init_table(sg.as_mut_ptr(), sg.len() as u32) };
    for (entry, (page, length)) in sg.iter_mut().zip(runs.iter()) {
        // SAFETY: The entry was initialized above, and the page is one of `vmalloc()`. The chain that will
        // contain the entry owns the memory.
        unsafe { bindings::helper_sg_set_vmalloc(entry, page.cast(), *length as u32) };
    }
    Ok(sg)
}

/// The contents of a [`Chain`]. They do not move while the device may use them.
struct Buffer<T> {
    data: T,
    request: [u8; REQUEST_SIZE],
    request_len: usize,
    payload: KVVec<u8>,
    response: [u8; RESPONSE_SIZE],
    long_response: KVec<u8>,
    response_len: usize,
    used: usize,
    request_sg: Sg,
    /// Empty without a payload.
    payload_sg: KVVec<Sg>,
    response_sg: Sg,
}

/// A request for a device, with room for the response, and with data `T` of the driver.
///
/// # Invariants
///
/// The buffer is on the heap. A chain that the device owns is only known by a raw pointer, so there
/// is no reference to it.
///
/// # Context
///
/// The methods of a chain do not sleep, unless they say otherwise.
///
/// # Examples
///
/// A driver gives its chain away and gets it back with the response:
///
/// ```
/// use virtio::Chain;
///
/// # doctests::queue(|queue| {
/// let chain = Chain::new(b"request", 8, "data of the driver")?;
/// queue.add(chain).map_err(|(error, _chain)| error)?;
/// // `chain` cannot be used here.
/// if let Some(chain) = queue.get_buf() {
///     assert_eq!(*chain.data(), "data of the driver");
/// }
/// # Ok(())
/// # });
/// ```
///
/// The compiler rejects an access to a chain that the device has:
///
/// ```compile_fail,E0382
/// use virtio::{Chain, Virtqueue};
///
/// fn send(queue: &mut Virtqueue<()>, chain: Chain<()>) -> usize {
///     let _ = queue.add(chain);
///     chain.response().len()
/// }
/// ```
pub struct Chain<T: Send>(KBox<Buffer<T>>);

impl<T: Send> Chain<T> {
    /// Creates a chain with a request of at most [`REQUEST_SIZE`] bytes and room for a response of
    /// `response_len` bytes, which is 0 if the device sends none.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, `EINVAL` if the request is too long.
    ///
    /// # Examples
    ///
    /// ```
    /// use virtio::Chain;
    ///
    /// let chain = Chain::new(&[1, 2, 3, 4], 16, "data of the driver")?;
    /// assert_eq!(chain.request(), [1, 2, 3, 4]);
    /// assert_eq!(chain.response_room(), 16);
    /// // The device has not answered yet.
    /// assert!(chain.response().is_empty());
    ///
    /// let too_long = [0; virtio::virtqueue::REQUEST_SIZE + 1];
    /// assert!(Chain::new(&too_long, 0, ()).is_err());
    /// # Ok::<(), kernel::error::Error>(())
    /// ```
    ///
    /// # Context
    ///
    /// May sleep.
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
                payload: KVVec::new(),
                response: [0; RESPONSE_SIZE],
                long_response,
                response_len,
                used: 0,
                request_sg: empty_sg(),
                payload_sg: KVVec::new(),
                response_sg: empty_sg(),
            },
            GFP_KERNEL,
        )?;
        let parts = &mut *buffer;
        parts.request[..request.len()].copy_from_slice(request);
        fill_sg(&mut parts.request_sg, &mut parts.request[..request.len()]);
        let response = if response_len > RESPONSE_SIZE {
            &mut parts.long_response[..]
        } else {
            &mut parts.response[..response_len]
        };
        fill_sg(&mut parts.response_sg, response);
        // INVARIANT: The buffer was allocated above.
        Ok(Self(buffer))
    }

    /// Reuses a chain for another request, instead of allocating a new one.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the request or the response is too long, or if the chain has a payload.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// use virtio::Chain;
    ///
    /// let mut chain = Chain::new(b"first", 8, 1)?;
    /// chain.renew(b"the next one", 16, 2)?;
    /// assert_eq!(chain.request(), b"the next one");
    /// assert_eq!(chain.response_room(), 16);
    /// assert_eq!(*chain.data(), 2);
    ///
    /// // The room of a chain without allocations of its own is limited.
    /// assert_eq!(chain.renew(b"third", 4096, 3), Err(EINVAL));
    /// assert_eq!(*chain.data(), 2);
    /// # Ok::<(), Error>(())
    /// ```
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
    ///
    /// # Examples
    ///
    /// ```
    /// use virtio::Chain;
    ///
    /// assert!(Chain::new(b"request", 8, ())?.is_renewable());
    /// // The room for this response is a separate allocation.
    /// assert!(!Chain::new(b"request", 4096, ())?.is_renewable());
    /// # Ok::<(), kernel::error::Error>(())
    /// ```
    pub fn is_renewable(&self) -> bool {
        self.0.payload.is_empty() && self.0.long_response.is_empty()
    }

    /// Adds a payload that is sent behind the request. It may be long, because its pages need not be next
    /// to each other in memory.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINVAL` for a payload without bytes.
    ///
    /// # Context
    ///
    /// May sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// use virtio::Chain;
    ///
    /// let mut chain = Chain::new(b"request", 8, ())?;
    /// chain.set_payload(KVVec::from_elem(0x55, 64, GFP_KERNEL)?)?;
    /// // The request, the payload and the response.
    /// assert_eq!(chain.descriptors(), 3);
    /// assert!(!chain.is_renewable());
    ///
    /// assert_eq!(chain.set_payload(KVVec::new()), Err(EINVAL));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn set_payload(&mut self, mut payload: KVVec<u8>) -> Result {
        if payload.is_empty() {
            return Err(EINVAL);
        }
        let sg = payload_sg(&mut payload)?;
        // Virtio numbers the descriptors of a chain with 16 bits. Two are for request and response.
        if sg.len() > usize::from(u16::MAX) - 2 {
            return Err(EINVAL);
        }
        self.0.payload = payload;
        self.0.payload_sg = sg;
        Ok(())
    }

    /// Returns the chain that a queue has returned the token of, or `None` for null.
    ///
    /// # Safety
    ///
    /// The token must be null or one that a queue of chains of `T` has just returned.
    unsafe fn from_token(token: *mut kernel::ffi::c_void) -> Option<Self> {
        if token.is_null() {
            return None;
        }
        // SAFETY: Chains are added to queues as leaked boxes, by `Virtqueue::add_with`. A queue returns
        // each token once, when the device has used the buffer or was reset.
        Some(Self(unsafe { KBox::from_raw(token.cast()) }))
    }

    /// Returns the driver's data.
    ///
    /// # Examples
    ///
    /// ```
    /// let chain = virtio::Chain::new(b"request", 0, 7)?;
    /// assert_eq!(*chain.data(), 7);
    /// # Ok::<(), kernel::error::Error>(())
    /// ```
    pub fn data(&self) -> &T {
        &self.0.data
    }

    /// Returns the driver's data mutably.
    ///
    /// # Examples
    ///
    /// ```
    /// let mut chain = virtio::Chain::new(b"request", 0, 7)?;
    /// *chain.data_mut() += 1;
    /// assert_eq!(*chain.data(), 8);
    /// # Ok::<(), kernel::error::Error>(())
    /// ```
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data
    }

    /// Overwrites the request with another one of the same length.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it has another length.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// let mut chain = virtio::Chain::new(b"move to 1", 0, ())?;
    /// chain.set_request(b"move to 2")?;
    /// assert_eq!(chain.request(), b"move to 2");
    /// assert_eq!(chain.set_request(b"move to 10"), Err(EINVAL));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn set_request(&mut self, request: &[u8]) -> Result {
        if request.len() != self.0.request_len {
            return Err(EINVAL);
        }
        self.0.request[..request.len()].copy_from_slice(request);
        self.0.used = 0;
        Ok(())
    }

    /// Returns the request.
    ///
    /// # Examples
    ///
    /// ```
    /// let chain = virtio::Chain::new(&[], 0, ())?;
    /// assert!(chain.request().is_empty());
    /// # Ok::<(), kernel::error::Error>(())
    /// ```
    pub fn request(&self) -> &[u8] {
        &self.0.request[..self.0.request_len]
    }

    /// Returns the room for the response in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(virtio::Chain::new(b"request", 24, ())?.response_room(), 24);
    /// # Ok::<(), kernel::error::Error>(())
    /// ```
    pub fn response_room(&self) -> usize {
        self.0.response_len
    }

    /// Returns the response. It is never longer than the room for it, even if the device claims
    /// more.
    ///
    /// # Examples
    ///
    /// ```
    /// // Before the device has answered, the response is empty.
    /// let chain = virtio::Chain::new(b"request", 4096, ())?;
    /// assert!(chain.response().is_empty());
    /// # Ok::<(), kernel::error::Error>(())
    /// ```
    pub fn response(&self) -> &[u8] {
        let all = if self.0.long_response.is_empty() {
            &self.0.response[..]
        } else {
            &self.0.long_response[..]
        };
        &all[..self.0.used.min(self.0.response_len)]
    }

    /// Returns how many descriptors the chain takes in a ring without indirect descriptors.
    ///
    /// # Examples
    ///
    /// ```
    /// use virtio::Chain;
    ///
    /// assert_eq!(Chain::new(b"request", 8, ())?.descriptors(), 2);
    /// assert_eq!(Chain::new(b"request", 0, ())?.descriptors(), 1);
    /// # Ok::<(), kernel::error::Error>(())
    /// ```
    pub fn descriptors(&self) -> usize {
        1 + self.0.payload_sg.len() + usize::from(self.0.response_len != 0)
    }
}

// SAFETY: A chain owns everything that it refers to, and only the queue uses the scatterlists.
unsafe impl<T: Send> Send for Chain<T> {}

/// A handler of interrupts.
///
/// # Context
///
/// Its method runs in interrupt context. It must not sleep, or take a lock that is taken elsewhere with
/// interrupts enabled.
///
/// # Examples
///
/// ```
/// use kernel::sync::atomic::{Atomic, Relaxed};
/// use virtio::Interrupt;
///
/// /// Counts the interrupts of the first queue.
/// struct Counter(Atomic<u32>);
///
/// impl Interrupt for Counter {
///     fn vq_callback(&self, queue: usize) {
///         if queue == 0 {
///             self.0.fetch_add(1, Relaxed);
///         }
///     }
/// }
///
/// let counter = Counter(Atomic::new(0));
/// counter.vq_callback(0);
/// counter.vq_callback(1);
/// assert_eq!(counter.0.load(Relaxed), 1);
/// ```
pub trait Interrupt: Send + Sync + 'static {
    /// Called in interrupt context when there may be chains to [`get`](Virtqueue::get_buf) off a queue,
    /// given by its number.
    fn vq_callback(&self, queue: usize);
}

/// A ring of chains that is shared with the device; the C counterpart is `struct virtqueue`.
///
/// Its methods take it by exclusive reference, so a driver keeps it in a lock. If the driver keeps it
/// for longer than it is bound to the device, the queue is deleted, and is like a broken one from then
/// on.
///
/// # Invariants
///
/// `ptr` is one of the queues of `rings`, and no other value has it. All buffers in it are [`Chain`]s of
/// `T`.
///
/// # Context
///
/// No method sleeps, so a spinlock may be held.
///
/// # Examples
///
/// ```
/// use virtio::Chain;
///
/// # doctests::queue(|queue| {
/// queue.add(Chain::new(b"request", 8, ())?).map_err(|(error, _chain)| error)?;
/// queue.kick();
/// while let Some(chain) = queue.get_buf() {
///     assert!(chain.response().len() <= 8);
/// }
/// # Ok(())
/// # });
/// ```
pub struct Virtqueue<T: Send> {
    ptr: NonNull<bindings::virtqueue>,
    rings: Arc<Rings>,
    has_indirect: bool,
    size: usize,
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
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// use virtio::Chain;
    ///
    /// # doctests::queue(|queue| {
    /// for _ in 0..queue.size() {
    ///     let chain = Chain::new(b"request", 0, "data of the driver")?;
    ///     queue.add(chain).map_err(|(error, _chain)| error)?;
    /// }
    /// assert_eq!(queue.free(), 0);
    ///
    /// // A full queue gives the chain back.
    /// let result = queue.add(Chain::new(b"request", 0, "data of the driver")?);
    /// assert!(matches!(result, Err((ENOSPC, chain)) if chain.request() == b"request"));
    /// # Ok(())
    /// # });
    /// ```
    pub fn add(&mut self, chain: Chain<T>) -> core::result::Result<(), (Error, Chain<T>)> {
        self.add_with(chain, bindings::GFP_ATOMIC)
    }

    /// Does the same as [`add`](Self::add) for a chain of a single descriptor. For such a chain
    /// virtio allocates nothing, and so does not wait for a lock. For the panic screen.
    ///
    /// # Errors
    ///
    /// The errors of [`add`](Self::add), and `EINVAL` if the chain has a payload or room for a response.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// use virtio::Chain;
    ///
    /// # doctests::queue(|queue| {
    /// assert!(queue.try_add(Chain::new(b"request", 0, ())?).is_ok());
    /// // The room for the response takes a second descriptor.
    /// assert!(matches!(queue.try_add(Chain::new(b"request", 8, ())?), Err((EINVAL, _))));
    /// # Ok(())
    /// # });
    /// ```
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
        let request = &raw mut buffer.request_sg;
        let response = &raw mut buffer.response_sg;
        let payload = buffer.payload_sg.as_mut_ptr();
        let (mut sgs, outputs) = if buffer.payload_sg.is_empty() {
            ([request, response, response], 1)
        } else {
            ([request, payload, response], 2)
        };
        let inputs = u32::from(buffer.response_len != 0);
        let token = KBox::into_raw(chain.0);

        let ret = self.with(|queue| {
            // SAFETY: The queue is valid. The buffer is on the heap, and it is leaked until it is
            // popped, so it does not move.
            to_result(unsafe {
                bindings::virtqueue_add_sgs(
                    queue,
                    sgs.as_mut_ptr(),
                    outputs,
                    inputs,
                    token.cast(),
                    flags,
                )
            })
        });
        ret.unwrap_or(Err(EIO)).map_err(|error| {
            // SAFETY: The queue has not taken the chain, and `token` is the leaked box.
            (error, Chain(unsafe { KBox::from_raw(token) }))
        })
    }

    /// Calls `f` with the queue, unless it was deleted. `f` does not sleep.
    #[inline]
    fn with<R>(&self, f: impl FnOnce(*mut bindings::virtqueue) -> R) -> Option<R> {
        let guard = rcu::read_lock();
        let result = self.rings.exist.load(Relaxed).then(|| f(self.ptr.as_ptr()));
        drop(guard);
        result
    }

    /// Returns a chain that the device has used; C: `virtqueue_get_buf()`.
    ///
    /// # Examples
    ///
    /// ```
    /// # doctests::queue::<u32, _>(|queue| {
    /// assert!(queue.get_buf().is_none());
    /// # Ok(())
    /// # });
    /// ```
    pub fn get_buf(&mut self) -> Option<Chain<T>> {
        self.with(|queue| {
            // SAFETY: The queue is valid, and only this value has it.
            unsafe { Self::get_from(queue) }
        })?
    }

    /// Calls `f` with each chain that the device has used. Cheaper than [`get_buf`](Self::get_buf) for each of
    /// them, because it needs only one RCU read-side critical section. `f` must not sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// # doctests::queue::<u32, _>(|queue| {
    /// let mut sum = 0;
    /// queue.for_each_used(|chain| sum += *chain.data());
    /// assert_eq!(sum, 0);
    /// # Ok(())
    /// # });
    /// ```
    pub fn for_each_used(&mut self, mut f: impl FnMut(Chain<T>)) {
        let guard = rcu::read_lock();
        // The check is repeated, because the section does not protect the queue any more if `f` has slept.
        while self.rings.exist.load(Relaxed) {
            // SAFETY: The queue exists, and nothing has slept since that was checked. Only this value has it.
            let Some(chain) = (unsafe { Self::get_from(self.ptr.as_ptr()) }) else {
                break;
            };
            f(chain);
        }
        drop(guard);
    }

    /// # Safety
    ///
    /// The queue must be that of a value of this type, which was not deleted, and which the caller has.
    #[inline]
    unsafe fn get_from(queue: *mut bindings::virtqueue) -> Option<Chain<T>> {
        let mut used = 0;
        // SAFETY: By the requirements of this function.
        let token = unsafe { bindings::virtqueue_get_buf(queue, &mut used) };
        // SAFETY: The token is from a queue whose buffers are chains of `T`.
        let mut chain = unsafe { Chain::from_token(token) }?;
        chain.0.used = used as usize;
        Some(chain)
    }

    /// Returns whether the device needs a notification of the added chains; C:
    /// `virtqueue_kick_prepare()`.
    ///
    /// # Examples
    ///
    /// ```
    /// # doctests::queue(|queue| {
    /// # queue.add(virtio::Chain::new(b"request", 0, ())?).map_err(|(error, _)| error)?;
    /// if queue.kick_prepare() {
    ///     queue.notify();
    /// }
    /// # Ok(())
    /// # });
    /// ```
    pub fn kick_prepare(&mut self) -> bool {
        self.with(|queue| {
            // SAFETY: The queue is valid, and only this value has it.
            unsafe { bindings::virtqueue_kick_prepare(queue) }
        })
        .unwrap_or(false)
    }

    /// Notifies the device, see [`kick_prepare`](Self::kick_prepare); C: `virtqueue_notify()`.
    pub fn notify(&mut self) {
        self.with(|queue| {
            // SAFETY: The queue is valid, and only this value has it.
            unsafe { bindings::virtqueue_notify(queue) };
        });
    }

    /// Notifies the device of the added chains, if it needs that. Returns whether it was notified. C:
    /// `virtqueue_kick()`.
    ///
    /// # Examples
    ///
    /// ```
    /// # doctests::queue(|queue| {
    /// queue.add(virtio::Chain::new(b"request", 0, ())?).map_err(|(error, _)| error)?;
    /// assert!(queue.kick());
    /// # Ok(())
    /// # });
    /// ```
    pub fn kick(&mut self) -> bool {
        self.with(|queue| {
            // SAFETY: The queue is valid, and only this value has it.
            let is_needed = unsafe { bindings::virtqueue_kick_prepare(queue) };
            if is_needed {
                // SAFETY: As above.
                unsafe { bindings::virtqueue_notify(queue) };
            }
            is_needed
        })
        .unwrap_or(false)
    }

    /// Asks the device not to interrupt, which is only a hint. C: `virtqueue_disable_cb()`.
    pub fn disable_cb(&mut self) {
        self.with(|queue| {
            // SAFETY: The queue is valid, and only this value has it.
            unsafe { bindings::virtqueue_disable_cb(queue) };
        });
    }

    /// Asks the device to interrupt. Returns false if there are used chains, for which it may not
    /// interrupt. C: `virtqueue_enable_cb()`.
    ///
    /// # Examples
    ///
    /// ```
    /// # doctests::queue::<u32, _>(|queue| {
    /// queue.disable_cb();
    /// loop {
    ///     while let Some(chain) = queue.get_buf() {
    ///         // Handle the response.
    ///     }
    ///     if queue.enable_cb() {
    ///         break;
    ///     }
    /// }
    /// # Ok(())
    /// # });
    /// ```
    pub fn enable_cb(&mut self) -> bool {
        self.with(|queue| {
            // SAFETY: The queue is valid, and only this value has it.
            unsafe { bindings::virtqueue_enable_cb(queue) }
        })
        .unwrap_or(true)
    }

    /// Returns the number of free descriptors.
    ///
    /// # Examples
    ///
    /// ```
    /// # doctests::queue::<(), _>(|queue| {
    /// assert_eq!(queue.free(), queue.size());
    /// queue.add(virtio::Chain::new(b"request", 0, ())?).map_err(|(error, _)| error)?;
    /// assert_eq!(queue.free(), queue.size() - 1);
    /// # Ok(())
    /// # });
    /// ```
    pub fn free(&self) -> usize {
        self.with(|queue| {
            // SAFETY: The queue is valid.
            unsafe { (*queue).num_free as usize }
        })
        .unwrap_or(0)
    }

    /// Returns whether a chain takes only a single descriptor of the ring, if memory can be
    /// allocated for an indirect table.
    pub fn has_indirect(&self) -> bool {
        self.has_indirect
    }

    /// Returns the number of descriptors; C: `virtqueue_get_vring_size()`.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Returns whether the device has used a buffer that it does not have, or otherwise broken the
    /// protocol, or whether the queue was deleted; C: `virtqueue_is_broken()`.
    ///
    /// # Examples
    ///
    /// ```
    /// # doctests::queue::<u32, _>(|queue| {
    /// assert!(!queue.is_broken());
    /// # Ok(())
    /// # });
    /// ```
    pub fn is_broken(&self) -> bool {
        self.with(|queue| {
            // SAFETY: The queue is valid.
            unsafe { bindings::virtqueue_is_broken(queue) }
        })
        .unwrap_or(true)
    }
}

/// The `N` running queues of a device. They end with [`stop`](Virtqueues::stop).
///
/// The queues belong to the binding of the device. If a driver has dropped or forgotten the transport
/// instead of stopping it, they end when the driver leaves the device: after
/// [`remove`](crate::Driver::remove), or after a probe that fails. The same happens then as in
/// [`stop`](Virtqueues::stop), and the chains are dropped.
///
/// # Invariants
///
/// `rings` are the `N` queues that [`find_vqs`](Device::find_vqs) has found with a handler of `H`.
///
/// # Context
///
/// Its functions may sleep.
pub struct Virtqueues<H: Interrupt, const N: usize> {
    rings: Arc<Rings>,
    _handler: PhantomData<H>,
}

extern "C" fn interrupt_callback<H: Interrupt>(vq: *mut bindings::virtqueue) {
    // SAFETY: The ring calls this with a valid queue.
    let vdev = unsafe { (*vq).vdev };
    // SAFETY: As above.
    let index = unsafe { (*vq).index };
    // SAFETY: The queue's device is valid. `priv` is only written while there are no queues.
    let handler = unsafe { (*vdev).priv_ }.cast::<H>();
    // SAFETY: The handler is set before the queues are found, and is dropped after they were deleted.
    unsafe { &*handler }.vq_callback(index as usize);
}

/// Resets a device and deletes its queues. Calls `reclaim` with each chain that the device still held
/// and the number of its queue. Drops the handler.
///
/// # Safety
///
/// `rings` must be all queues of the device. They must exist, have the handler `H`, and carry chains of
/// `T`. Nothing else may use them, and they must not be used after this.
unsafe fn end<H: Interrupt, T: Send>(
    dev: &Device<Bound>,
    rings: &Rings,
    mut reclaim: impl FnMut(usize, Chain<T>),
) {
    let vdev = dev.as_raw();
    // SAFETY: The device is bound. After the reset, it accesses no memory.
    unsafe { bindings::virtio_reset_device(vdev) };
    // Interrupts that came before the reset may still be handled.
    // SAFETY: The device is bound.
    unsafe { bindings::helper_virtio_synchronize_cbs(vdev) };
    for (index, queue) in rings.queues.iter().map(|queue| queue.as_ptr()).enumerate() {
        let mut used = 0;
        loop {
            // SAFETY: The queue is valid, and nothing else uses it.
            let mut token = unsafe { bindings::virtqueue_get_buf(queue, &mut used) };
            if token.is_null() {
                // SAFETY: As above, and the device was reset, as the function requires.
                token = unsafe { bindings::virtqueue_detach_unused_buf(queue) };
            }
            // SAFETY: The token is from this queue.
            let Some(chain) = (unsafe { Chain::from_token(token) }) else {
                break;
            };
            reclaim(index, chain);
        }
    }
    // SAFETY: The device was reset, and by the requirements of this function nothing uses its queues.
    unsafe { bindings::helper_virtio_del_vqs(vdev) };
    // SAFETY: The device is valid.
    let handler = unsafe { (*vdev).priv_ }.cast::<H>();
    // SAFETY: `start` has leaked it. The queues were deleted, so nothing calls it any more.
    drop(unsafe { KBox::from_raw(handler) });
}

/// Does the same for queues that the driver has not stopped, and drops the chains.
///
/// # Safety
///
/// The requirements of [`end`].
unsafe fn end_forgotten<H: Interrupt, T: Send>(dev: &Device<Bound>, rings: &Rings) {
    // SAFETY: By the requirements of this function.
    unsafe { end::<H, T>(dev, rings, |_, chain| drop(chain)) };
}

impl Device<Bound> {
    /// Finds the device's queues and marks the device as ready. The names are for debugging.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the device has queues already, or if they are being started or stopped; `ENODEV` if
    /// the driver leaves the device; `ENOMEM`, `ENOENT` if it has fewer queues. C: `virtio_find_vqs()`.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// use virtio::{Interrupt, Virtqueue};
    ///
    /// struct Handler;
    ///
    /// impl Interrupt for Handler {
    ///     fn vq_callback(&self, _queue: usize) {}
    /// }
    ///
    /// # doctests::probe(|dev| {
    /// let (all, queues): (_, [Virtqueue<u32>; 2]) =
    ///     dev.find_vqs([c"control", c"cursor"], Handler)?;
    ///
    /// // The device has queues now.
    /// assert!(matches!(dev.find_vqs::<u32, _, 1>([c"control"], Handler), Err(EBUSY)));
    /// all.stop(dev, queues, |_queue, _chain| ());
    /// # Ok(())
    /// # });
    /// ```
    pub fn find_vqs<T: Send, H: Interrupt, const N: usize>(
        &self,
        names: [&'static CStr; N],
        handler: H,
    ) -> Result<(Virtqueues<H, N>, [Virtqueue<T>; N])> {
        let handler = KBox::new(handler, GFP_KERNEL)?;
        let mut queues = KVec::with_capacity(N, GFP_KERNEL)?;
        let claim = Claim::to_start(self)?;
        let handler = KBox::into_raw(handler);
        let mut infos = names.map(|name| bindings::virtqueue_info {
            name: name.as_char_ptr(),
            callback: Some(interrupt_callback::<H>),
            ctx: false,
        });
        let mut found = [core::ptr::null_mut(); N];
        let vdev = self.as_raw();

        // SAFETY: The device is bound. It has no queues that use `priv`, because they were claimed.
        unsafe { (*vdev).priv_ = handler.cast() };
        // SAFETY: The device is bound, and the handler was set above, before there are interrupts.
        let ret = to_result(unsafe {
            bindings::helper_virtio_find_vqs(vdev, N as u32, found.as_mut_ptr(), infos.as_mut_ptr())
        });
        if let Err(error) = ret {
            // SAFETY: No queue exists that could use the handler, and it is the box that was leaked
            // above.
            drop(unsafe { KBox::from_raw(handler) });
            return Err(error);
        }
        let rings = found
            .iter()
            // `virtio_find_vqs()` sets every queue that has a name.
            .try_for_each(|queue| {
                queues.push(NonNull::new(*queue).ok_or(ENOENT)?, GFP_KERNEL)?;
                Ok(())
            })
            .and_then(|()| {
                // INVARIANT: The queues were found above.
                let rings = Rings {
                    exist: Atomic::new(true),
                    queues,
                };
                Ok(Arc::new(rings, GFP_KERNEL)?)
            });
        let rings = match rings {
            Ok(rings) => rings,
            Err(error) => {
                // SAFETY: The device is bound and is not ready. Nothing else knows its queues.
                unsafe { bindings::helper_virtio_del_vqs(vdev) };
                // SAFETY: The queues were deleted, and it is the box that was leaked above.
                drop(unsafe { KBox::from_raw(handler) });
                return Err(error);
            }
        };
        // SAFETY: The device is bound, and its queues were found.
        unsafe { bindings::helper_virtio_device_ready(vdev) };

        let queues = core::array::from_fn(|index| Virtqueue {
            // INVARIANT: Each of the queues gets one value.
            ptr: rings.queues[index],
            rings: rings.clone(),
            has_indirect: self.has_feature(F_INDIRECT_DESC),
            // SAFETY: The queue was found above.
            size: unsafe { bindings::virtqueue_get_vring_size(rings.queues[index].as_ptr()) }
                as usize,
            _chains: PhantomData,
        });
        // Comes last, because the queues may be deleted after that.
        // SAFETY: These are all queues of the device, and they were found with the handler `H`. Only the
        // `Virtqueue`s above add chains, which are of `T`.
        unsafe { claim.started(rings.clone(), end_forgotten::<H, T>) };
        // INVARIANT: The queues were found above, with the handler.
        let all = Virtqueues {
            rings,
            _handler: PhantomData,
        };
        Ok((all, queues))
    }
}

impl<H: Interrupt, const N: usize> Virtqueues<H, N> {
    /// Resets the device and deletes all queues. Calls `reclaim` with each chain that the device
    /// still held and the number of its queue.
    ///
    /// Does nothing if device or queues are not those of [`find_vqs`](Device::find_vqs), or if the driver has
    /// left the device, and the queues ended then.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// # use virtio::{Chain, Interrupt};
    /// # struct Handler;
    /// # impl Interrupt for Handler {
    /// #     fn vq_callback(&self, _queue: usize) {}
    /// # }
    /// # doctests::probe(|dev| {
    /// let (all, mut queues) = dev.find_vqs([c"control"], Handler)?;
    /// let chain = Chain::new(b"request", 8, "data of the driver")?;
    /// queues[0].add(chain).map_err(|(error, _chain)| error)?;
    ///
    /// // The device has not used the chain.
    /// let mut left = 0;
    /// all.stop(dev, queues, |queue, chain| {
    ///     assert_eq!((queue, *chain.data()), (0, "data of the driver"));
    ///     left += 1;
    /// });
    /// assert_eq!(left, 1);
    /// # Ok(())
    /// # });
    /// ```
    pub fn stop<T: Send>(
        self,
        dev: &Device<Bound>,
        queues: [Virtqueue<T>; N],
        reclaim: impl FnMut(usize, Chain<T>),
    ) {
        let ours = |queue: &Virtqueue<T>| Arc::ptr_eq(&queue.rings, &self.rings);
        if !queues.iter().all(ours) {
            dev_err!(dev, "stopped with the queues of another device\n");
            return;
        }
        let Some(claim) = Claim::to_stop(dev, &self.rings) else {
            return;
        };
        self.rings.exist.store(false, Relaxed);
        // SAFETY: These are all queues of the device, because the transport is the one that runs. They
        // have the handler `H`, and by the type of `queues` they carry chains of `T`. `queues` are all
        // values that have them, and are not used any more.
        unsafe { end::<H, T>(dev, &self.rings, reclaim) };
        drop(queues);
        drop(claim);
    }
}
