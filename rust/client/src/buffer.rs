// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Buffers.
use std::{
    num::NonZeroU32,
    os::fd::{AsFd, OwnedFd},
    thread,
    time::{Duration, Instant},
};

use drm::{
    buffer::{Buffer, DrmFourcc, Handle},
    control::{Device as _, RawResourceHandle},
};

use crate::{
    transfer::Extent,
    uapi::{self, DrmVirtgpu3dWait, DrmVirtgpuResourceCreate, DrmVirtgpuResourceCreateBlob},
    Device, Error, Ioctl, Result,
};

/// How long a wait with a time-out sleeps between two looks, at first and at most.
const FIRST_SLEEP: Duration = Duration::from_micros(50);
const LONGEST_SLEEP: Duration = Duration::from_millis(2);

/// A pixel format, by the number that the device and the renderers have for it.
///
/// # Examples
///
/// ```
/// use virtgpu::{drm::buffer::DrmFourcc, Format};
///
/// assert_eq!(Format::B8G8R8X8.fourcc(), Some(DrmFourcc::Xrgb8888));
/// assert_eq!(Format(500).fourcc(), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format(pub u32);

impl Format {
    /// Bytes in the order blue, green, red, alpha.
    pub const B8G8R8A8: Self = Self(1);
    /// Bytes in the order blue, green, red, unused.
    pub const B8G8R8X8: Self = Self(2);
    /// Bytes in the order alpha, red, green, blue.
    pub const A8R8G8B8: Self = Self(3);
    /// Bytes in the order unused, red, green, blue.
    pub const X8R8G8B8: Self = Self(4);
    /// One byte. Renderers use it for buffers that are no pictures.
    pub const R8: Self = Self(64);
    /// Bytes in the order red, green, blue, alpha.
    pub const R8G8B8A8: Self = Self(67);
    /// Bytes in the order unused, blue, green, red.
    pub const X8B8G8R8: Self = Self(68);
    /// Bytes in the order alpha, blue, green, red.
    pub const A8B8G8R8: Self = Self(121);
    /// Bytes in the order red, green, blue, unused.
    pub const R8G8B8X8: Self = Self(134);

    /// Returns the name that mode setting has for a format of four bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// use virtgpu::{drm::buffer::DrmFourcc, Format};
    ///
    /// assert_eq!(Format::R8G8B8A8.fourcc(), Some(DrmFourcc::Abgr8888));
    /// ```
    #[must_use]
    pub fn fourcc(self) -> Option<DrmFourcc> {
        Some(match self {
            Self::B8G8R8A8 => DrmFourcc::Argb8888,
            Self::B8G8R8X8 => DrmFourcc::Xrgb8888,
            Self::A8R8G8B8 => DrmFourcc::Bgra8888,
            Self::X8R8G8B8 => DrmFourcc::Bgrx8888,
            Self::R8G8B8A8 => DrmFourcc::Abgr8888,
            Self::X8B8G8R8 => DrmFourcc::Rgbx8888,
            Self::A8B8G8R8 => DrmFourcc::Rgba8888,
            Self::R8G8B8X8 => DrmFourcc::Xbgr8888,
            _ => return None,
        })
    }
}

/// The shape of a buffer of a renderer, by the renderer's number.
///
/// # Examples
///
/// ```
/// assert_eq!(virtgpu::Target::IMAGE_2D.0, 2);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Target(pub u32);

impl Target {
    /// Bytes.
    pub const BUFFER: Self = Self(0);
    /// A row of pixels.
    pub const IMAGE_1D: Self = Self(1);
    /// A picture. Without a renderer, there is nothing else.
    pub const IMAGE_2D: Self = Self(2);
    /// A volume.
    pub const IMAGE_3D: Self = Self(3);
    /// Six pictures.
    pub const CUBE: Self = Self(4);
    /// An array of pictures.
    pub const ARRAY_2D: Self = Self(7);
}

