// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The current task.
//!
//! C header: [`include/linux/sched.h`](srctree/include/linux/sched.h)
use drm_bindings as bindings;

const SIZE: usize = 16;

/// The name of a task.
///
/// # Context
///
/// No method sleeps.
pub struct Name([u8; SIZE]);

impl Name {
    /// Returns the bytes of the name, without the zero at its end.
    ///
    /// # Examples
    ///
    /// ```
    /// let name = drm::task::current_name();
    /// assert!(name.as_bytes().len() < 16);
    /// assert!(!name.as_bytes().contains(&0));
    /// ```
    pub fn as_bytes(&self) -> &[u8] {
        let len = self.0.iter().position(|byte| *byte == 0);
        &self.0[..len.unwrap_or(SIZE)]
    }
}

/// Returns the name of the current task, for debugging; C: `get_task_comm()`.
///
/// # Context
///
/// Any.
///
/// # Examples
///
/// ```
/// let name = drm::task::current_name();
/// assert!(!name.as_bytes().is_empty());
/// ```
pub fn current_name() -> Name {
    let mut name = [0; SIZE];
    // SAFETY: The array has the size of a name.
    unsafe { bindings::helper_get_current_comm(name.as_mut_ptr().cast()) };
    Name(name)
}
