// SPDX-License-Identifier: GPL-2.0 OR MIT
//! An open file of a device.
use std::{
    collections::HashMap,
    fs::File,
    num::NonZeroU32,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use drm::Device as _;

use crate::{discovery, uapi, CapsetId, Error, Ioctl, Result};

/// The name of the driver, which the kernel's own driver and those of this repository have.
const DRIVER: &str = "virtio_gpu";

/// An open file of a virtio GPU. Buffers and the context belong to the file. A clone is the same file.
///
/// It implements the traits of the crate [`drm`], for example [`drm::control::Device`] for mode setting and
/// syncobjs.
///
/// # Examples
///
/// ```no_run
/// use drm::control::Device as _;
/// use virtgpu::{drm, Device};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let device = Device::open("/dev/dri/card0")?;
/// println!("{} connectors", device.resource_handles()?.connectors().len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Device(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    file: OwnedFd,
    /// How many values have each handle. The kernel returns the same handle for each import of a buffer.
    handles: Mutex<HashMap<NonZeroU32, usize>>,
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.file.as_fd()
    }
}

impl drm::Device for Device {}
impl drm::control::Device for Device {}

impl Device {
    /// Opens a node of a virtio GPU: a render node, which is for everything except mode setting, or a primary
    /// node.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> virtgpu::Result<()> {
    /// let device = virtgpu::Device::open("/dev/dri/renderD128")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::options().read(true).write(true).open(path);
        let file = file.map_err(|error| discovery::open_error(path, &error))?;
        Self::checked(file.into(), path)
    }

    /// Uses a file that is already open, for example one that a session manager has opened.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::fs::File;
    ///
    /// use virtgpu::{Device, Error};
    ///
    /// let other = File::open("/dev/null").unwrap();
    /// assert!(matches!(Device::from_fd(other.into()), Err(Error::OtherDriver { .. })));
    /// ```
    pub fn from_fd(file: OwnedFd) -> Result<Self> {
        Self::checked(file, Path::new("the file"))
    }

    fn checked(file: OwnedFd, path: &Path) -> Result<Self> {
        let device = Self::unchecked(file);
        let driver = device
            .get_driver()
            .map(|driver| driver.name().to_string_lossy().into_owned());
        match driver {
            Ok(driver) if driver == DRIVER => Ok(device),
            other => Err(Error::OtherDriver {
                path: path.to_owned(),
                driver: other.unwrap_or_default(),
            }),
        }
    }

    pub(crate) fn unchecked(file: OwnedFd) -> Self {
        Self(Arc::new(Shared {
            file,
            handles: Mutex::default(),
        }))
    }

    pub(crate) fn file(&self) -> BorrowedFd<'_> {
        self.0.file.as_fd()
    }

    /// Returns whether two values are the same file.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn handles(&self) -> MutexGuard<'_, HashMap<NonZeroU32, usize>> {
        self.0
            .handles
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes a handle that an ioctl has created.
    pub(crate) fn created(&self, ioctl: Ioctl, handle: u32) -> Result<NonZeroU32> {
        let handle = NonZeroU32::new(handle).ok_or(Error::BadAnswer(ioctl))?;
        *self.handles().entry(handle).or_default() += 1;
        Ok(handle)
    }

    /// Imports a buffer, and notes its handle. This holds the lock, so that no other value closes the handle
    /// meanwhile.
    pub(crate) fn imported(&self, buffer: BorrowedFd<'_>) -> Result<NonZeroU32> {
        use drm::control::Device as _;

        let mut handles = self.handles();
        let handle = self.prime_fd_to_buffer(buffer);
        let handle = handle.map_err(|error| Error::from_io("PRIME_FD_TO_HANDLE", &error))?;
        let handle = drm::control::RawResourceHandle::from(handle);
        *handles.entry(handle).or_default() += 1;
        Ok(handle)
    }

    /// Closes a handle if no other value has it.
    pub(crate) fn close(&self, handle: NonZeroU32) {
        use drm::control::Device as _;

        let mut handles = self.handles();
        let Some(count) = handles.get_mut(&handle) else {
            return;
        };
        *count -= 1;
        if *count == 0 {
            handles.remove(&handle);
            // An error means that the handle is closed already.
            let _ = self.close_buffer(handle.into());
        }
    }

    /// Reads a capset: what a renderer can do, as bytes that [`capset`](crate::capset) parses. Bytes behind the
    /// end of the capset are 0, so `size` may be larger than it.
    ///
    /// Returns [`Error::Unsupported`] if the host does not render, and [`Error::Invalid`] if the renderer does
    /// not have this capset with this version.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{capset::Venus, CapsetId, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let device = Device::with_capset(CapsetId::VENUS)?;
    /// let bytes = device.capset(CapsetId::VENUS, 0, 4096)?;
    /// println!("{:?}", Venus::parse(&bytes));
    /// # Ok(())
    /// # }
    /// ```
    pub fn capset(&self, id: CapsetId, version: u32, size: u32) -> Result<Vec<u8>> {
        let mut bytes = vec![0; size as usize];
        let mut request = uapi::DrmVirtgpuGetCaps {
            cap_set_id: id.0,
            cap_set_ver: version,
            addr: bytes.as_mut_ptr().expose_provenance() as u64,
            size,
            pad: 0,
        };
        // SAFETY: The kernel writes at most `size` bytes to the address, and `bytes` has as many.
        unsafe { uapi::call_with_addresses(self.file(), &mut request) }?;
        Ok(bytes)
    }
}
