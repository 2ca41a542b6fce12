// SPDX-License-Identifier: GPL-2.0
//! The virtio GPU driver, in the same rooms as the C one in `drm/`.
//!
//! There is no `unsafe` here: it all is in the crates `drm` and `virtio`.
#![forbid(unsafe_code)]

mod cmd;
mod connector;
mod cursor;
mod damage;
mod debugfs;
#[cfg(kunit)]
mod drm_tests;
mod drv;
mod fb;
mod format;
mod gem;
mod hotplug;
mod image;
mod ioctl;
mod kms;
mod life;
mod output;
mod panic;
mod pm;
mod primary;
mod queue;
mod reset;
mod resource;

use drv::VirtGpuDriver;
#[cfg(kunit)]
use kunit::module;
#[cfg(not(kunit))]
use virtio::module_virtio_driver as module;

#[cfg(kunit)]
static SUITES: &[&kunit::Suite] = &[
    &cmd::tests::SUITE,
    &connector::tests::SUITE,
    &cursor::tests::SUITE,
    &damage::tests::SUITE,
    &drm_tests::SUITE,
    &format::tests::SUITE,
    &hotplug::tests::SUITE,
    &ioctl::tests::SUITE,
    &life::tests::SUITE,
    &output::tests::SUITE,
    &queue::tests::SUITE,
    &reset::tests::SUITE,
    &resource::tests::SUITE,
];

module! {
    type: VirtGpuDriver,
    name: "virtgpu_rs",
    authors: ["The virtgpu authors"],
    description: "Virtio GPU driver in Rust",
    license: "GPL",
    params: {
        modeset: i32 {
            default: -1,
            description: "1 to drive the device, 0 not to, -1 unless booted with nomodeset (default)",
        },
    },
}
