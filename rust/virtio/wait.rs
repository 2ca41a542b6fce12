// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Waiting for a condition, with a time limit.
use drm_bindings as bindings;
use kernel::{prelude::*, types::Opaque};

/// The time, in jiffies since some moment; wraps around.
pub fn jiffies() -> usize {
    // SAFETY: The kernel's clock can be read at any time.
    unsafe { (&raw const kernel::bindings::jiffies).read_volatile() }
}

/// Seconds to wait for a host's answer to a command: the module parameter `command_timeout`, as it
/// is now.
pub fn command_timeout() -> u32 {
    // SAFETY: Reads a variable that is always there.
    unsafe { bindings::helper_command_timeout() }
}

/// Threads that wait for something to become true; the C counterpart is `wait_queue_head_t`.
#[pin_data]
pub struct WaitQueue {
    #[pin]
    head: Opaque<kernel::bindings::wait_queue_head>,
}

// SAFETY: A wait queue may be used from any thread; it has its own lock.
unsafe impl Send for WaitQueue {}
// SAFETY: As above.
unsafe impl Sync for WaitQueue {}

impl WaitQueue {
    /// An empty queue.
    pub fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            head <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is memory for a wait queue; the lock class is static.
                unsafe {
                    kernel::bindings::__init_waitqueue_head(
                        slot,
                        c"virtio::WaitQueue".as_char_ptr(),
                        kernel::static_lock_class!().as_ptr(),
                    )
                }
            }),
        })
    }

    /// Wakes everybody, to look at their conditions again.
    pub fn wake_all(&self) {
        // SAFETY: The queue is initialized.
        unsafe {
            kernel::bindings::__wake_up(
                self.head.get(),
                bindings::TASK_NORMAL,
                0,
                core::ptr::null_mut(),
            );
        }
    }

    /// Waits until `condition` holds, for at most `timeout` jiffies, and tells whether it does.
    ///
    /// Whoever makes the condition true has to call [`wake_all`](Self::wake_all) afterwards.
    /// Sleeps, without regard to signals. C: `wait_event_timeout()`.
    pub fn wait_timeout(&self, timeout: usize, condition: impl FnMut() -> bool) -> bool {
        self.wait_in(bindings::TASK_UNINTERRUPTIBLE, timeout, condition)
            .unwrap_or(false)
    }

    /// As [`wait_timeout`](Self::wait_timeout), until the task is killed.
    ///
    /// # Errors
    ///
    /// `ERESTARTSYS` when it is. C: `wait_event_killable_timeout()`.
    pub fn wait_killable(&self, timeout: usize, condition: impl FnMut() -> bool) -> Result<bool> {
        self.wait_in(bindings::TASK_KILLABLE, timeout, condition)
    }

    /// As [`wait_timeout`](Self::wait_timeout), however long it takes; C: `wait_event()`.
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
        // SAFETY: `entry` stays where it is until `finish_wait()`.
        unsafe { kernel::bindings::init_wait_entry(entry.get(), 0) };
        let done = loop {
            // SAFETY: Queue and entry are initialized.
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
            // SAFETY: We are a thread that may sleep.
            left = unsafe { kernel::bindings::schedule_timeout(left) };
        };
        // SAFETY: `entry` was prepared above.
        unsafe { kernel::bindings::finish_wait(self.head.get(), entry.get()) };
        done
    }
}
