// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The crate `kernel` of Linux 7.2, with additions of 7.3.
pub use kernel::*;

/// This crate, for macros.
#[doc(hidden)]
pub use kernel as older;

/// Declares a list of devices and the module's aliases, in the form without data per device.
#[macro_export]
macro_rules! module_device_table {
    ($table_type:literal, $id_type:ty, $table:ident, @none, [$($id:expr),* $(,)?]) => {
        const $table: $crate::device_id::IdArray<
            $id_type,
            (),
            { <[$id_type]>::len(&[$($id,)*]) },
        > = $crate::device_id::IdArray::new_without_index([$(($id, ()),)*]);
        $crate::older::module_device_table!($table_type, MODULE_DEVICE_TABLE, $table);
    };
}

pub mod interrupt {
    //! Interrupts.
    use kernel::types::NotThreadSafe;

    /// Interrupts are disabled on this CPU.
    pub struct LocalInterruptDisabled(NotThreadSafe);

    impl LocalInterruptDisabled {
        /// Returns the proof.
        ///
        /// # Safety
        ///
        /// Interrupts must be disabled as long as the reference is used.
        pub const unsafe fn assume_disabled<'a>() -> &'a Self {
            &Self(NotThreadSafe)
        }
    }
}

pub mod module {
    //! Modules, which 7.2 has at the top of the crate.
    use kernel::bindings::__this_module;
    pub use kernel::{InPlaceModule, Module, ModuleMetadata, ThisModule};

    struct Linked;

    impl Linked {
        // SAFETY: Modpost puts `__this_module` into every module, and this code is linked into one.
        const THIS_MODULE: ThisModule =
            unsafe { ThisModule::from_ptr((&raw const __this_module).cast_mut().cast()) };
    }

    /// The module that this code is linked into, which is that of `M`.
    #[inline]
    pub const fn this_module<M: ModuleMetadata>() -> &'static ThisModule {
        &Linked::THIS_MODULE
    }
}

pub mod module_param {
    //! Parameters of modules.
    pub use kernel::module_param::*;

    /// A parameter, as the `module!` macro defines it.
    #[repr(transparent)]
    pub struct ModuleParamAccess<T>(kernel::module_param::ModuleParamAccess<T>);

    impl<T> ModuleParamAccess<T> {
        #[doc(hidden)]
        pub const fn new(default: T) -> Self {
            Self(kernel::module_param::ModuleParamAccess::new(default))
        }

        #[doc(hidden)]
        pub const fn as_void_ptr(&self) -> *mut core::ffi::c_void {
            self.0.as_void_ptr()
        }

        /// Returns the value that was set when the module was loaded, or the default.
        #[inline]
        pub fn value(&self) -> T
        where
            T: Copy,
        {
            *self.0.value()
        }
    }
}

pub mod prelude {
    //! Names that most sources use.
    pub use kernel::prelude::*;

    use core::num::NonZeroI32;

    /// Invalid system call number.
    // SAFETY: `Error` of 7.2 is a `NonZeroI32` that holds a negative errno, and nothing else.
    pub const ENOSYS: Error = unsafe {
        core::mem::transmute(NonZeroI32::new(-(kernel::bindings::ENOSYS as i32)).unwrap())
    };

    /// Operation canceled.
    // SAFETY: As above.
    pub const ECANCELED: Error = unsafe {
        core::mem::transmute(NonZeroI32::new(-(kernel::bindings::ECANCELED as i32)).unwrap())
    };

    /// Operation not supported on transport endpoint.
    // SAFETY: As above.
    pub const EOPNOTSUPP: Error = unsafe {
        core::mem::transmute(NonZeroI32::new(-(kernel::bindings::EOPNOTSUPP as i32)).unwrap())
    };
}

pub mod io {
    //! Views of devices' memory, without functions to read and write it.
    use core::marker::PhantomData;

