// SPDX-License-Identifier: GPL-2.0 OR MIT
//! What can go wrong.
use std::{error, fmt, io, path::PathBuf};

use rustix::io::Errno;

use crate::CapsetId;

/// The result of an operation on a device.
pub type Result<T> = std::result::Result<T, Error>;

/// An ioctl of the driver. Its name in messages is the one in the header `virtgpu_drm.h`.
///
/// # Examples
///
/// ```
/// assert_eq!(virtgpu::Ioctl::TransferToHost.to_string(), "TRANSFER_TO_HOST");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ioctl {
    /// Tells where a buffer is for `mmap()`.
    Map,
    /// Sends a command stream.
    Execbuffer,
    /// Reads a parameter of the driver.
    Getparam,
    /// Creates a 2D or 3D buffer.
    ResourceCreate,
    /// Tells the size of a buffer, and its number on the host.
    ResourceInfo,
    /// Copies from the host's resource to the guest's memory.
    TransferFromHost,
    /// Copies from the guest's memory to the host's resource.
    TransferToHost,
    /// Waits for a buffer.
    Wait,
    /// Reads a capset.
    GetCaps,
    /// Creates a blob.
    ResourceCreateBlob,
    /// Chooses what a file's context is.
    ContextInit,
}

impl fmt::Display for Ioctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Map => "MAP",
            Self::Execbuffer => "EXECBUFFER",
            Self::Getparam => "GETPARAM",
            Self::ResourceCreate => "RESOURCE_CREATE",
            Self::ResourceInfo => "RESOURCE_INFO",
            Self::TransferFromHost => "TRANSFER_FROM_HOST",
            Self::TransferToHost => "TRANSFER_TO_HOST",
            Self::Wait => "WAIT",
            Self::GetCaps => "GET_CAPS",
            Self::ResourceCreateBlob => "RESOURCE_CREATE_BLOB",
            Self::ContextInit => "CONTEXT_INIT",
        })
    }
}

/// Why an operation failed. Each variant says what the errno means for this operation, because the same number
/// has different reasons in different ioctls.
///
/// # Examples
///
/// ```
/// use virtgpu::{Device, Error};
///
/// match Device::open("/dev/null") {
///     Err(Error::OtherDriver { path, .. }) => assert_eq!(path.to_str(), Some("/dev/null")),
///     other => panic!("{other:?}"),
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// This machine has no virtio GPU with a DRM driver.
    NoDevice,
    /// No virtio GPU of this machine has a renderer with this capset.
    NoCapset(CapsetId),
    /// The file of the device may not be opened.
    PermissionDenied {
        /// The file.
        path: PathBuf,
        /// The group that may open it, if this process is not a member.
        group: Option<String>,
    },
    /// The file of the device cannot be opened, for another reason.
    Open {
        /// The file.
        path: PathBuf,
        /// The number of the reason, 0 if there is none.
        errno: i32,
    },
    /// The file is not one of a virtio GPU.
    OtherDriver {
        /// The file.
        path: PathBuf,
        /// The driver of the file; empty if it is not one of a DRM device.
        driver: String,
    },
    /// Device or driver cannot do this at all: `ENOSYS`, `EOPNOTSUPP`, or `EINVAL` of a parameter.
    Unsupported(Ioctl),
    /// An argument is wrong: `EINVAL`.
    Invalid {
        /// Which ioctl.
        ioctl: Ioctl,
        /// The usual reasons.
        reasons: &'static str,
    },
    /// The kernel does not know a buffer, or a syncobj that is waited for, by this handle: `ENOENT`.
    UnknownHandle(Ioctl),
    /// The file already has a context: `EEXIST` of `CONTEXT_INIT`. It gets one by `CONTEXT_INIT`, or by the first
    /// buffer or command stream.
    HasContext,
    /// A command stream names the same buffer twice: `EALREADY` of `EXECBUFFER`.
    NamedTwice,
    /// The host has not finished yet, or did not answer in time: `EBUSY`.
    Busy(Ioctl),
    /// Not enough memory, in the guest or on the host, or an array that is too long: `ENOMEM`.
    OutOfMemory(Ioctl),
    /// The window for memory of the host is full: `ENOSPC`.
    WindowFull,
    /// The context is lost, because the device was reset or did not answer: `EIO`. A new one is needed, from a
    /// device that is opened again.
    ContextLost(Ioctl),
    /// The device was unplugged, or its driver was unbound: `ENODEV`.
    Gone(Ioctl),
    /// A time-out has ended before what was awaited.
    TimedOut,
    /// A box, or a range, is not within the buffer. The kernel was not asked.
    OutOfBounds,
    /// A size that does not fit the argument of the ioctl. The kernel was not asked.
    TooLarge,
    /// A buffer that does not belong to this device's file. The kernel was not asked.
    OtherDevice,
    /// A ring that the context does not have. The kernel was not asked.
    NoRing(u32),
    /// The kernel's answer makes no sense, so it was not used.
    BadAnswer(Ioctl),
    /// An errno that has no meaning for this ioctl.
    Unexpected {
        /// Which ioctl.
        ioctl: Ioctl,
        /// Number of the errno.
        errno: i32,
    },
    /// Another system call has failed.
    System {
        /// Which one.
        call: &'static str,
        /// Number of the errno.
        errno: i32,
    },
}