/// A 2D or 3D buffer that is to be created: a resource of the host, and memory of the guest that transfers copy
/// from and to.
///
/// # Examples
///
/// ```
/// use virtgpu::{Format, Target, Texture};
///
/// let picture = Texture::image(Format::B8G8R8A8, 640, 480);
/// assert_eq!(picture.size, 640 * 480 * 4);
/// let volume = Texture { target: Target::IMAGE_3D, depth: 16, size: 16 * 64 * 64 * 4,
///                        ..Texture::image(Format::R8G8B8A8, 64, 64) };
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Texture {
    /// Its shape.
    pub target: Target,
    /// The format of its pixels.
    pub format: Format,
    /// What the renderer uses it for, as the renderer's bits. Without a renderer, this has no meaning.
    pub bind: u32,
    /// Pixels of a row; bytes of [`Target::BUFFER`].
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Slices of a volume; 1 for others.
    pub depth: u32,
    /// Pictures of an array; 1 for others.
    pub array_size: u32,
    /// Number of its smallest level of detail; 0 if there is one level only.
    pub last_level: u32,
    /// Samples of a pixel; 0 for one.
    pub samples: u32,
    /// The renderer's flags.
    pub flags: u32,
    /// Bytes of the guest's memory. The kernel makes whole pages of it.
    pub size: u32,
}

impl Texture {
    /// The renderer may draw to it.
    pub const BIND_RENDER_TARGET: u32 = 1 << 1;
    /// Shaders may read it.
    pub const BIND_SAMPLER_VIEW: u32 = 1 << 3;
    /// It may be shown on a screen.
    pub const BIND_SCANOUT: u32 = 1 << 18;

    /// A picture with four bytes a pixel that a renderer may draw to.
    ///
    /// # Examples
    ///
    /// ```
    /// use virtgpu::{Format, Texture};
    ///
    /// assert_eq!(Texture::image(Format::B8G8R8X8, 10, 2).size, 80);
    /// ```
    #[must_use]
    pub const fn image(format: Format, width: u32, height: u32) -> Self {
        Self {
            target: Target::IMAGE_2D,
            format,
            bind: Self::BIND_RENDER_TARGET,
            width,
            height,
            depth: 1,
            array_size: 1,
            last_level: 0,
            samples: 0,
            flags: 0,
            size: width.saturating_mul(height).saturating_mul(4),
        }
    }

    /// Bytes that a renderer reads or writes.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(virtgpu::Texture::bytes(4096).size, 4096);
    /// ```
    #[must_use]
    pub const fn bytes(size: u32) -> Self {
        Self {
            target: Target::BUFFER,
            bind: 0,
            size,
            ..Self::image(Format::R8, size, 1)
        }
    }
}

/// Where the memory of a blob is.
///
/// # Examples
///
/// ```
/// use virtgpu::{Blob, BlobMemory};
///
/// assert_eq!(Blob::guest(4096).memory(), BlobMemory::Guest);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BlobMemory {
    /// In the guest. The host accesses it without a copy.
    Guest,
    /// On the host, where a renderer has created it.
    Host,
    /// On the host, with memory in the guest that transfers copy from and to.
    HostAndGuest,
}

impl BlobMemory {
    fn number(self) -> u32 {
        match self {
            Self::Guest => uapi::VIRTGPU_BLOB_MEM_GUEST,
            Self::Host => uapi::VIRTGPU_BLOB_MEM_HOST3D,
            Self::HostAndGuest => uapi::VIRTGPU_BLOB_MEM_HOST3D_GUEST,
        }
    }

    fn from_number(number: u32) -> Option<Self> {
        [Self::Guest, Self::Host, Self::HostAndGuest]
            .into_iter()
            .find(|memory| memory.number() == number)
    }
}

/// A blob that is to be created: plain memory, without a format.
///
/// # Examples
///
/// ```
/// use virtgpu::Blob;
///
/// let shared = Blob::guest(8192).mappable().shareable();
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Blob<'a> {
    memory: BlobMemory,
    size: u64,
    id: u64,
    flags: u32,
    hints: u32,
    command: &'a [u32],
}

impl<'a> Blob<'a> {
    const fn new(memory: BlobMemory, size: u64, id: u64) -> Self {
        Self {
            memory,
            size,
            id,
            flags: 0,
            hints: 0,
            command: &[],
        }
    }

    /// Memory of the guest. The size is in bytes.
    ///
    /// # Examples
    ///
    /// ```
    /// let blob = virtgpu::Blob::guest(4096).mappable();
    /// ```
    #[must_use]
    pub const fn guest(size: u64) -> Self {
        Self::new(BlobMemory::Guest, size, 0)
    }

