// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Locks of data that softirqs use.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)
use drm_bindings as bindings;
use kernel::{
    ffi::c_char,
    sync::lock::{Backend, Lock},
};

/// A spin lock that is also taken in softirqs, for example in works of
/// [`system_bh()`](kernel::workqueue::system_bh). While it is held, no softirq runs on the CPU. The C counterpart
/// is `spinlock_t` with `spin_lock_bh()`.
///
/// [`new_spinlock_bh!`](crate::new_spinlock_bh) makes one.
///
/// # Context
///
/// Process context and softirqs. Only `try_lock()` may be called with interrupts disabled.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use virtio::{lock::SpinLockBh, new_spinlock_bh};
///
/// #[pin_data]
/// struct Counter {
///     #[pin]
///     answers: SpinLockBh<u32>,
/// }
///
/// let counter = KBox::pin_init(
///     pin_init!(Counter {
///         answers <- new_spinlock_bh!(0),
///     }),
///     GFP_KERNEL,
/// )?;
/// *counter.answers.lock() += 1;
/// assert_eq!(counter.answers.try_lock().map(|answers| *answers), Some(1));
/// # Ok::<(), Error>(())
/// ```
pub type SpinLockBh<T> = Lock<T, SpinLockBhBackend>;

/// The backend of [`SpinLockBh`].
///
/// # Context
///
/// That of [`SpinLockBh`].
pub struct SpinLockBhBackend;

/// Whether the owner of a lock has to let softirqs run when it unlocks.
///
/// # Context
///
/// That of [`SpinLockBh`].
pub struct GuardState {
    has_disabled: bool,
}

// SAFETY: The functions of `spinlock_t` exclude other owners. `unlock` does the opposite of what the function did
// that has made the guard's state.
unsafe impl Backend for SpinLockBhBackend {
    type State = kernel::bindings::spinlock_t;
    type GuardState = GuardState;

    unsafe fn init(
        ptr: *mut Self::State,
        name: *const c_char,
        key: *mut kernel::bindings::lock_class_key,
    ) {
        // SAFETY: By the requirements of this function.
        unsafe { kernel::bindings::__spin_lock_init(ptr, name, key) }
    }

    #[inline]
    unsafe fn lock(ptr: *mut Self::State) -> GuardState {
        // SAFETY: By the requirements of this function.
        unsafe { bindings::helper_spin_lock_bh(ptr.cast()) }
        GuardState { has_disabled: true }
    }

    #[inline]
    unsafe fn try_lock(ptr: *mut Self::State) -> Option<GuardState> {
        // With interrupts disabled, as in a panic, there are no softirqs, and they must not be enabled.
        // SAFETY: The function has no requirements.
        let has_disabled = !unsafe { bindings::helper_irqs_disabled() };
        let is_locked = if has_disabled {
            // SAFETY: By the requirements of this function.
            unsafe { bindings::helper_spin_trylock_bh(ptr.cast()) }
        } else {
            // SAFETY: As above.
            unsafe { kernel::bindings::spin_trylock(ptr) != 0 }
        };
        is_locked.then_some(GuardState { has_disabled })
    }

    #[inline]
    unsafe fn unlock(ptr: *mut Self::State, state: &GuardState) {
        if state.has_disabled {
            // SAFETY: By the requirements of this function.
            unsafe { bindings::helper_spin_unlock_bh(ptr.cast()) }
        } else {
            // SAFETY: As above.
            unsafe { kernel::bindings::spin_unlock(ptr) }
        }
    }

    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // SAFETY: By the requirements of this function.
        unsafe { kernel::bindings::spin_assert_is_held(ptr) }
    }
}

/// Makes a [`SpinLockBh`](crate::lock::SpinLockBh) with the given data, which has its own class in lockdep.
///
/// # Context
///
/// That of [`SpinLockBh`](crate::lock::SpinLockBh).
#[macro_export]
macro_rules! new_spinlock_bh {
    ($inner:expr $(,)?) => {
        $crate::lock::SpinLockBh::new(
            $inner,
            kernel::optional_name!(),
            kernel::static_lock_class!(),
        )
    };
}