impl Error {
    /// Gives an errno of an ioctl its meaning.
    pub(crate) fn from_ioctl(ioctl: Ioctl, errno: Errno) -> Self {
        match (ioctl, errno) {
            (_, Errno::NODEV) => Self::Gone(ioctl),
            (_, Errno::NOMEM) => Self::OutOfMemory(ioctl),
            (_, Errno::NOSYS | Errno::OPNOTSUPP)
            | (Ioctl::Getparam, Errno::INVAL | Errno::NOENT) => Self::Unsupported(ioctl),
            (_, Errno::NOENT) => Self::UnknownHandle(ioctl),
            (_, Errno::BUSY | Errno::TIMEDOUT) => Self::Busy(ioctl),
            (Ioctl::ContextInit, Errno::EXIST) => Self::HasContext,
            (Ioctl::Execbuffer, Errno::ALREADY) => Self::NamedTwice,
            (Ioctl::ResourceCreateBlob | Ioctl::Map, Errno::NOSPC) => Self::WindowFull,
            (_, Errno::IO) => Self::ContextLost(ioctl),
            (_, Errno::INVAL) => Self::Invalid {
                ioctl,
                reasons: reasons(ioctl),
            },
            _ => Self::Unexpected {
                ioctl,
                errno: errno.raw_os_error(),
            },
        }
    }

    /// Names the system call that has failed.
    pub(crate) fn from_call(call: &'static str, errno: Errno) -> Self {
        Self::System {
            call,
            errno: errno.raw_os_error(),
        }
    }

    /// Names the system call of the crate `drm` that has failed.
    pub(crate) fn from_io(call: &'static str, error: &io::Error) -> Self {
        Self::System {
            call,
            errno: error.raw_os_error().unwrap_or(0),
        }
    }
}

/// The usual reasons for `EINVAL`.
fn reasons(ioctl: Ioctl) -> &'static str {
    match ioctl {
        Ioctl::Map => "the buffer is memory of the host that is not mappable",
        Ioctl::Execbuffer => {
            "the context has no such ring, a fence is not a sync file, a syncobj that is waited for has no fence, \
             or one that is signalled does not exist"
        }
        Ioctl::ResourceCreate => "the device has no such format, target or size",
        Ioctl::ResourceCreateBlob => {
            "the device has no such blobs, or the size is 0 or not a multiple of the alignment"
        }
        Ioctl::TransferFromHost | Ioctl::TransferToHost => {
            "the box is not within the buffer, or the buffer has no copy on the host"
        }
        Ioctl::GetCaps => "the device has no such capset, or not this version",
        Ioctl::ContextInit => "the device has no such capset, or the rings are not valid",
        Ioctl::Getparam | Ioctl::ResourceInfo | Ioctl::Wait => "an argument is not valid",
    }
}

