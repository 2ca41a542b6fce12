// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver's own ioctls.
//!
//! C header: [`include/drm/drm_ioctl.h`](srctree/include/drm/drm_ioctl.h)
use core::{marker::PhantomData, ptr::NonNull};

use drm_bindings as bindings;
use kernel::{ffi, ioctl, prelude::*};

use crate::{errno, uapi, Device, Driver, File, Ioctl, Registered};

/// The letter of DRM's ioctls.
const BASE: u32 = b'd' as u32;

/// Returns the number of an ioctl without an argument; C: `DRM_IO()`.
///
/// # Examples
///
/// ```
/// assert_eq!(drm::ioctl::IO(0x1e), 0x641e);
/// ```
#[allow(non_snake_case)]
#[inline(always)]
pub const fn IO(nr: u32) -> u32 {
    ioctl::_IO(BASE, nr)
}

/// Returns the number of an ioctl whose argument user space reads; C: `DRM_IOR()`.
///
/// # Examples
///
/// ```
/// assert_eq!(drm::ioctl::IOR::<u32>(0x02), 0x8004_6402);
/// ```
#[allow(non_snake_case)]
#[inline(always)]
pub const fn IOR<T>(nr: u32) -> u32 {
    ioctl::_IOR::<T>(BASE, nr)
}

/// Returns the number of an ioctl whose argument user space writes; C: `DRM_IOW()`.
///
/// # Examples
///
/// ```
/// assert_eq!(drm::ioctl::IOW::<u64>(0x09), 0x4008_6409);
/// ```
#[allow(non_snake_case)]
#[inline(always)]
pub const fn IOW<T>(nr: u32) -> u32 {
    ioctl::_IOW::<T>(BASE, nr)
}

/// Returns the number of an ioctl whose argument user space writes and reads; C: `DRM_IOWR()`.
///
/// # Examples
///
/// ```
/// assert_eq!(drm::ioctl::IOWR::<u64>(0x40), 0xc008_6440);
/// ```
#[allow(non_snake_case)]
#[inline(always)]
pub const fn IOWR<T>(nr: u32) -> u32 {
    ioctl::_IOWR::<T>(BASE, nr)
}

/// A program must have authenticated itself, unless it uses a render node.
pub const AUTH: u32 = bindings::drm_ioctl_flags_DRM_AUTH;

/// A program must be DRM master.
pub const MASTER: u32 = bindings::drm_ioctl_flags_DRM_MASTER;

/// A program must have the right `CAP_SYS_ADMIN`.
pub const ROOT_ONLY: u32 = bindings::drm_ioctl_flags_DRM_ROOT_ONLY;

/// The ioctl is allowed on render nodes.
pub const RENDER_ALLOW: u32 = bindings::drm_ioctl_flags_DRM_RENDER_ALLOW;

/// A function that handles an ioctl of the driver `T` with the argument `A`. `C` is the context of the
/// device that the function gets, by which the compiler tells the two kinds apart:
///
/// | function | when it is called |
/// |---|---|
/// | `fn(&Device<T, Registered>, &T::RegistrationData<'_>, &mut A, &File<T::File>) -> Result<u32>` | while the device is registered; an unplug waits for its end |
/// | `fn(&Device<T, Ioctl>, &mut A, &File<T::File>) -> Result<u32>` | also while the device is unplugged. For functions that may wait for what an unplug ends |
///
/// Upstream has only the first kind. The argument is a copy in the kernel, which is copied back to user
/// space afterwards. User space may pass any bytes.
///
/// # Context
///
/// The function may sleep.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::{
///     ioctl::{DrmIoctlDescriptor, IOWR, RENDER_ALLOW},
///     Device, Driver, File, Registered,
/// };
///
/// /// Adds one to a number.
/// fn add_one<T: Driver>(
///     _dev: &Device<T, Registered>,
///     _data: &T::RegistrationData<'_>,
///     argument: &mut u64,
///     _file: &File<T::File>,
/// ) -> Result<u32> {
///     *argument = argument.checked_add(1).ok_or(EOVERFLOW)?;
///     Ok(0)
/// }
///
/// /// The entry of a table.
/// fn entry<T: Driver>() -> DrmIoctlDescriptor<T> {
///     DrmIoctlDescriptor::new::<u64, _, _>(IOWR::<u64>(0x40), RENDER_ALLOW, c"ADD_ONE", add_one::<T>)
/// }
/// ```
///
/// An argument must be valid for all bytes that a program may pass:
///
/// ```compile_fail,E0277
/// # use kernel::error::Result;
/// use drm::{
///     ioctl::{DrmIoctlDescriptor, IOWR},
///     Device, Driver, File, Ioctl,
/// };
///
/// fn set<T: Driver>(_: &Device<T, Ioctl>, _on: &mut bool, _: &File<T::File>) -> Result<u32> {
///     Ok(0)
/// }
///
/// fn entry<T: Driver>() -> DrmIoctlDescriptor<T> {
///     DrmIoctlDescriptor::new::<bool, _, _>(IOWR::<bool>(0x40), 0, c"SET", set::<T>)
/// }
/// ```
pub trait Handler<T: Driver, A, C>: Copy + Sync + 'static {
    /// Handles an ioctl.
    ///
    /// # Errors
    ///
    /// The error that user space gets: the errors of the function, and `ENODEV` if the device was unplugged.
    fn handle(&self, dev: &Device<T, Ioctl>, argument: &mut A, file: &File<T::File>)
        -> Result<u32>;
}

