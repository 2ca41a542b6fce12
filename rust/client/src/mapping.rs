// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Access to the memory of buffers.
use std::{
    fmt,
    marker::PhantomData,
    ptr::{self, NonNull},
    slice,
    sync::atomic::{AtomicU32, Ordering},
};

use bytemuck::Pod;
use rustix::mm::{MapFlags, ProtFlags};

use crate::{uapi, BufferObject, Error, Ioctl, Result};

/// Bytes of what is accessed at once.
const WORD: usize = size_of::<u32>();

/// A mapping of a buffer for the CPU, as elements of a type. It cannot outlive the buffer.
///
/// Host, other programs and other mappings may write to the memory at any time. Therefore there are no references
/// to its elements. They are copied, word by word.
///
/// The kernel ends a program with `SIGBUS` if it accesses memory of the host that the host has taken away.
///
/// # Invariants
///
/// `address` is a mapping of `bytes` bytes, which has room for `words` words and exists as long as this value.
///
/// # Examples
///
/// ```no_run
/// use virtgpu::{Device, Format, Texture};
///
/// # fn main() -> virtgpu::Result<()> {
/// let buffer = Device::first()?.create_texture(&Texture::image(Format::B8G8R8X8, 64, 64))?;
/// let mut pixels = buffer.map::<u32>()?;
/// pixels.write(0, 0x00ff_0000)?;
/// assert_eq!(pixels.read(0)?, 0x00ff_0000);
/// # Ok(())
/// # }
/// ```
pub struct Mapping<'a, T> {
    address: NonNull<AtomicU32>,
    bytes: usize,
    words: usize,
    of: PhantomData<(&'a BufferObject, T)>,
}

// SAFETY: The memory is accessed by atomic operations only, and any thread may unmap it.
unsafe impl<T> Send for Mapping<'_, T> {}
// SAFETY: As above.
unsafe impl<T> Sync for Mapping<'_, T> {}

impl<T> fmt::Debug for Mapping<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("words", &self.words)
            .finish_non_exhaustive()
    }
}

impl<T> Drop for Mapping<'_, T> {
    fn drop(&mut self) {
        // SAFETY: By the type's invariants, this is a mapping, and references to it have ended.
        let result = unsafe { rustix::mm::munmap(self.address.as_ptr().cast(), self.bytes) };
        debug_assert_eq!(result, Ok(()));
    }
}

impl BufferObject {
    /// Maps it for the CPU, as elements of a type whose size is a multiple of 4 bytes. Bytes behind the last whole
    /// element are left out.
    ///
    /// Returns [`Error::OutOfBounds`] for a buffer that is smaller than one element, and [`Error::Invalid`] or
    /// [`Error::System`] for memory of the host that is not mappable.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096).mappable())?;
    /// assert_eq!(buffer.map::<[u32; 4]>()?.len(), 256);
    /// # Ok(())
    /// # }
    /// ```
    pub fn map<T: Pod>(&self) -> Result<Mapping<'_, T>> {
        const { assert!(size_of::<T>() > 0 && size_of::<T>() % WORD == 0) };
        let size = usize::try_from(self.size()).map_err(|_| Error::TooLarge)?;
        let words = size / size_of::<T>() * (size_of::<T>() / WORD);
        if words == 0 {
            return Err(Error::OutOfBounds);
        }
        let mut request = uapi::DrmVirtgpuMap {
            handle: self.raw_handle(),
            ..uapi::DrmVirtgpuMap::default()
        };
        uapi::call(self.device(), &mut request)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: The kernel chooses a free address.
        let address = unsafe {
            rustix::mm::mmap(
                ptr::null_mut(),
                size,
                access,
                MapFlags::SHARED,
                self.device(),
                request.offset,
            )
        };
        let address = address.map_err(|errno| Error::from_call("mmap", errno))?;
        // INVARIANT: This many bytes were mapped, and the words are not more.
        Ok(Mapping {
            address: NonNull::new(address.cast()).ok_or(Error::BadAnswer(Ioctl::Map))?,
            bytes: size,
            words,
            of: PhantomData,
        })
    }
}

