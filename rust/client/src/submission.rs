// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Command streams.
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use drm::control::syncobj;

use crate::{
    uapi::{self, DrmVirtgpuExecbuffer, DrmVirtgpuExecbufferSyncobj},
    BufferObject, Context, Error, Fence, Ioctl, Result,
};

/// A syncobj, or a point of its timeline. Syncobjs are made by [`drm::control::Device::create_syncobj`].
///
/// # Examples
///
/// ```no_run
/// use drm::control::Device as _;
/// use virtgpu::{drm, Device, SyncPoint};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Device::first()?;
/// let second = SyncPoint::new(device.create_syncobj(false)?).at(2);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SyncPoint {
    syncobj: syncobj::Handle,
    point: u64,
}

impl SyncPoint {
    /// The one fence of a syncobj.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use drm::control::Device as _;
    /// use virtgpu::{drm, Device, SyncPoint};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let done = SyncPoint::new(Device::first()?.create_syncobj(false)?);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn new(syncobj: syncobj::Handle) -> Self {
        Self { syncobj, point: 0 }
    }

    /// A point of its timeline. Point 0 is the one fence.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use drm::control::Device as _;
    /// use virtgpu::{drm, Device, SyncPoint};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let third = SyncPoint::new(Device::first()?.create_syncobj(false)?).at(3);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn at(self, point: u64) -> Self {
        Self { point, ..self }
    }

    fn describe(self, flags: u32) -> DrmVirtgpuExecbufferSyncobj {
        DrmVirtgpuExecbufferSyncobj {
            handle: self.syncobj.into(),
            flags,
            point: self.point,
        }
    }
}

/// A command stream that is to be submitted: the commands, the buffers that they use, what they wait for, and what
/// waits for them.
///
/// # Examples
///
/// ```no_run
/// use virtgpu::{Context, Device, Format, Submission, Texture};
///
/// # fn main() -> virtgpu::Result<()> {
/// let device = Device::first()?;
/// let target = device.create_texture(&Texture::image(Format::B8G8R8A8, 64, 64))?;
/// let commands = [0; 16];
/// let fence = Context::of(&device).submit_fenced(&Submission::new(&commands).buffer(&target))?;
/// fence.wait(None)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Submission<'a> {
    commands: &'a [u32],
    buffers: Vec<&'a BufferObject>,
    wait_fence: Option<BorrowedFd<'a>>,
    waits: Vec<DrmVirtgpuExecbufferSyncobj>,
    signals: Vec<DrmVirtgpuExecbufferSyncobj>,
    ring: Option<u32>,
}

impl<'a> Submission<'a> {
    /// The commands, in the renderer's encoding.
    ///
    /// # Examples
    ///
    /// ```
    /// let nothing = virtgpu::Submission::new(&[]);
    /// ```
    #[must_use]
    pub fn new(commands: &'a [u32]) -> Self {
        Self {
            commands,
            ..Self::default()
        }
    }

    /// The commands use a buffer, which is [busy](BufferObject::is_busy) until the host has executed them.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Device, Format, Submission, Texture};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_texture(&Texture::image(Format::B8G8R8A8, 64, 64))?;
    /// let submission = Submission::new(&[0; 16]).buffer(&buffer);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn buffer(mut self, buffer: &'a BufferObject) -> Self {
        self.buffers.push(buffer);
        self
    }

    /// They wait for a fence of any device.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Context, Device, Submission};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let context = Context::of(&Device::first()?);
    /// let first = context.submit_fenced(&Submission::new(&[0; 16]))?;
    /// context.submit(&Submission::new(&[0; 16]).wait_fence(&first))?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn wait_fence(mut self, fence: &'a impl AsFd) -> Self {
        self.wait_fence = Some(fence.as_fd());
        self
    }

    /// They wait for a syncobj.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use drm::control::Device as _;
    /// use virtgpu::{drm, Device, Submission, SyncPoint};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ready = SyncPoint::new(Device::first()?.create_syncobj(true)?);
    /// let submission = Submission::new(&[0; 16]).wait(ready);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn wait(mut self, point: SyncPoint) -> Self {
        self.waits.push(point.describe(0));
        self
    }

    /// They wait for a syncobj, and then it has no fence any more.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use drm::control::Device as _;
    /// use virtgpu::{drm, Device, Submission, SyncPoint};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let ready = SyncPoint::new(Device::first()?.create_syncobj(true)?);
    /// let submission = Submission::new(&[0; 16]).wait_and_reset(ready);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn wait_and_reset(mut self, point: SyncPoint) -> Self {
        self.waits.push(point.describe(uapi::EXECBUF_SYNCOBJ_RESET));
        self
    }

    /// A syncobj is signalled when the host has executed them.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use drm::control::Device as _;
    /// use virtgpu::{drm, Device, Submission, SyncPoint};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let done = SyncPoint::new(Device::first()?.create_syncobj(false)?);
    /// let submission = Submission::new(&[0; 16]).signal(done.at(1));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn signal(mut self, point: SyncPoint) -> Self {
        self.signals.push(point.describe(0));
        self
    }

    /// They are on a ring of the context. Without this, they are on no ring.
    ///
    /// # Examples
    ///
    /// ```
    /// let submission = virtgpu::Submission::new(&[0; 16]).ring(1);
    /// ```
    #[must_use]
    pub fn ring(mut self, ring: u32) -> Self {
        self.ring = Some(ring);
        self
    }
}

