// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Fences.
use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use bytemuck::{Pod, Zeroable};
use rustix::{
    event::{PollFd, PollFlags},
    io::Errno,
    ioctl::{ReadWriteOpcode, Updater},
};

use crate::{Error, Result};

/// How far a fence is.
///
/// # Examples
///
/// ```
/// assert_ne!(virtgpu::FenceStatus::Active, virtgpu::FenceStatus::Signalled);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FenceStatus {
    /// The host has not executed the commands yet.
    Active,
    /// The host has executed the commands.
    Signalled,
    /// The commands were lost, or the driver has given up waiting for the host. The number is that of the errno.
    Failed(i32),
}

/// A fence, which is signalled when the host has executed a command stream. It is a file that is readable then, so
/// a poll loop or an asynchronous runtime can wait for it. It is also what other DRM devices and Vulkan know as a
/// sync file.
///
/// # Examples
///
/// ```no_run
/// use std::os::fd::OwnedFd;
///
/// use virtgpu::{Context, Device, Submission};
///
/// # fn main() -> virtgpu::Result<()> {
/// let context = Context::of(&Device::first()?);
/// let file: OwnedFd = context.submit_fenced(&Submission::new(&[0; 16]))?.into();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Fence(OwnedFd);

impl From<OwnedFd> for Fence {
    fn from(file: OwnedFd) -> Self {
        Self(file)
    }
}

impl From<Fence> for OwnedFd {
    fn from(fence: Fence) -> Self {
        fence.0
    }
}

impl AsFd for Fence {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The argument of the ioctl that describes a sync file.
#[repr(C)]
#[derive(Clone, Copy, Pod, Zeroable)]
struct SyncFileInfo {
    name: [u8; 32],
    status: i32,
    flags: u32,
    num_fences: u32,
    pad: u32,
    sync_fence_info: u64,
}

/// The number of that ioctl.
type FileInfo = ReadWriteOpcode<b'>', 4, SyncFileInfo>;

impl Fence {
    /// Waits until it is signalled, for ever or for at most some time.
    ///
    /// Returns [`Error::TimedOut`] if it is not signalled then. A fence whose commands have
    /// [failed](FenceStatus::Failed) is signalled, too.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use virtgpu::{Context, Device, Submission};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let fence = Context::of(&Device::first()?).submit_fenced(&Submission::new(&[0; 16]))?;
    /// fence.wait(Some(Duration::from_secs(1)))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(&self, timeout: Option<Duration>) -> Result<()> {
        if readable(self, timeout)? {
            Ok(())
        } else {
            Err(Error::TimedOut)
        }
    }

    /// Asks how far it is.
    ///
    /// Returns [`Error::System`] for a file that is no fence.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    ///
    /// use virtgpu::Fence;
    ///
    /// let other = Fence::from(std::os::fd::OwnedFd::from(File::open("/dev/null").unwrap()));
    /// assert!(other.status().is_err());
    /// ```
    pub fn status(&self) -> Result<FenceStatus> {
        let mut info = SyncFileInfo::zeroed();
        // SAFETY: The argument is one of this ioctl. It asks for no list of fences.
        let call = unsafe { Updater::<FileInfo, _>::new(&mut info) };
        // SAFETY: As above.
        let result = unsafe { rustix::ioctl::ioctl(self, call) };
        result.map_err(|errno| Error::from_call("SYNC_IOC_FILE_INFO", errno))?;
        Ok(match info.status {
            0 => FenceStatus::Active,
            1.. => FenceStatus::Signalled,
            error => FenceStatus::Failed(error.saturating_neg()),
        })
    }
}

/// Waits until a file is readable. Returns whether it is.
pub(crate) fn readable(file: &impl AsFd, timeout: Option<Duration>) -> Result<bool> {
    let start = Instant::now();
    loop {
        let left = timeout.map(|timeout| timeout.saturating_sub(start.elapsed()));
        // Round up, so that a short time-out does not become 0.
        let milliseconds = left.map_or(-1, |left| {
            i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        });
        let mut files = [PollFd::new(file, PollFlags::IN)];
        match rustix::event::poll(&mut files, milliseconds) {
            Ok(count) if count > 0 => return Ok(true),
            Ok(_) if left.is_some_and(|left| milliseconds < i32::MAX || left.is_zero()) => {
                return Ok(false)
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::from_call("poll", errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_end() {
        let (reader, writer) = std::os::unix::net::UnixStream::pair().unwrap();
        let fence = Fence::from(OwnedFd::from(reader));
        assert_eq!(
            fence.wait(Some(Duration::from_micros(1))),
            Err(Error::TimedOut)
        );
        drop(writer);
        assert_eq!(fence.wait(None), Ok(()));
    }
}
