// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Synchronization of the users of buffers: fences, files of fences, and reservations.
//!
//! C documentation: <https://docs.kernel.org/driver-api/dma-buf.html>
mod dma_fence;
mod driver_fence;
mod reservation;
pub mod sync_file;
pub(crate) mod unsignalled;

pub use dma_fence::{Fence, FenceChain, SingleFence};
pub use driver_fence::{DriverFence, DriverFenceAllocation, FenceContext, FenceContextOps};
pub use reservation::{reserve, Reserved, Usage};
