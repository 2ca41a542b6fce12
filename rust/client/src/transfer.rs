// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Copies between the guest's memory of a buffer and its resource on the host.
use crate::{
    uapi::{self, DrmVirtgpu3dBox, DrmVirtgpu3dTransferFromHost, DrmVirtgpu3dTransferToHost},
    BufferObject, Error, Result, Target, Texture,
};

/// A part of a buffer: pixels of [`Target::IMAGE_2D`], bytes of [`Target::BUFFER`].
///
/// # Examples
///
/// ```
/// use virtgpu::Region;
///
/// let tile = Region::rectangle(16, 0, 8, 8);
/// assert_eq!((tile.x, tile.width, tile.depth), (16, 8, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Region {
    /// First column.
    pub x: u32,
    /// First row.
    pub y: u32,
    /// First slice of a volume, or first picture of an array.
    pub z: u32,
    /// Number of columns.
    pub width: u32,
    /// Number of rows.
    pub height: u32,
    /// Number of slices or pictures.
    pub depth: u32,
}

impl Region {
    /// A part of a picture.
    ///
    /// # Examples
    ///
    /// ```
    /// assert_eq!(virtgpu::Region::rectangle(0, 0, 4, 2).height, 2);
    /// ```
    #[must_use]
    pub const fn rectangle(x: u32, y: u32, width: u32, height: u32) -> Self {
        Self {
            x,
            y,
            z: 0,
            width,
            height,
            depth: 1,
        }
    }
}

/// Which part is copied, and where it is in the guest's memory. By default, it is the whole largest level.
///
/// # Examples
///
/// ```
/// use virtgpu::{Region, Transfer};
///
/// let whole = Transfer::default();
/// let tile = Transfer { offset: 4 * 16, ..Transfer::of(Region::rectangle(16, 0, 8, 8)) };
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Transfer {
    /// The part, or `None` for all of the level. A buffer that was imported, and a blob, need a region.
    pub region: Option<Region>,
    /// The level of detail; 0 is the largest one.
    pub level: u32,
    /// Offset of the part's first byte in the guest's memory.
    pub offset: u32,
    /// Bytes from a row to the next one; 0 for what follows from width and format. Other values are for blobs.
    pub stride: u32,
    /// Bytes from a slice to the next one; 0 for what follows from the rows.
    pub layer_stride: u32,
}

impl Transfer {
    /// Copies a part of the largest level.
    ///
    /// # Examples
    ///
    /// ```
    /// use virtgpu::{Region, Transfer};
    ///
    /// let copy = Transfer::of(Region::rectangle(0, 0, 8, 8));
    /// assert_eq!(copy.level, 0);
    /// ```
    #[must_use]
    pub fn of(region: Region) -> Self {
        Self {
            region: Some(region),
            ..Self::default()
        }
    }
}

/// The size of a buffer in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    size: [u32; 3],
    /// Whether the third direction is also smaller in smaller levels.
    is_volume: bool,
    last_level: u32,
}

impl Extent {
    pub(crate) fn of(texture: &Texture) -> Self {
        let is_volume = texture.target == Target::IMAGE_3D;
        Self {
            size: [
                texture.width,
                texture.height,
                if is_volume {
                    texture.depth
                } else {
                    texture.array_size
                }
                .max(1),
            ],
            is_volume,
            last_level: texture.last_level,
        }
    }

    /// Returns all of a level.
    fn level(&self, level: u32) -> Result<Region> {
        if level > self.last_level {
            return Err(Error::OutOfBounds);
        }
        let smaller = |size: u32| size.checked_shr(level).unwrap_or(0).max(1);
        let [width, height, depth] = self.size;
        Ok(Region {
            depth: if self.is_volume {
                smaller(depth)
            } else {
                depth
            },
            ..Region::rectangle(0, 0, smaller(width), smaller(height))
        })
    }
}

/// Returns the box that the ioctl gets, which is within the buffer if its shape is known.
fn checked(transfer: &Transfer, extent: Option<Extent>) -> Result<DrmVirtgpu3dBox> {
    let all = extent
        .map(|extent| extent.level(transfer.level))
        .transpose()?;
    let region = transfer.region.or(all).ok_or(Error::OutOfBounds)?;
    let fits = |start: u32, length: u32, size: Option<u32>| {
        let end = start.checked_add(length);
        length > 0 && end.is_some_and(|end| size.is_none_or(|size| end <= size))
    };
    let is_within = fits(region.x, region.width, all.map(|all| all.width))
        && fits(region.y, region.height, all.map(|all| all.height))
        && fits(region.z, region.depth, all.map(|all| all.depth));
    if !is_within {
        return Err(Error::OutOfBounds);
    }
    Ok(DrmVirtgpu3dBox {
        x: region.x,
        y: region.y,
        z: region.z,
        w: region.width,
        h: region.height,
        d: region.depth,
    })
}

