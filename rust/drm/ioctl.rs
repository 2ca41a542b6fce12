// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver's own ioctls.
//!
//! C header: [`include/drm/drm_ioctl.h`](srctree/include/drm/drm_ioctl.h)
use drm_bindings as bindings;

/// An entry of a driver's table of ioctls; the C counterpart is `struct drm_ioctl_desc`.
pub type DrmIoctlDescriptor = bindings::drm_ioctl_desc;

/// The ioctl is allowed on render nodes.
pub const RENDER_ALLOW: u32 = bindings::drm_ioctl_flags_DRM_RENDER_ALLOW;

/// The raw types that [`declare_drm_ioctls!`](crate::declare_drm_ioctls) uses.
#[doc(hidden)]
pub mod internal {
    pub use drm_bindings::{drm_device, drm_file, drm_ioctl_desc};
    pub use kernel::ffi;
    use kernel::{
        error::Result,
        transmute::{AsBytes, FromBytes},
    };

    /// A driver's handler of an ioctl with argument `D`.
    pub type Handler<T, D> =
        fn(&crate::Device<T>, &mut D, &crate::File<<T as crate::Driver>::File>) -> Result<u32>;

    /// Calls a handler with typed arguments.
    ///
    /// # Safety
    ///
    /// Device and file must be valid and of `T`. `data` must point to as many initialized bytes as a
    /// `D` has, with the alignment of a `u64`, as in the core's dispatch of ioctls.
    pub unsafe fn call<T: crate::Driver, D: AsBytes + FromBytes>(
        handler: Handler<T, D>,
        dev: *mut drm_device,
        data: *mut ffi::c_void,
        file: *mut drm_file,
    ) -> ffi::c_int {
        const {
            assert!(
                align_of::<D>() <= align_of::<u64>(),
                "the core aligns arguments of ioctls like a u64"
            );
        }
        // SAFETY: By the requirements of this function.
        let dev = unsafe { crate::Device::from_raw(dev) };
        // SAFETY: As above. Any bytes are a valid `D`, and its alignment was checked.
        let data = unsafe { &mut *data.cast::<D>() };
        // SAFETY: As above.
        let file = unsafe { crate::File::from_raw(file) };
        match handler(dev, data, file) {
            Ok(value) => value as ffi::c_int,
            Err(error) => error.to_errno(),
        }
    }
}

/// Declares a driver's table of ioctls. An entry has the number in the driver's range, the type of
/// the argument, flags and the handler.
///
/// A handler is a `fn(&Device<T>, &mut Argument, &File<T::File>) -> Result<u32>`. The argument is a
/// copy in the kernel, which is copied back to user space afterwards. User space may pass any bytes,
/// so the type has to be [`FromBytes`](kernel::transmute::FromBytes) and
/// [`AsBytes`](kernel::transmute::AsBytes).
#[macro_export]
macro_rules! declare_drm_ioctls {
    ($driver:ty; $(($nr:expr, $name:ident, $argument:ty, $flags:expr, $handler:path)),* $(,)?) => {
        const IOCTLS: &'static [$crate::ioctl::DrmIoctlDescriptor] = {
            const _: () = {
                let numbers = [$($nr as u32),*];
                let mut i = 0;
                while i < numbers.len() {
                    assert!(numbers[i] as usize == i, "ioctls in the order of their numbers");
                    i += 1;
                }
            };
            &[$($crate::ioctl::internal::drm_ioctl_desc {
                cmd: kernel::ioctl::_IOWR::<$argument>(b'd' as u32, 0x40 + $nr as u32),
                func: {
                    extern "C" fn call(
                        dev: *mut $crate::ioctl::internal::drm_device,
                        data: *mut $crate::ioctl::internal::ffi::c_void,
                        file: *mut $crate::ioctl::internal::drm_file,
                    ) -> $crate::ioctl::internal::ffi::c_int {
                        // SAFETY: The core calls this for a device of this driver, with `data` of
                        // the size that is encoded in the number, on the stack or from `kmalloc()`.
                        unsafe {
                            $crate::ioctl::internal::call::<$driver, $argument>(
                                $handler, dev, data, file,
                            )
                        }
                    }
                    Some(call)
                },
                flags: $flags,
                name: concat!(stringify!($name), "\0").as_ptr().cast_mut().cast(),
            }),*]
        };
    };
}