impl Context {
    /// Sends a command stream to the host.
    ///
    /// Returns [`Error::OtherDevice`] for a buffer of another file, and [`Error::NoRing`], without a call of the
    /// kernel.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Context, Device, Submission};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// Context::of(&Device::first()?).submit(&Submission::new(&[0; 16]))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn submit(&self, submission: &Submission<'_>) -> Result<()> {
        self.execute(submission, 0).map(|_| ())
    }

    /// Does the same, and returns a fence that is signalled when the host has executed the commands.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Context, Device, Submission};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let context = Context::of(&Device::first()?);
    /// context.submit_fenced(&Submission::new(&[0; 16]))?.wait(None)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn submit_fenced(&self, submission: &Submission<'_>) -> Result<Fence> {
        let fence = self.execute(submission, uapi::EXECBUF_FENCE_FD_OUT)?;
        if fence < 0 {
            return Err(Error::BadAnswer(Ioctl::Execbuffer));
        }
        // SAFETY: The kernel has just opened this file for the caller.
        let file = unsafe { OwnedFd::from_raw_fd(fence) };
        Ok(Fence::from(file))
    }

    /// Sends it, and returns the number of the file that the kernel may have opened.
    fn execute(&self, submission: &Submission<'_>, mut flags: u32) -> Result<i32> {
        if submission
            .buffers
            .iter()
            .any(|buffer| !buffer.device().is(self.device()))
        {
            return Err(Error::OtherDevice);
        }
        if let Some(ring) = submission.ring {
            if !self.has_ring(ring) {
                return Err(Error::NoRing(ring));
            }
            flags |= uapi::EXECBUF_RING_IDX;
        }
        if submission.wait_fence.is_some() {
            flags |= uapi::EXECBUF_FENCE_FD_IN;
        }
        let handles: Vec<u32> = submission
            .buffers
            .iter()
            .map(|buffer| buffer.raw_handle())
            .collect();
        let (command, words) = uapi::array(submission.commands)?;
        let (bo_handles, num_bo_handles) = uapi::array(&handles)?;
        let (in_syncobjs, num_in_syncobjs) = uapi::array(&submission.waits)?;
        let (out_syncobjs, num_out_syncobjs) = uapi::array(&submission.signals)?;
        let mut request = DrmVirtgpuExecbuffer {
            flags,
            size: words.checked_mul(4).ok_or(Error::TooLarge)?,
            command,
            bo_handles,
            num_bo_handles,
            fence_fd: submission.wait_fence.map_or(-1, |fence| fence.as_raw_fd()),
            ring_idx: submission.ring.unwrap_or(0),
            syncobj_stride: SYNCOBJ_SIZE,
            num_in_syncobjs,
            num_out_syncobjs,
            in_syncobjs,
            out_syncobjs,
        };
        // SAFETY: The kernel reads the arrays, which have as many elements as the argument says.
        unsafe { uapi::call_with_addresses(self.device().file(), &mut request) }?;
        Ok(request.fence_fd)
    }
}

/// Bytes from an element of an array of syncobjs to the next one.
#[allow(clippy::cast_possible_truncation)] // It is 16.
const SYNCOBJ_SIZE: u32 = size_of::<DrmVirtgpuExecbufferSyncobj>() as u32;