impl BufferObject {
    fn checked(&self, transfer: &Transfer) -> Result<DrmVirtgpu3dBox> {
        if self.size() > 0 && u64::from(transfer.offset) >= self.size() {
            return Err(Error::OutOfBounds);
        }
        checked(transfer, self.extent())
    }

    /// Copies from the guest's memory to the host. [`wait`](Self::wait) waits for the end, if the host renders.
    ///
    /// Returns [`Error::OutOfBounds`] for what is not within the buffer, without a call of the kernel.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Device, Format, Region, Texture, Transfer};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_texture(&Texture::image(Format::B8G8R8X8, 64, 64))?;
    /// buffer.transfer_to_host(&Transfer::of(Region::rectangle(0, 0, 64, 1)))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn transfer_to_host(&self, transfer: &Transfer) -> Result<()> {
        let mut request = DrmVirtgpu3dTransferToHost {
            bo_handle: self.raw_handle(),
            r#box: self.checked(transfer)?,
            level: transfer.level,
            offset: transfer.offset,
            stride: transfer.stride,
            layer_stride: transfer.layer_stride,
        };
        uapi::call(self.device(), &mut request)
    }

    /// Copies from the host to the guest's memory. [`wait`](Self::wait) waits for the end. Only a host that renders
    /// can do this.
    ///
    /// Returns [`Error::OutOfBounds`] for what is not within the buffer, without a call of the kernel, and
    /// [`Error::Unsupported`] if the host does not render.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use virtgpu::{Device, Format, Texture, Transfer};
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let buffer = Device::first()?.create_texture(&Texture::image(Format::B8G8R8X8, 64, 64))?;
    /// buffer.transfer_from_host(&Transfer::default())?;
    /// buffer.wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn transfer_from_host(&self, transfer: &Transfer) -> Result<()> {
        let mut request = DrmVirtgpu3dTransferFromHost {
            bo_handle: self.raw_handle(),
            r#box: self.checked(transfer)?,
            level: transfer.level,
            offset: transfer.offset,
            stride: transfer.stride,
            layer_stride: transfer.layer_stride,
        };
        uapi::call(self.device(), &mut request)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Format;

    fn picture() -> Texture {
        Texture {
            last_level: 2,
            array_size: 3,
            ..Texture::image(Format::B8G8R8A8, 64, 3)
        }
    }

    #[test]
    fn levels_are_smaller_but_not_empty() {
        let extent = Extent::of(&picture());
        let level = extent.level(2).unwrap();
        assert_eq!((level.width, level.height, level.depth), (16, 1, 3));
        assert_eq!(extent.level(3), Err(Error::OutOfBounds));
        let volume = Texture {
            target: Target::IMAGE_3D,
            depth: 8,
            ..picture()
        };
        assert_eq!(Extent::of(&volume).level(1).unwrap().depth, 4);
    }

    #[test]
    fn empty_and_wrapped_boxes_are_rejected() {
        for region in [
            Region::rectangle(0, 0, 0, 1),
            Region::rectangle(u32::MAX, 0, 2, 1),
            Region::rectangle(60, 0, 5, 1),
        ] {
            let wanted = Err(Error::OutOfBounds);
            assert_eq!(
                checked(&Transfer::of(region), Some(Extent::of(&picture()))),
                wanted
            );
        }
        assert!(checked(&Transfer::default(), None).is_err());
    }

    proptest! {
        #[test]
        fn what_passes_is_within(
            x in 0_u32..100, y in 0_u32..8, z in 0_u32..8, width in 0_u32..100, height in 0_u32..8,
            depth in 0_u32..8, level in 0_u32..5,
        ) {
            let transfer = Transfer {
                level,
                ..Transfer::of(Region { x, y, z, width, height, depth })
            };
            let result = checked(&transfer, Some(Extent::of(&picture())));
            let within = level <= 2 && x + width <= (64 >> level) && y + height <= (3 >> level).max(1)
                && z + depth <= 3 && width > 0 && height > 0 && depth > 0;
            prop_assert_eq!(result.is_ok(), within);
        }
    }
}
