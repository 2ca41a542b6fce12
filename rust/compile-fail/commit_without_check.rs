// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver makes up a commit that nobody has checked.
//!
//! expect: E0423: cannot initialize a tuple struct which contains private fields
use core::marker::PhantomData;
use drm::kms::atomic::AtomicCommit;

/// A commit out of nothing.
pub fn commit_without_check() -> AtomicCommit<'static> {
    AtomicCommit(core::ptr::null_mut(), PhantomData)
}
