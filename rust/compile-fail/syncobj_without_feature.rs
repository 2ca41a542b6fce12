// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver without syncobjs looks one up in a file, which has no table of them.
//!
//! expect: E0080: evaluation of `drm::syncobj::assert_syncobjs::<drm::file::PlainFile<small::Small>>::{constant#0}` failed
use drm::{file::PlainFile, syncobj::SyncObj, File};
use kernel::{prelude::*, sync::aref::ARef};

mod small;
pub use small::*;

/// Looks up a syncobj in a table that was not initialized.
pub fn syncobj_without_feature(file: &File<PlainFile<Small>>) -> Result<ARef<SyncObj>> {
    SyncObj::lookup_handle(file, 1)
}