    pub use kernel::io::*;
    use kernel::prelude::*;
    use kernel::ptr::KnownSize;

    /// Memory with a known minimum size.
    pub struct Region<const SIZE: usize = 0> {
        /// Must not be dereferenced, because only address and length are meaningful.
        pub bytes: [u8],
    }

    impl<const SIZE: usize> KnownSize for Region<SIZE> {
        #[inline(always)]
        fn size(region: *const Self) -> usize {
            (region as *const [u8]).len()
        }
    }

    impl<const SIZE: usize> Region<SIZE> {
        /// Returns a pointer to memory with an address and a size in bytes.
        #[inline]
        pub fn ptr_from_raw_parts_mut(base: *mut u8, size: usize) -> *mut Self {
            core::ptr::slice_from_raw_parts_mut(base, size) as *mut Self
        }
    }

    /// A way to access devices' memory.
    pub trait IoBackend {
        /// Memory that can be accessed in this way.
        type View<'a, T: ?Sized + KnownSize>;

        /// Returns the address of the memory.
        fn as_ptr<T: ?Sized + KnownSize>(view: Self::View<'_, T>) -> *mut T;
    }

    /// A handle of a device's memory.
    pub trait IoBase<'a>: Copy {
        /// The way to access it.
        type Backend: IoBackend;
        /// The type of its contents.
        type Target: ?Sized + KnownSize;

        /// Returns a view of all of it.
        fn as_view(self) -> <Self::Backend as IoBackend>::View<'a, Self::Target>;
    }

    /// Access to the kernel's memory.
    pub struct SysMemBackend;

    impl IoBackend for SysMemBackend {
        type View<'a, T: ?Sized + KnownSize> = SysMem<'a, T>;

        #[inline]
        fn as_ptr<T: ?Sized + KnownSize>(view: SysMem<'_, T>) -> *mut T {
            view.0
        }
    }

    /// A part of the kernel's memory.
    pub struct SysMem<'a, T: ?Sized>(*mut T, PhantomData<&'a ()>);

    impl<T: ?Sized> SysMem<'_, T> {
        /// Makes a view of memory.
        ///
        /// # Safety
        ///
        /// The memory must be valid as long as the lifetime.
        #[inline]
        pub unsafe fn new(ptr: *mut T) -> Self {
            Self(ptr, PhantomData)
        }
    }

    /// Access by the CPU's loads and stores.
    pub struct MmioBackend;

    impl IoBackend for MmioBackend {
        type View<'a, T: ?Sized + KnownSize> = Mmio<'a, T>;

        #[inline]
        fn as_ptr<T: ?Sized + KnownSize>(view: Mmio<'_, T>) -> *mut T {
            view.0
        }
    }

    /// The address and the length of a device's memory.
    pub struct MmioRaw<T: ?Sized>(*mut T);

    impl<T: ?Sized> Copy for MmioRaw<T> {}

    impl<T: ?Sized> Clone for MmioRaw<T> {
        fn clone(&self) -> Self {
            *self
        }
    }

    impl<const SIZE: usize> MmioRaw<Region<SIZE>> {
        /// Makes it of an address and a length in bytes.
        pub fn new_region(address: usize, size: usize) -> Result<Self> {
            if size < SIZE {
                return Err(EINVAL);
            }
            let start: *mut u8 = core::ptr::without_provenance_mut(address);
            let bytes: *mut [u8] = core::ptr::slice_from_raw_parts_mut(start, size);
            Ok(Self(bytes as *mut Region<SIZE>))
        }
    }

    /// A view of mapped memory.
    pub struct Mmio<'a, T: ?Sized>(*mut T, PhantomData<&'a ()>);

    impl<T: ?Sized> Mmio<'_, T> {
        /// # Safety
        ///
        /// The memory must be mapped as long as the value is used.
        pub unsafe fn from_raw(raw: MmioRaw<T>) -> Self {
            Self(raw.0, PhantomData)
        }
    }
}