    /// Memory of the host, which the file's context knows by a number.
    ///
    /// # Examples
    ///
    /// ```
    /// let blob = virtgpu::Blob::host(4096, 7).mappable();
    /// ```
    #[must_use]
    pub const fn host(size: u64, id: u64) -> Self {
        Self::new(BlobMemory::Host, size, id)
    }

    /// Memory of the host, which the file's context knows by a number, with memory in the guest.
    ///
    /// # Examples
    ///
    /// ```
    /// let blob = virtgpu::Blob::host_and_guest(4096, 7);
    /// ```
    #[must_use]
    pub const fn host_and_guest(size: u64, id: u64) -> Self {
        Self::new(BlobMemory::HostAndGuest, size, id)
    }

    /// Returns where its memory is.
    ///
    /// # Examples
    ///
    /// ```
    /// use virtgpu::{Blob, BlobMemory};
    ///
    /// assert_eq!(Blob::host(4096, 1).memory(), BlobMemory::Host);
    /// ```
    #[must_use]
    pub const fn memory(&self) -> BlobMemory {
        self.memory
    }

    /// It can be [mapped](BufferObject::map).
    ///
    /// # Examples
    ///
    /// ```
    /// let blob = virtgpu::Blob::guest(4096).mappable();
    /// ```
    #[must_use]
    pub const fn mappable(mut self) -> Self {
        self.flags |= uapi::VIRTGPU_BLOB_FLAG_USE_MAPPABLE;
        self
    }

    /// It can be shared with other processes of the host.
    ///
    /// # Examples
    ///
    /// ```
    /// let blob = virtgpu::Blob::guest(4096).shareable();
    /// ```
    #[must_use]
    pub const fn shareable(mut self) -> Self {
        self.flags |= uapi::VIRTGPU_BLOB_FLAG_USE_SHAREABLE;
        self
    }

    /// It can be shared with other virtio devices.
    ///
    /// # Examples
    ///
    /// ```
    /// let blob = virtgpu::Blob::guest(4096).shareable().cross_device();
    /// ```
    #[must_use]
    pub const fn cross_device(mut self) -> Self {
        self.flags |= uapi::VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE;
        self
    }

    /// It takes a place in the window for memory of the host only when it is first mapped.
    ///
    /// # Examples
    ///
    /// ```
    /// let blob = virtgpu::Blob::host(4096, 7).mappable().deferred_mapping();
    /// ```
    #[must_use]
    pub const fn deferred_mapping(mut self) -> Self {
        self.hints |= uapi::DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING;
        self
    }

    /// The context executes these commands first. They tell a renderer which memory the blob has.
    ///
    /// # Examples
    ///
    /// ```
    /// let commands = [0; 4];
    /// let blob = virtgpu::Blob::host(4096, 7).command(&commands);
    /// ```
    #[must_use]
    pub const fn command(mut self, command: &'a [u32]) -> Self {
        self.command = command;
        self
    }
}

/// What the kernel says about a buffer.
///
/// # Examples
///
/// ```no_run
/// use virtgpu::{Blob, BlobMemory, Device};
///
/// # fn main() -> virtgpu::Result<()> {
/// let info = Device::first()?.create_blob(&Blob::guest(4096))?.info()?;
/// assert_eq!((info.size, info.blob), (4096, Some(BlobMemory::Guest)));
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceInfo {
    /// The number of its resource on the host. Command streams know it by this number.
    pub resource: u32,
    /// Bytes. The kernel tells only the lower 32 bits.
    pub size: u32,
    /// Where its memory is, if it is a blob.
    pub blob: Option<BlobMemory>,
}

/// A buffer. It exists as long as this value; its resource on the host as long as anybody uses it, for example a
/// screen or another process.
///
/// # Examples
///
/// ```no_run
/// use virtgpu::{Device, Format, Texture, Transfer};
///
/// # fn main() -> virtgpu::Result<()> {
/// let device = Device::first()?;
/// let buffer = device.create_texture(&Texture::image(Format::B8G8R8X8, 64, 64))?;
/// buffer.map::<u32>()?.fill(0x00ff_ffff);
/// buffer.transfer_to_host(&Transfer::default())?;
/// buffer.wait()?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BufferObject {
    device: Device,
    handle: NonZeroU32,
    resource: u32,
    size: u64,
    texture: Option<Texture>,
    blob: Option<BlobMemory>,
}