impl<T: Driver, A, F> Handler<T, A, Registered> for F
where
    F: Fn(
            &Device<T, Registered>,
            &T::RegistrationData<'static>,
            &mut A,
            &File<T::File>,
        ) -> Result<u32>
        + Copy
        + Sync
        + 'static,
{
    fn handle(
        &self,
        dev: &Device<T, Ioctl>,
        argument: &mut A,
        file: &File<T::File>,
    ) -> Result<u32> {
        let guard = dev.registration_guard().ok_or(ENODEV)?;
        guard.registration_data_with(|data| self(&guard, data, argument, file))
    }
}

impl<T: Driver, A, F> Handler<T, A, Ioctl> for F
where
    F: Fn(&Device<T, Ioctl>, &mut A, &File<T::File>) -> Result<u32> + Copy + Sync + 'static,
{
    fn handle(
        &self,
        dev: &Device<T, Ioctl>,
        argument: &mut A,
        file: &File<T::File>,
    ) -> Result<u32> {
        self(dev, argument, file)
    }
}

/// An entry of the table of ioctls of the driver `T`; the C counterpart is `struct drm_ioctl_desc`.
///
/// The core calls an entry with a device and a file of the driver whose table has the entry. So the
/// entry has the driver as a part of its type, and a driver can only have entries of its own. Upstream's
/// type has no such parameter, and can have a function for the devices of another driver.
///
/// # Invariants
///
/// The function may be called for any device and file of `T`, with as many bytes as the number
/// encodes, on the stack or from `kmalloc()`.
#[repr(transparent)]
pub struct DrmIoctlDescriptor<T: Driver>(bindings::drm_ioctl_desc, PhantomData<fn(&T)>);

impl<T: Driver> DrmIoctlDescriptor<T> {
    /// Describes an ioctl by its number, its flags, its name, and its handler.
    ///
    /// # Context
    ///
    /// Any. It can run at compile time.
    pub const fn new<A: uapi::Argument, C, H: Handler<T, A, C>>(
        cmd: u32,
        flags: u32,
        name: &'static CStr,
        _handler: H,
    ) -> Self {
        const {
            assert!(
                align_of::<A>() <= align_of::<u64>(),
                "the core aligns arguments of ioctls like a u64"
            );
            assert!(size_of::<H>() == 0, "the handler has no data");
        }
        assert!(
            ioctl::_IOC_SIZE(cmd) == size_of::<A>(),
            "the number has the size of the argument"
        );
        // INVARIANT: The number encodes the size of the argument of the handler, which is of `T`.
        Self(
            bindings::drm_ioctl_desc {
                cmd,
                func: Some(call::<T, A, C, H>),
                flags,
                name: name.as_ptr().cast_mut().cast(),
            },
            PhantomData,
        )
    }
}

extern "C" fn call<T: Driver, A: uapi::Argument, C, H: Handler<T, A, C>>(
    dev: *mut bindings::drm_device,
    data: *mut ffi::c_void,
    file: *mut bindings::drm_file,
) -> ffi::c_int {
    // SAFETY: The core calls this by the table of the device's driver, which has entries of `T` only.
    // User space has opened the device, so it was registered.
    let dev = unsafe { Device::<T, Ioctl>::from_raw(dev) };
    // SAFETY: The core passes initialized bytes of the size that the number encodes, at least aligned
    // like a u64, and nothing else uses them. Any bytes are a valid argument, and
    // `DrmIoctlDescriptor::new` has checked its size and alignment.
    let argument = unsafe { &mut *data.cast::<A>() };
    // SAFETY: The file is one of the device.
    let file = unsafe { File::from_raw(file) };
    // SAFETY: `DrmIoctlDescriptor::new` has checked that the type has no size. A value of it exists,
    // because that function got one, and it can be copied.
    let handler = unsafe { NonNull::<H>::dangling().as_ref() };
    match handler.handle(dev, argument, file) {
        Ok(value) => value.try_into().unwrap_or(ERANGE.to_errno()),
        Err(error) => errno(Err(error)),
    }
}

/// Declares a driver's table of ioctls. An entry has the name `X` of the constant `DRM_IOCTL_X`, the type
/// of the argument, flags and the handler.
///
/// Constants and types are looked up in [`uapi`](crate::uapi), and then where the macro is used. The
/// handler is a function of one of the two kinds of [`Handler`](crate::ioctl::Handler).
///
/// # Context
///
/// Handlers may sleep.
#[macro_export]
macro_rules! declare_drm_ioctls {
    ($(($cmd:ident, $argument:ident, $flags:expr, $handler:expr)),* $(,)?) => {
        const IOCTLS: &'static [$crate::ioctl::DrmIoctlDescriptor<Self>] = {
            #[allow(unused_imports)]
            use $crate::uapi::*;

            const _: () = {
                let numbers: &[u32] =
                    &[$(kernel::macros::concat_idents!(DRM_IOCTL_, $cmd) as u32),*];
                let mut i = 0;
                while i < numbers.len() {
                    ::core::assert!(
                        kernel::ioctl::_IOC_NR(numbers[i]) as usize
                            == $crate::uapi::DRM_COMMAND_BASE as usize + i,
                        "ioctls in the order of their numbers"
                    );
                    i += 1;
                }
            };
            &[$(
                $crate::ioctl::DrmIoctlDescriptor::<Self>::new::<$argument, _, _>(
                    kernel::macros::concat_idents!(DRM_IOCTL_, $cmd) as u32,
                    $flags,
                    kernel::c_str!(stringify!($cmd)),
                    $handler,
                )
            ),*]
        };
    };
}
