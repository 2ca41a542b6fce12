// SPDX-License-Identifier: GPL-2.0
//! The ground floor: the types of the device that all parts use.
//!
//! Each part has a struct of its own, and `parts.rs` puts them together. A part uses the parts
//! below it. What it needs from the parts above it is a trait, `Callbacks`, which `parts.rs`
//! implements for [`VirtGpu`].

/// The DRM driver.
pub(crate) struct VirtGpu;

pub(crate) type Device = drm::Device<VirtGpu>;

/// An open file.
pub(crate) type VirtGpuFile = <VirtGpu as drm::Driver>::File;

/// A buffer object.
pub(crate) type Object = <VirtGpu as drm::Driver>::Object;

/// Why the driver resets the device. `reset.rs` has the rules for each cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The device was asked whether it is alive, and has answered nothing since.
    Dead,
    /// The device has answered that it is alive, but it lost earlier commands, or a command could
    /// not be sent.
    Forgetful,
    /// The ring is in a state that the protocol does not have.
    Broken,
    /// The device's status has NEEDS_RESET.
    Asked,
    /// A command whose end frees memory could not be sent, for another reason than a full ring.
    KeptBack,
}

/// The numbers of the device's works.
pub(crate) mod work {
    /// Takes finished commands off the control queue, in softirq.
    pub(crate) const CONTROL: u64 = 1;
    /// Takes finished commands off the cursor queue.
    pub(crate) const CURSOR: u64 = 2;
    /// Handles a change of the device's configuration.
    pub(crate) const CONFIG: u64 = 3;
    /// Resets the device.
    pub(crate) const RESET: u64 = 4;
    /// Shows again what is committed.
    pub(crate) const REDRAW: u64 = 5;
    /// Sends the moves of cursors that were held back.
    pub(crate) const LATE_CURSOR: u64 = 6;
    /// Decides whether a device that was asked is alive.
    pub(crate) const JUDGE: u64 = 7;
    /// The same at once, because the device has answered.
    pub(crate) const ANSWERED: u64 = 8;
    /// Has the host destroy contexts that are not used any more.
    pub(crate) const CONTEXTS: u64 = 9;
    /// Looks for late fences.
    pub(crate) const FENCES: u64 = 10;
    /// Drops buffer objects to which the host has written.
    pub(crate) const ARRIVALS: u64 = 11;
    /// Frees the pages of buffer objects that the host no longer uses.
    pub(crate) const REMAINS: u64 = 12;
    /// Ends commands of the control queue whose end may sleep.
    pub(crate) const FINISH: u64 = 13;
}