impl Drop for BufferObject {
    fn drop(&mut self) {
        self.device.close(self.handle);
    }
}

impl Device {
    /// Creates a 2D or 3D buffer.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Device, Format, Texture};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_texture(&Texture::image(Format::B8G8R8X8, 64, 64))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create_texture(&self, texture: &Texture) -> Result<BufferObject> {
        let mut request = DrmVirtgpuResourceCreate {
            target: texture.target.0,
            format: texture.format.0,
            bind: texture.bind,
            width: texture.width,
            height: texture.height,
            depth: texture.depth,
            array_size: texture.array_size,
            last_level: texture.last_level,
            nr_samples: texture.samples,
            flags: texture.flags,
            size: texture.size,
            ..DrmVirtgpuResourceCreate::default()
        };
        uapi::call(self, &mut request)?;
        Ok(BufferObject {
            device: self.clone(),
            handle: self.created(Ioctl::ResourceCreate, request.bo_handle)?,
            resource: request.res_handle,
            size: texture.size.into(),
            texture: Some(*texture),
            blob: None,
        })
    }

    /// Creates a blob.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096).mappable())?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn create_blob(&self, blob: &Blob<'_>) -> Result<BufferObject> {
        let (cmd, words) = uapi::array(blob.command)?;
        let mut request = DrmVirtgpuResourceCreateBlob {
            blob_mem: blob.memory.number(),
            blob_flags: blob.flags,
            size: blob.size,
            cmd_size: words.checked_mul(4).ok_or(Error::TooLarge)?,
            cmd,
            blob_id: blob.id,
            blob_hints: blob.hints,
            ..DrmVirtgpuResourceCreateBlob::default()
        };
        // SAFETY: The kernel reads `cmd_size` bytes at `cmd`, which are the commands.
        unsafe { uapi::call_with_addresses(self.file(), &mut request) }?;
        Ok(BufferObject {
            device: self.clone(),
            handle: self.created(Ioctl::ResourceCreateBlob, request.bo_handle)?,
            resource: request.res_handle,
            size: blob.size,
            texture: None,
            blob: Some(blob.memory),
        })
    }

    /// Imports a buffer of another device, another file or another process.
    ///
    /// Its transfers are checked by the kernel only, because its shape is not known.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Device, Format, Texture};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let (one, other) = (Device::first()?, Device::first()?);
    /// let buffer = one.create_texture(&Texture::image(Format::B8G8R8X8, 64, 64))?;
    /// let same = other.import(&buffer.export()?)?;
    /// assert_eq!(same.resource(), buffer.resource());
    /// # Ok(())
    /// # }
    /// ```
    pub fn import(&self, buffer: impl AsFd) -> Result<BufferObject> {
        let mut buffer = BufferObject {
            device: self.clone(),
            handle: self.imported(buffer.as_fd())?,
            resource: 0,
            size: 0,
            texture: None,
            blob: None,
        };
        let info = buffer.info()?;
        buffer.resource = info.resource;
        buffer.size = info.size.into();
        buffer.blob = info.blob;
        Ok(buffer)
    }
}