/// Describes a number of an errno, for example as "Permission denied (os error 13)".
fn described(errno: i32) -> io::Error {
    io::Error::from_raw_os_error(errno)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDevice => f.write_str("this machine has no virtio GPU with a DRM driver"),
            Self::NoCapset(id) => write!(f, "no virtio GPU of this machine has the capset {id}"),
            Self::PermissionDenied { path, group } => {
                write!(f, "{}: permission denied", path.display())?;
                match group {
                    Some(group) => write!(f, "; you are not in group {group}"),
                    None => Ok(()),
                }
            }
            Self::Open { path, errno } => write!(f, "{}: {}", path.display(), described(*errno)),
            Self::OtherDriver { path, driver } if driver.is_empty() => {
                write!(f, "{}: not a DRM device", path.display())
            }
            Self::OtherDriver { path, driver } => {
                write!(
                    f,
                    "{}: its driver is {driver}, not virtio_gpu",
                    path.display()
                )
            }
            Self::Unsupported(ioctl) => write!(f, "{ioctl}: device or driver cannot do this"),
            Self::Invalid { ioctl, reasons } => write!(f, "{ioctl}: {reasons}"),
            Self::UnknownHandle(Ioctl::Execbuffer) => {
                f.write_str("EXECBUFFER: no such buffer, or no such syncobj to wait for")
            }
            Self::UnknownHandle(ioctl) => write!(f, "{ioctl}: no such buffer"),
            Self::HasContext => f.write_str("CONTEXT_INIT: the file already has a context"),
            Self::NamedTwice => f.write_str("EXECBUFFER: a buffer is named twice"),
            Self::Busy(Ioctl::Wait) => {
                f.write_str("WAIT: the host has not finished with the buffer")
            }
            Self::Busy(ioctl) => write!(f, "{ioctl}: the host did not answer in time"),
            Self::OutOfMemory(ioctl) => {
                write!(f, "{ioctl}: not enough memory, in the guest or on the host")
            }
            Self::WindowFull => f.write_str("the window for memory of the host is full"),
            Self::ContextLost(ioctl) => {
                write!(
                    f,
                    "{ioctl}: the context is lost, because the device was reset or did not answer"
                )
            }
            Self::Gone(ioctl) => write!(f, "{ioctl}: the device is gone"),
            Self::TimedOut => f.write_str("the time-out has ended"),
            Self::OutOfBounds => f.write_str("not within the buffer"),
            Self::TooLarge => f.write_str("too large for the ioctl"),
            Self::OtherDevice => f.write_str("the buffer belongs to another file of the device"),
            Self::NoRing(ring) => write!(f, "the context has no ring {ring}"),
            Self::BadAnswer(ioctl) => write!(f, "{ioctl}: the kernel's answer makes no sense"),
            Self::Unexpected { ioctl, errno } => write!(f, "{ioctl}: {}", described(*errno)),
            Self::System { call, errno } => write!(f, "{call}: {}", described(*errno)),
        }
    }
}

impl error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_errno_means_different_things() {
        let of = |ioctl, errno| Error::from_ioctl(ioctl, errno);
        assert_eq!(of(Ioctl::ContextInit, Errno::EXIST), Error::HasContext);
        assert_eq!(
            of(Ioctl::Getparam, Errno::INVAL),
            Error::Unsupported(Ioctl::Getparam)
        );
        assert_eq!(of(Ioctl::Wait, Errno::BUSY), Error::Busy(Ioctl::Wait));
        assert!(matches!(
            of(Ioctl::Map, Errno::EXIST),
            Error::Unexpected { errno: 17, .. }
        ));
    }

    #[test]
    fn messages_say_what_to_do() {
        let error = Error::PermissionDenied {
            path: "/dev/dri/renderD128".into(),
            group: Some("render".into()),
        };
        assert_eq!(
            error.to_string(),
            "/dev/dri/renderD128: permission denied; you are not in group render"
        );
    }
}
