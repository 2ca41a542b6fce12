// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver's own ioctls.
//!
//! C header: [`include/drm/drm_ioctl.h`](srctree/include/drm/drm_ioctl.h)
use core::marker::PhantomData;

use drm_bindings as bindings;
use kernel::{
    error::Result,
    ffi,
    ioctl::_IOWR,
    str::CStr,
    transmute::{AsBytes, FromBytes},
};

use crate::{errno, Device, Driver, File};

/// The ioctl is allowed on render nodes.
pub const RENDER_ALLOW: u32 = bindings::drm_ioctl_flags_DRM_RENDER_ALLOW;

/// A handler of one ioctl of the driver `T`.
pub trait Handler<T: Driver> {
    /// The argument. User space may pass any bytes, and gets them back afterwards.
    type Argument: AsBytes + FromBytes;

    /// Handles an ioctl. The argument is a copy in the kernel, which is copied back to user space.
    ///
    /// # Errors
    ///
    /// The error that user space gets.
    fn handle(dev: &Device<T>, argument: &mut Self::Argument, file: &File<T::File>) -> Result<u32>;
}

/// An entry of the table of ioctls of the driver `T`; the C counterpart is `struct drm_ioctl_desc`.
///
/// The core calls an entry with a device and a file of the driver whose table has the entry. So the
/// entry has the driver as a part of its type, and a driver can only have entries of its own.
///
/// # Invariants
///
/// The function may be called for any device and file of `T`, with as many bytes as the number
/// encodes, on the stack or from `kmalloc()`.
#[repr(transparent)]
pub struct DrmIoctlDescriptor<T: Driver>(bindings::drm_ioctl_desc, PhantomData<fn(&T)>);

impl<T: Driver> DrmIoctlDescriptor<T> {
    /// Describes an ioctl by its number in the driver's range, its name, its flags, and its handler.
    pub const fn new<H: Handler<T>>(number: u32, name: &'static CStr, flags: u32) -> Self {
        const {
            assert!(
                align_of::<H::Argument>() <= align_of::<u64>(),
                "the core aligns arguments of ioctls like a u64"
            );
        }
        // INVARIANT: The number encodes the size of the argument of the handler, which is of `T`.
        Self(
            bindings::drm_ioctl_desc {
                cmd: _IOWR::<H::Argument>(b'd' as u32, bindings::DRM_COMMAND_BASE + number),
                func: Some(call::<T, H>),
                flags,
                name: name.as_ptr().cast_mut().cast(),
            },
            PhantomData,
        )
    }
}

extern "C" fn call<T: Driver, H: Handler<T>>(
    dev: *mut bindings::drm_device,
    data: *mut ffi::c_void,
    file: *mut bindings::drm_file,
) -> ffi::c_int {
    // SAFETY: The core calls this by the table of the device's driver, which has entries of `T` only.
    let dev = unsafe { Device::from_raw(dev) };
    // SAFETY: The core passes initialized bytes of the size that the number encodes, at least aligned
    // like a u64, and nothing else uses them. Any bytes are a valid argument, and
    // `DrmIoctlDescriptor::new` has checked its alignment.
    let argument = unsafe { &mut *data.cast::<H::Argument>() };
    // SAFETY: The file is one of the device.
    let file = unsafe { File::from_raw(file) };
    match H::handle(dev, argument, file) {
        Ok(value) => value as ffi::c_int,
        Err(error) => errno(Err(error)),
    }
}

/// Declares a driver's table of ioctls. An entry has the number in the driver's range, the type of
/// the argument, flags and the handler.
///
/// A handler is a `fn(&Device<T>, &mut Argument, &File<T::File>) -> Result<u32>`. The argument is a
/// copy in the kernel, which is copied back to user space afterwards. User space may pass any bytes,
/// so the type has to be [`FromBytes`] and [`AsBytes`]. The macro implements a [`Handler`] for each
/// entry.
#[macro_export]
macro_rules! declare_drm_ioctls {
    ($driver:ty; $(($nr:expr, $name:ident, $argument:ty, $flags:expr, $handler:path)),* $(,)?) => {
        const IOCTLS: &'static [$crate::ioctl::DrmIoctlDescriptor<Self>] = {
            const _: () = {
                let numbers = [$($nr as u32),*];
                let mut i = 0;
                while i < numbers.len() {
                    assert!(numbers[i] as usize == i, "ioctls in the order of their numbers");
                    i += 1;
                }
            };
            &[$({
                struct Entry;

                impl $crate::ioctl::Handler<$driver> for Entry {
                    type Argument = $argument;

                    fn handle(
                        dev: &$crate::Device<$driver>,
                        argument: &mut $argument,
                        file: &$crate::File<<$driver as $crate::Driver>::File>,
                    ) -> kernel::error::Result<u32> {
                        $handler(dev, argument, file)
                    }
                }

                $crate::ioctl::DrmIoctlDescriptor::new::<Entry>(
                    $nr as u32,
                    kernel::c_str!(stringify!($name)),
                    $flags,
                )
            }),*]
        };
    };
}