impl BufferObject {
    /// Returns the file that it belongs to.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096))?;
    /// let another = buffer.device().create_blob(&Blob::guest(4096))?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns its handle, for the crate [`drm`]. This value still owns the handle.
    ///
    /// The crate [`drm`] does not know how many values have a handle. Do not close it there, and do not import
    /// buffers of the same file that were created there.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096))?;
    /// println!("{:?}", buffer.handle());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::from(RawResourceHandle::from(self.handle))
    }

    pub(crate) fn raw_handle(&self) -> u32 {
        self.handle.get()
    }

    /// Returns the number of its resource on the host. Command streams know it by this number.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let commands = [Device::first()?.create_blob(&Blob::guest(4096))?.resource()];
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn resource(&self) -> u32 {
        self.resource
    }

    /// Returns its size in bytes: that of the guest's memory, or of the host's.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// assert_eq!(Device::first()?.create_blob(&Blob::guest(4096))?.size(), 4096);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the shape that transfers are checked against.
    pub(crate) fn extent(&self) -> Option<Extent> {
        self.texture.map(|texture| Extent::of(&texture))
    }

    /// Asks the kernel about it.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Device, Format, Texture};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_texture(&Texture::image(Format::B8G8R8X8, 64, 64))?;
    /// assert_eq!(buffer.info()?.blob, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn info(&self) -> Result<ResourceInfo> {
        let mut request = uapi::DrmVirtgpuResourceInfo {
            bo_handle: self.handle.get(),
            ..uapi::DrmVirtgpuResourceInfo::default()
        };
        uapi::call(&self.device, &mut request)?;
        Ok(ResourceInfo {
            resource: request.res_handle,
            size: request.size,
            blob: BlobMemory::from_number(request.blob_mem),
        })
    }

    /// Exports it as a dma-buf, for other devices and processes.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Device, Format, Texture};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_texture(&Texture::image(Format::B8G8R8X8, 64, 64))?;
    /// let file: std::os::fd::OwnedFd = buffer.export()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn export(&self) -> Result<OwnedFd> {
        self.device
            .buffer_to_prime_fd(self.handle(), drm::CLOEXEC | drm::RDWR)
            .map_err(|error| Error::from_io("PRIME_HANDLE_TO_FD", &error))
    }

    /// Returns it as a picture for mode setting, if it is one with a format that [has a name](Format::fourcc)
    /// there.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use drm::control::Device as _;
    /// use virtgpu::{drm, Device, Format, Texture};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let device = Device::open("/dev/dri/card0")?;
    /// let buffer = device.create_texture(&Texture::image(Format::B8G8R8X8, 64, 64))?;
    /// let framebuffer = device.add_framebuffer(&buffer.image().unwrap(), 24, 32)?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn image(&self) -> Option<Image<'_>> {
        let texture = self
            .texture
            .filter(|texture| texture.target == Target::IMAGE_2D)?;
        Some(Image {
            buffer: self,
            size: (texture.width, texture.height),
            format: texture.format.fourcc()?,
            pitch: texture.width.checked_mul(4)?,
        })
    }

    fn wait_with(&self, flags: u32) -> Result<()> {
        let mut request = DrmVirtgpu3dWait {
            handle: self.handle.get(),
            flags,
        };
        uapi::call(&self.device, &mut request)
    }

    /// Returns whether the host still works with the buffer.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// assert!(!Device::first()?.create_blob(&Blob::guest(4096))?.is_busy()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_busy(&self) -> Result<bool> {
        match self.wait_with(uapi::VIRTGPU_WAIT_NOWAIT) {
            Err(Error::Busy(_)) => Ok(true),
            other => other.map(|()| false),
        }
    }

    /// Waits until the host has finished with what it was told to do with the buffer.
    ///
    /// Returns [`Error::Busy`] if it has not after 15 seconds.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// Device::first()?.create_blob(&Blob::guest(4096))?.wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait(&self) -> Result<()> {
        self.wait_with(0)
    }

    /// Does the same, for at most some time. The ioctl has no time-out, so this looks again and again.
    ///
    /// Returns [`Error::TimedOut`] if the host has not finished then.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// use virtgpu::{Blob, Device, Error};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096))?;
    /// assert_ne!(buffer.wait_timeout(Duration::from_millis(100)), Err(Error::TimedOut));
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_timeout(&self, timeout: Duration) -> Result<()> {
        let start = Instant::now();
        let mut sleep = FIRST_SLEEP;
        while self.is_busy()? {
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() {
                return Err(Error::TimedOut);
            }
            thread::sleep(sleep.min(left));
            sleep = (sleep * 2).min(LONGEST_SLEEP);
        }
        Ok(())
    }
}

/// A buffer as a picture for mode setting, see [`BufferObject::image`].
///
/// # Examples
///
/// ```no_run
/// use drm::buffer::Buffer;
/// use virtgpu::{drm, Device, Format, Texture};
///
/// # fn main() -> virtgpu::Result<()> {
/// let buffer = Device::first()?.create_texture(&Texture::image(Format::B8G8R8X8, 64, 32))?;
/// assert_eq!(buffer.image().map(|image| image.pitch()), Some(256));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    buffer: &'a BufferObject,
    size: (u32, u32),
    format: DrmFourcc,
    pitch: u32,
}

impl Buffer for Image<'_> {
    fn size(&self) -> (u32, u32) {
        self.size
    }

    fn format(&self) -> DrmFourcc {
        self.format
    }

    fn pitch(&self) -> u32 {
        self.pitch
    }

    fn handle(&self) -> Handle {
        self.buffer.handle()
    }
}
