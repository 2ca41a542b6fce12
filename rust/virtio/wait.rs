// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Wait queues, and the time in jiffies.
use drm_bindings as bindings;
use kernel::{prelude::*, types::Opaque};

/// Returns the current time in jiffies. It wraps around.
///
/// # Context
///
/// Any.
///
/// # Examples
///
/// ```
/// let start = virtio::wait::jiffies();
/// assert!(virtio::wait::jiffies().wrapping_sub(start) < usize::MAX / 2);
/// ```
pub fn jiffies() -> usize {
    let jiffies = &raw const kernel::bindings::jiffies;
    // SAFETY: The variable always exists, and may be read at any time.
    unsafe { jiffies.read_volatile() }
}

/// A queue of threads that wait for a condition; the C counterpart is `wait_queue_head_t`.
///
/// # Invariants
///
/// `head` is initialized.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use kernel::sync::{atomic::{Atomic, Relaxed}, Arc};
/// use virtio::wait::WaitQueue;
///
/// #[pin_data]
/// struct Answer {
///     #[pin]
///     queue: WaitQueue,
///     value: Atomic<u32>,
/// }
///
/// let answer = Arc::pin_init(
///     pin_init!(Answer {
///         queue <- WaitQueue::new(),
///         value: Atomic::new(0),
///     }),
///     GFP_KERNEL,
/// )?;
/// let sender = answer.clone();
/// kernel::workqueue::system().try_spawn(GFP_KERNEL, move || {
///     sender.value.store(42, Relaxed);
///     sender.queue.wake_all();
/// })?;
/// answer.queue.wait(|| answer.value.load(Relaxed) != 0);
/// assert_eq!(answer.value.load(Relaxed), 42);
/// # Ok::<(), Error>(())
/// ```
#[pin_data]
pub struct WaitQueue {
    #[pin]
    head: Opaque<kernel::bindings::wait_queue_head>,
}

/// Initializes a wait queue. Not generic, because lockdep wants one name for its class, and each crate that
/// makes wait queues would have a copy of the name.
///
/// # Safety
///
/// `slot` must be memory for a wait queue.
#[inline(never)]
unsafe fn init(slot: *mut kernel::bindings::wait_queue_head) {
    let class = kernel::static_lock_class!().as_ptr();
    // SAFETY: By the requirements of this function. The name and the class are static.
    unsafe {
        kernel::bindings::__init_waitqueue_head(slot, c"virtio::WaitQueue".as_char_ptr(), class)
    }
}

// SAFETY: A wait queue may be used on any thread, and it has its own lock.
unsafe impl Send for WaitQueue {}
// SAFETY: As above.
unsafe impl Sync for WaitQueue {}

impl WaitQueue {
    /// Creates an empty queue; C: `init_waitqueue_head()`.
    ///
    /// # Context
    ///
    /// Any. The initializer does not sleep.
    pub fn new() -> impl PinInit<Self> {
        // INVARIANT: It is initialized here.
        pin_init!(Self {
            head <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is memory for a wait queue.
                unsafe { init(slot) }
            }),
        })
    }

    /// Wakes all threads, which then check their conditions again. C: `wake_up_all()`.
    ///
    /// # Context
    ///
    /// Any.
    pub fn wake_all(&self) {
        // SAFETY: By the type's invariants.
        unsafe {
            kernel::bindings::__wake_up(
                self.head.get(),
                bindings::TASK_NORMAL,
                0,
                core::ptr::null_mut(),
            );
        }
    }

    /// Waits until `condition` is true, for at most `timeout` jiffies. Returns whether it is true.
    ///
    /// [`wake_all`](Self::wake_all) has to be called after the condition has become true. Signals do
    /// not interrupt the wait. C: `wait_event_timeout()`.
    ///
    /// # Context
    ///
    /// May sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// # use virtio::wait::WaitQueue;
    /// let queue = KBox::pin_init(WaitQueue::new(), GFP_KERNEL)?;
    /// assert!(queue.wait_timeout(1, || true));
    /// assert!(!queue.wait_timeout(1, || false));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn wait_timeout(&self, timeout: usize, condition: impl FnMut() -> bool) -> bool {
        self.wait_in(bindings::TASK_UNINTERRUPTIBLE, timeout, condition)
            .unwrap_or(false)
    }

    /// Does the same as [`wait_timeout`](Self::wait_timeout), until the task is killed.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` if the task is killed. C: `wait_event_killable_timeout()`.
    ///
    /// # Context
    ///
    /// May sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// # use virtio::wait::WaitQueue;
    /// let queue = KBox::pin_init(WaitQueue::new(), GFP_KERNEL)?;
    /// assert_eq!(queue.wait_killable(1, || true), Ok(true));
    /// assert_eq!(queue.wait_killable(1, || false), Ok(false));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn wait_killable(&self, timeout: usize, condition: impl FnMut() -> bool) -> Result<bool> {
        self.wait_in(bindings::TASK_KILLABLE, timeout, condition)
    }

    /// Waits until `condition` is true or a signal comes.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` for a signal. C: `wait_event_interruptible()`.
    ///
    /// # Context
    ///
    /// May sleep.
    ///
    /// # Examples
    ///
    /// ```
    /// # use kernel::prelude::*;
    /// # use virtio::wait::WaitQueue;
    /// let queue = KBox::pin_init(WaitQueue::new(), GFP_KERNEL)?;
    /// assert_eq!(queue.wait_interruptible(|| true), Ok(()));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn wait_interruptible(&self, condition: impl FnMut() -> bool) -> Result {
        self.wait_in(bindings::TASK_INTERRUPTIBLE, isize::MAX as usize, condition)
            .map(drop)
    }

    /// Waits until `condition` is true, without a time limit; C: `wait_event()`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn wait(&self, condition: impl FnMut() -> bool) {
        self.wait_timeout(isize::MAX as usize, condition);
    }

    fn wait_in(
        &self,
        state: u32,
        timeout: usize,
        mut condition: impl FnMut() -> bool,
    ) -> Result<bool> {
        let mut left = timeout as kernel::ffi::c_long;

        if condition() {
            return Ok(true);
        }
        let entry: Opaque<kernel::bindings::wait_queue_entry> = Opaque::uninit();
        // SAFETY: `entry` is a local variable that does not move before `finish_wait()`.
        unsafe { kernel::bindings::init_wait_entry(entry.get(), 0) };
        let done = loop {
            // SAFETY: Queue and entry are initialized, and the entry is on no other queue.
            let interrupted = unsafe {
                kernel::bindings::prepare_to_wait_event(self.head.get(), entry.get(), state as i32)
            };
            if condition() {
                break Ok(true);
            }
            if interrupted != 0 {
                break Err(ERESTARTSYS);
            }
            if left == 0 {
                break Ok(false);
            }
            // SAFETY: The functions that call this require a context that may sleep.
            left = unsafe { kernel::bindings::schedule_timeout(left) };
        };
        // SAFETY: `entry` was added to the queue above.
        unsafe { kernel::bindings::finish_wait(self.head.get(), entry.get()) };
        done
    }
}
