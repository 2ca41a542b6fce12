// SPDX-License-Identifier: GPL-2.0
//! The virtio GPU driver.
//!
//! It has the same parts as the C driver in `drm/`: transport, memory, display and render.
//! `parts.rs` puts them together. docs/architecture.md has an overview.
//!
//! The driver has no `unsafe`: all of it is in the crates `drm` and `virtio`.
#![forbid(unsafe_code)]

mod debugfs;
mod device;
#[cfg(kunit)]
mod device_tests;
mod display;
#[cfg(kunit)]
mod dma_buf_tests;
#[cfg(kunit)]
mod drm_tests;
mod drv;
mod gpu;
mod life;
mod memory;
mod parts;
mod pm;
mod render;
mod reset;
mod transport;
#[cfg(kunit)]
mod virtio_tests;
#[cfg(kunit)]
mod window_tests;

use drv::VirtGpuDriver;
#[cfg(kunit)]
use kunit::module;
#[cfg(not(kunit))]
use virtio::module_virtio_driver as module;

#[cfg(kunit)]
static SUITES: &[&kunit::Suite] = &[
    &device_tests::SUITE,
    &display::connector::tests::SUITE,
    &display::cursor::tests::SUITE,
    &display::damage::tests::SUITE,
    &display::hotplug::tests::SUITE,
    &display::output::tests::SUITE,
    &display::swapchain::tests::SUITE,
    &doctests::drm_suite::SUITE,
    &doctests::virtio_suite::SUITE,
    &dma_buf_tests::SUITE,
    &drm_tests::SUITE,
    &life::tests::SUITE,
    &memory::blob::tests::SUITE,
    &memory::format::tests::SUITE,
    &memory::resource::tests::SUITE,
    &render::capset::tests::SUITE,
    &render::context::tests::SUITE,
    &render::fence::tests::SUITE,
    &render::ioctl::tests::SUITE,
    &render::submit::tests::SUITE,
    &render::timeline::tests::SUITE,
    &reset::tests::SUITE,
    &transport::encode::tests::SUITE,
    &transport::irq::tests::SUITE,
    &transport::queue::tests::SUITE,
    &virtio_tests::SUITE,
    &window_tests::SUITE,
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
