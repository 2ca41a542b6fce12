// SPDX-License-Identifier: GPL-2.0
//! The device, as all parts know it.
//!
//! `parts.rs` puts its data together: each part has a struct of its own. A part uses those below it. What
//! it needs from those above it is a trait, `Callbacks`, which `parts.rs` implements for [`VirtGpu`].
use drm::gem::shmem;

/// The DRM driver.
pub(crate) struct VirtGpu;

pub(crate) type Device = drm::Device<VirtGpu>;

/// An open file.
pub(crate) struct VirtGpuFile;

/// A buffer object.
pub(crate) type Object = shmem::Object<<VirtGpu as drm::Driver>::Object>;

/// Why the driver resets the device; `reset.rs` says what follows from each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nothing was answered since a question was asked.
    Dead,
    /// The question was answered, but not what came before it, or something could not be sent.
    Forgetful,
    /// The ring is in a state that the protocol does not have.
    Broken,
    /// The device's status has NEEDS_RESET.
    Asked,
    /// A command that gives memory back could not be sent, and not for lack of room in the ring.
    KeptBack,
}

/// The device's works, by number.
pub(crate) mod work {
    /// Takes answers off the control queue.
    pub(crate) const CONTROL: u64 = 1;
    /// Takes answers off the cursor queue.
    pub(crate) const CURSOR: u64 = 2;
    /// Acts on a change of the device's configuration.
    pub(crate) const HOTPLUG: u64 = 3;
    /// Resets the device.
    pub(crate) const RESET: u64 = 4;
    /// Shows again what is committed.
    pub(crate) const REDRAW: u64 = 5;
    /// Moves cursors that moved too soon.
    pub(crate) const LATE_CURSOR: u64 = 6;
    /// Judges a device that was asked whether it is alive.
    pub(crate) const JUDGE: u64 = 7;
}