impl<T> Mapping<'_, T> {
    /// Returns its words, for algorithms that several programs, or guest and host, execute together.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::sync::atomic::Ordering;
    ///
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096).mappable())?;
    /// let mapping = buffer.map::<u32>()?;
    /// mapping.words()[0].fetch_add(1, Ordering::AcqRel);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn words(&self) -> &[AtomicU32] {
        // SAFETY: By the type's invariants, these words exist as long as `self`. A page begins at a multiple of
        // their size, any bits are valid, and others may write to an atomic type.
        unsafe { slice::from_raw_parts(self.address.as_ptr(), self.words) }
    }
}

impl<T: Pod> Mapping<'_, T> {
    const WORDS: usize = size_of::<T>() / WORD;

    /// Returns the number of elements.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096).mappable())?;
    /// assert_eq!(buffer.map::<u32>()?.len(), 1024);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.words / Self::WORDS
    }

    /// Returns false, because each mapping has elements.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096).mappable())?;
    /// assert!(!buffer.map::<u32>()?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words == 0
    }

    /// Returns the words of some elements.
    fn part(&self, start: usize, length: usize) -> Result<&[AtomicU32]> {
        let end = start.checked_add(length).filter(|end| *end <= self.len());
        let end = end.ok_or(Error::OutOfBounds)?;
        Ok(&self.words()[start * Self::WORDS..end * Self::WORDS])
    }

    /// Reads an element.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device, Error};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096).mappable())?;
    /// assert_eq!(buffer.map::<u32>()?.read(1024), Err(Error::OutOfBounds));
    /// # Ok(())
    /// # }
    /// ```
    pub fn read(&self, index: usize) -> Result<T> {
        let mut element = T::zeroed();
        self.read_slice(index, slice::from_mut(&mut element))?;
        Ok(element)
    }

    /// Writes an element.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096).mappable())?;
    /// buffer.map::<u32>()?.write(3, 42)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn write(&mut self, index: usize, element: T) -> Result<()> {
        self.write_slice(index, slice::from_ref(&element))
    }

    /// Reads some elements, of which the first one has the number `start`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096).mappable())?;
    /// let mut header = [0_u32; 16];
    /// buffer.map()?.read_slice(0, &mut header)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_slice(&self, start: usize, elements: &mut [T]) -> Result<()> {
        let words = self.part(start, elements.len())?;
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(elements);
        for (to, from) in bytes.chunks_exact_mut(WORD).zip(words) {
            to.copy_from_slice(&from.load(Ordering::Relaxed).to_ne_bytes());
        }
        Ok(())
    }

    /// Writes some elements, of which the first one has the number `start`.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096).mappable())?;
    /// buffer.map()?.write_slice(16, &[1_u32, 2, 3])?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_slice(&mut self, start: usize, elements: &[T]) -> Result<()> {
        let words = self.part(start, elements.len())?;
        let bytes: &[u8] = bytemuck::cast_slice(elements);
        for (from, to) in bytes.chunks_exact(WORD).zip(words) {
            let mut word = [0; WORD];
            word.copy_from_slice(from);
            to.store(u32::from_ne_bytes(word), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Writes the same to all elements.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Blob, Device};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_blob(&Blob::guest(4096).mappable())?;
    /// buffer.map::<u32>()?.fill(0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fill(&mut self, element: T) {
        let bytes: &[u8] = bytemuck::bytes_of(&element);
        for to in self.words().chunks_exact(Self::WORDS) {
            for (from, to) in bytes.chunks_exact(WORD).zip(to) {
                let mut word = [0; WORD];
                word.copy_from_slice(from);
                to.store(u32::from_ne_bytes(word), Ordering::Relaxed);
            }
        }
    }
}
