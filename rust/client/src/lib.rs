// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The virtio GPU for programs.
//!
//! This crate has the ioctls of the DRM driver `virtio_gpu`, without `unsafe` for its users: buffers of all
//! kinds, transfers, contexts, command streams, fences and capsets. It works with the kernel's own driver and
//! with both drivers of this repository, which have the same ioctls.
//!
//! What all DRM drivers have is in the crate [`drm`]: mode setting, dumb buffers, PRIME, syncobjs. A [`Device`]
//! implements its traits.
//!
//! | to | use |
//! |---|---|
//! | find a device | [`Device::first`], [`Device::with_capset`], [`Device::open`], [`devices`] |
//! | know what it can do | [`Device::features`], [`Device::capset`] |
//! | create a buffer | [`Texture`], [`Blob`] |
//! | access its memory | [`BufferObject::map`] |
//! | copy it from and to the host | [`Transfer`] |
//! | send commands to a renderer | [`ContextBuilder`], [`Submission`] |
//! | wait for the renderer | [`BufferObject::wait`], [`Fence`], [`Device::read_events`] |
//! | know who uses how much memory | [`usage`] |
//!
//! # Examples
//!
//! ```no_run
//! use virtgpu::{Device, Texture};
//!
//! # fn main() -> virtgpu::Result<()> {
//! let device = Device::first()?;
//! let buffer = device.create_texture(&Texture::image(virtgpu::Format::B8G8R8X8, 64, 64))?;
//! let mut pixels = buffer.map::<u32>()?;
//! pixels.fill(0x00ff_8000);
//! # Ok(())
//! # }
//! ```
#[cfg(test)]
mod answers;
mod buffer;
pub mod capset;
mod context;
mod device;
mod discovery;
mod error;
mod event;
mod features;
mod fence;
mod mapping;
mod submission;
mod transfer;
mod uapi;
pub mod usage;

pub use buffer::{Blob, BlobMemory, BufferObject, Format, Image, ResourceInfo, Target, Texture};
pub use capset::{CapsetId, CapsetMask};
pub use context::{Context, ContextBuilder};
pub use device::Device;
pub use discovery::{devices, Location};
pub use drm;
pub use error::{Error, Ioctl, Result};
pub use event::Event;
pub use features::{Features, Param};
pub use fence::{Fence, FenceStatus};
pub use mapping::Mapping;
pub use submission::{Submission, SyncPoint};
pub use transfer::{Region, Transfer};
