// SPDX-License-Identifier: GPL-2.0 OR MIT
//! DRM devices.
//!
//! C header: [`include/drm/drm_device.h`](srctree/include/drm/drm_device.h)
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    mem::offset_of,
    ops::Deref,
    ptr::{self, NonNull},
};

use drm_bindings as bindings;
use kernel::{
    device::{self, AsBusDevice, Bound},
    error::{from_err_ptr, to_result},
    prelude::*,
    sync::{
        aref::{ARef, AlwaysRefCounted},
        Arc, SetOnce,
    },
    types::{NotThreadSafe, Opaque, ScopeGuard},
    workqueue::{HasDelayedWork, HasWork, Work, WorkItem},
};

use crate::{
    dma_buf::unsignalled::Fences,
    driver::{AllocImpl, Driver},
    file::File,
    gem::{self, dma::Mappings, prime::ExportOps, window::Window},
    kms::ModeSetting,
    private::Sealed,
    workqueue::Workqueue,
};

/// What is known of a device by where its reference comes from.
///
/// # Examples
///
/// ```no_run
/// use drm::{Device, Driver, Ioctl, Registered};
///
/// fn in_any<T: Driver>(dev: &Device<T>) -> bool {
///     dev.has_huge_pages()
/// }
///
/// fn in_more<T: Driver>(ioctl: &Device<T, Ioctl>, registered: &Device<T, Registered>) -> bool {
///     in_any(ioctl) && in_any(registered)
/// }
/// ```
pub trait DeviceContext: Sealed + Send + Sync + 'static {}

/// Nothing more is known. Only such a device can be kept, by an [`ARef`].
///
/// # Context
///
/// Any.
pub struct Normal;

impl Sealed for Normal {}
impl DeviceContext for Normal {}

/// The device was registered, and may have been unplugged since. Handlers of ioctls may get it.
///
/// # Context
///
/// For handlers of ioctls, which may sleep.
pub struct Ioctl;

impl Sealed for Ioctl {}
impl DeviceContext for Ioctl {}

/// The device is registered, and it stays so as long as the reference exists, see
/// [`RegistrationGuard`].
///
/// # Context
///
/// For handlers of ioctls, which may sleep, and for code that holds a guard.
pub struct Registered;

impl Sealed for Registered {}
impl DeviceContext for Registered {}

/// A DRM device; the C counterpart is `struct drm_device`. A device in one of the contexts [`Ioctl`] and
/// [`Registered`] is also a device in the context [`Normal`].
///
/// # Invariants
///
/// `dev` is a valid, initialized `struct drm_device`. Its count is not zero as long as there is a
/// reference to the device. The layout does not depend on the context. As long as there is a reference in
/// the context [`Registered`], the device is registered, `tied_to` is bound to the driver, and
/// `registration_data` is the data that [`Registration::new`](crate::Registration::new) was called with.
///
/// # Context
///
/// No method sleeps, unless it says otherwise.
#[repr(C)]
pub struct Device<T: Driver, C: DeviceContext = Normal> {
    dev: Opaque<bindings::drm_device>,
    pub(crate) mappings: Mappings,
    pub(crate) mode_setting: ModeSetting,
    /// The memory in which programs see objects without pages.
    pub(crate) window: SetOnce<Window>,
    /// The functions of the buffers that the device has exported.
    pub(crate) export_ops: ExportOps,
    /// The fences that were not signalled.
    pub(crate) fences: Arc<Fences>,
    /// Runs nonblocking commits. Empty after the device was unregistered.
    pub(crate) commits: Workqueue,
    /// The device that is bound to the driver. There is no reference to it, because the code that frees it
    /// may be unloaded before the DRM device is freed.
    tied_to: NonNull<kernel::bindings::device>,
    /// Dangles unless the device is registered.
    pub(crate) registration_data: UnsafeCell<NonNull<T::RegistrationData<'static>>>,
    data: T::Data,
    _context: PhantomData<C>,
}

/// A device that user space cannot see yet. Functions that must be called before user space can see
/// the device, e.g. to add planes, take one of these. [`Registration`](crate::Registration)
/// consumes it.
///
/// # Invariants
///
/// There is one of each device. The device was not registered.
pub struct UnregisteredDevice<T: Driver> {
    drm: ARef<Device<T>>,
    /// Keeps the address that the device is tied to from being that of another device.
    _tied_to: ARef<device::Device>,
    _not_send: NotThreadSafe,
}

impl<T: Driver> Deref for UnregisteredDevice<T> {
    type Target = Device<T>;

    fn deref(&self) -> &Device<T> {
        &self.drm
    }
}

impl<T: Driver> UnregisteredDevice<T> {
    /// The features of a device without mode setting.
    pub(crate) const FEATURES: u32 = {
        let mut features = bindings::drm_driver_feature_DRIVER_GEM;
        if T::FEAT_RENDER {
            features |= bindings::drm_driver_feature_DRIVER_RENDER;
        }
        if T::FEAT_SYNCOBJ {
            features |= bindings::drm_driver_feature_DRIVER_SYNCOBJ
                | bindings::drm_driver_feature_DRIVER_SYNCOBJ_TIMELINE;
        }
        features
    };

    /// The features that a device may have in addition, see [`setup_kms`](Self::setup_kms).
    const FEATURES_OF_KMS: u32 = bindings::drm_driver_feature_DRIVER_MODESET
        | bindings::drm_driver_feature_DRIVER_ATOMIC
        | bindings::drm_driver_feature_DRIVER_CURSOR_HOTSPOT;

    /// The driver's module.
    pub(crate) const OWNER: *mut kernel::bindings::module =
        kernel::module::this_module::<T::OwnerModule>().as_ptr();

    const FOPS: bindings::file_operations = gem::create_fops(Self::OWNER);

    const VTABLE: bindings::drm_driver = {
        let mut driver = T::Object::ALLOC_OPS.0;
        driver.open = Some(File::<T::File>::open_callback);
        driver.postclose = Some(File::<T::File>::postclose_callback);
        // All objects have a status, for the size of what is resident.
        driver.show_fdinfo = Some(bindings::drm_show_memory_stats);
        if T::HAS_MASTER_DROPPED {
            driver.master_drop = Some(crate::driver::master_drop_callback::<T>);
        }
        if !T::DEBUGFS.is_empty() {
            driver.debugfs_init = Some(crate::debugfs::init_callback::<T>);
        }
        driver.major = T::INFO.major;
        driver.minor = T::INFO.minor;
        driver.patchlevel = T::INFO.patchlevel;
        driver.name = T::INFO.name.as_ptr().cast_mut().cast();
        driver.desc = T::INFO.desc.as_ptr().cast_mut().cast();
        driver.driver_features = Self::FEATURES | Self::FEATURES_OF_KMS;
        driver.ioctls = T::IOCTLS.as_ptr().cast();
        driver.num_ioctls = T::IOCTLS.len() as i32;
        driver.fops = &Self::FOPS;
        driver
    };

    /// Creates a device with the driver's data below `dev`, which is bound to the driver. It is not
    /// registered.
    ///
    /// When the driver leaves `dev`, the memory of all buffer objects is unmapped for the device. Those
    /// that are still open keep their pages, but cannot be mapped again. Resources of `dev` that are
    /// added after this are released before that, so a driver starts the device after this.
    ///
    /// # Errors
    ///
    /// `ENOMEM`; `EINVAL` if `dev` is bound to a driver of another module; the errors of `data`. C:
    /// `devm_drm_dev_alloc()`.
    pub fn new(dev: &T::ParentDevice<Bound>, data: impl PinInit<T::Data, Error>) -> Result<Self> {
        let parent: &device::Device<Bound> = dev.as_ref();
        Self::with_parent(dev, parent, data)
    }

    /// Does the same as [`new`](Self::new), but below `parent`, which is `dev` or its parent. For
    /// devices on a bus whose user space knows them by their parents. C: `devm_drm_dev_alloc()`.
    ///
    /// # Errors
    ///
    /// The errors of [`new`](Self::new); `EINVAL` for another `parent`.
    pub fn with_parent(
        dev: &T::ParentDevice<Bound>,
        parent: &device::Device,
        data: impl PinInit<T::Data, Error>,
    ) -> Result<Self> {
        let dev: &device::Device<Bound> = dev.as_ref();
        let dev_raw: *mut kernel::bindings::device = ptr::from_ref(dev).cast_mut().cast();
        let parent_raw: *mut kernel::bindings::device = ptr::from_ref(parent).cast_mut().cast();
        // SAFETY: The device is valid, and its parent does not change.
        let parent_of_dev = unsafe { (*dev_raw).parent };
        // SAFETY: As above, and the driver does not change while the device is bound.
        let driver = unsafe { (*dev_raw).driver };
        if (parent_raw != dev_raw && parent_raw != parent_of_dev) || driver.is_null() {
            return Err(EINVAL);
        }
        // What is tied to a device runs code of the module of `T`. So that module must be one that
        // cannot be unloaded before its driver has left the device.
        // SAFETY: A driver is valid as long as it is bound to a device.
        let owner = unsafe { (*driver).owner };
        if owner != Self::OWNER {
            return Err(EINVAL);
        }

        let tied_to = NonNull::new(dev_raw).ok_or(EINVAL)?;
        let commits = Workqueue::new(c"drm-commits")?;
        let fences = Fences::new()?;
        // SAFETY: The size is that of a `Device<T>`, and the offset that of its `dev`. The table is
        // static.
        let raw: *mut Device<T> = from_err_ptr(unsafe {
            bindings::__drm_dev_alloc(
                parent_raw,
                const { &Self::VTABLE },
                core::alloc::Layout::new::<Device<T>>()
                    .pad_to_align()
                    .size(),
                offset_of!(Device<T>, dev),
            )
        })?
        .cast();

        // SAFETY: The memory was just allocated, so nothing else refers to it, and it does not
        // move.
        let ret = unsafe { Self::complete(raw, tied_to, commits, fences, data) };
        if let Err(error) = ret {
            // SAFETY: This is the only reference, and it is not used after this.
            unsafe { bindings::drm_dev_put(raw.cast()) };
            return Err(error);
        }
        // SAFETY: Nothing else refers to the device yet. `setup_kms` adds mode setting.
        unsafe { (*raw.cast::<bindings::drm_device>()).driver_features = Self::FEATURES };

        let raw = NonNull::new(raw).ok_or(ENOMEM)?;
        // INVARIANT: The device is initialized, and has a reference.
        // SAFETY: The only reference is moved into the `ARef`.
        let drm = unsafe { ARef::from_raw(raw) };
        // INVARIANT: The device was created above.
        let this = Self {
            drm,
            _tied_to: dev.into(),
            _not_send: NotThreadSafe,
        };
        this.prepare_memory();
        // SAFETY: `dev` is bound to a driver of the module of `T`, as checked above, so the action runs
        // before the module's code is unloaded. The action owns a reference to its data. If there is no
        // memory for it, it runs at once.
        to_result(unsafe {
            bindings::devm_add_action_or_reset(
                dev_raw,
                Some(Device::<T>::untie_callback),
                ARef::into_raw(this.drm.clone()).as_ptr().cast(),
            )
        })?;
        Ok(this)
    }

    /// Sets how buffers are allocated and mapped. Called before anything else can refer to the
    /// device.
    fn prepare_memory(&self) {
        if T::FEAT_HUGE_PAGES {
            // SAFETY: The device is valid, and has no buffers.
            let ret = to_result(unsafe {
                bindings::helper_drm_gem_huge_mnt_create(
                    self.as_raw(),
                    c"within_size".as_ptr().cast(),
                )
            });
            if let Err(error) = ret {
                crate::drm_warn!(self, "no huge pages for buffers: {:?}\n", error);
            }
        }
        if T::FEAT_UNLIMITED_SEGMENTS {
            // SAFETY: The device and its parent are valid. The parent is bound: `with_parent` has
            // checked that it is the device of the driver or the device that carries that one.
            unsafe { bindings::helper_dma_unlimited_segments(self.raw_parent()) }
        }
    }

    /// Initializes the fields behind the C struct. They are dropped together with the device, after
    /// everything that the core manages for it, e.g. planes.
    ///
    /// # Safety
    ///
    /// `raw` must be a new device, of which only the C struct is initialized. Nothing else may refer
    /// to it.
    unsafe fn complete(
        raw: *mut Device<T>,
        tied_to: NonNull<kernel::bindings::device>,
        commits: Workqueue,
        fences: Arc<Fences>,
        data: impl PinInit<T::Data, Error>,
    ) -> Result {
        // SAFETY: `raw` is a new device.
        let slot = unsafe { &raw mut (*raw).mappings };
        // SAFETY: The memory is not initialized, and does not move.
        unsafe { Mappings::init(slot) };
        let mappings = ScopeGuard::new_with_data(slot, |slot| {
            // SAFETY: It was initialized above, and is not used after this.
            unsafe { ptr::drop_in_place(slot) };
        });
        // SAFETY: `raw` is a new device.
        let slot = unsafe { &raw mut (*raw).mode_setting };
        // SAFETY: The memory is not initialized, and does not move.
        unsafe { ModeSetting::init(slot) };
        let mode_setting = ScopeGuard::new_with_data(slot, |slot| {
            // SAFETY: It was initialized above, and is not used after this.
            unsafe { ptr::drop_in_place(slot) };
        });
        // SAFETY: `raw` is a new device.
        let slot = unsafe { &raw mut (*raw).data };
        // SAFETY: The memory is not initialized, and does not move.
        unsafe { pin_init::raw_try_init(slot, data) }?;
        mappings.dismiss();
        mode_setting.dismiss();
        // SAFETY: `raw` is a new device.
        let slot = unsafe { &raw mut (*raw).window };
        // SAFETY: The memory is not initialized.
        unsafe { slot.write(SetOnce::new()) };
        // SAFETY: `raw` is a new device.
        let slot = unsafe { &raw mut (*raw).export_ops };
        // SAFETY: The memory is not initialized.
        unsafe { slot.write(T::Object::EXPORT_OPS) };
        // SAFETY: `raw` is a new device.
        let slot = unsafe { &raw mut (*raw).fences };
        // SAFETY: The memory is not initialized.
        unsafe { slot.write(fences) };
        // SAFETY: `raw` is a new device.
        let slot = unsafe { &raw mut (*raw).commits };
        // SAFETY: The memory is not initialized.
        unsafe { slot.write(commits) };
        // SAFETY: `raw` is a new device.
        let slot = unsafe { &raw mut (*raw).tied_to };
        // SAFETY: The memory is not initialized.
        unsafe { slot.write(tied_to) };
        // SAFETY: `raw` is a new device.
        let slot = unsafe { &raw mut (*raw).registration_data };
        // SAFETY: The memory is not initialized.
        unsafe { slot.write(UnsafeCell::new(NonNull::dangling())) };
        // SAFETY: All fields are initialized. The core runs the actions in reverse order, so it runs
        // the first one last. If there is no memory for the action, the core runs it at once.
        to_result(unsafe {
            bindings::__drmm_add_action_or_reset(
                raw.cast(),
                Some(Device::<T>::release),
                ptr::null_mut(),
                c"Device::release".as_ptr().cast(),
            )
        })
    }
}

impl<T: Driver, C: DeviceContext> Device<T, C> {
    /// # Safety
    ///
    /// `ptr` must be a valid device of driver `T` in the context `C` as long as the reference is used.
    #[doc(hidden)]
    pub unsafe fn from_raw<'a>(ptr: *mut bindings::drm_device) -> &'a Self {
        // SAFETY: By the requirements of this function, and because `dev` is the first field.
        unsafe { &*ptr.cast() }
    }

    #[doc(hidden)]
    pub fn as_raw(&self) -> *mut bindings::drm_device {
        self.dev.get()
    }

    /// Returns the device in another context.
    ///
    /// # Safety
    ///
    /// The device must be in that context as long as the reference is used.
    unsafe fn in_context<D: DeviceContext>(&self) -> &Device<T, D> {
        // SAFETY: By the requirements of this function. The layout does not depend on the context.
        unsafe { &*ptr::from_ref(self).cast() }
    }
}

impl<T: Driver> Device<T> {
    /// Returns whether this is the device that [`UnregisteredDevice::new`] was called with. `dev` may also
    /// be another device at the same address, if the driver has left the first one.
    pub(crate) fn is_tied_to(&self, dev: &device::Device<Bound>) -> bool {
        ptr::addr_eq(self.tied_to.as_ptr(), dev)
    }

    /// Returns the parent device of the C API, which is valid as long as the device.
    pub(crate) fn raw_parent(&self) -> *mut kernel::bindings::device {
        // SAFETY: The device is valid, and holds a reference to its parent, which does not change.
        unsafe { (*self.as_raw()).dev }
    }

    /// Returns the parent device, for messages.
    pub fn as_device(&self) -> &device::Device {
        // SAFETY: The DRM device holds a reference to its parent.
        unsafe { device::Device::from_raw(self.raw_parent()) }
    }

    /// Returns whether buffers are allocated from huge pages; C: `drm_gem_get_huge_mnt()`.
    pub fn has_huge_pages(&self) -> bool {
        // SAFETY: The device is valid. The mount is set before anything else refers to the device.
        unsafe { bindings::helper_drm_gem_has_huge_mnt(self.as_raw()) }
    }

    /// Removes a firmware's framebuffer if the device is the machine's VGA.
    ///
    /// # Errors
    ///
    /// The errors of `aperture_remove_conflicting_pci_devices()`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn take_aperture(&self) -> Result {
        // SAFETY: The device and its parent are valid.
        kernel::error::to_result(unsafe {
            bindings::helper_aperture_remove_vga(self.raw_parent(), T::INFO.name.as_ptr().cast())
        })
    }

    /// Returns whether an IOMMU translates the device's memory accesses; C: `device_iommu_mapped()`.
    pub fn is_iommu_mapped(&self) -> bool {
        // SAFETY: The device and its parent are valid.
        unsafe { bindings::helper_device_iommu_mapped(self.raw_parent()) }
    }

    /// Returns whether memory may have to be mapped by bounce buffers, because nothing else limits
    /// the size of a mapping. C: `dma_max_mapping_size()`.
    pub fn has_dma_limit(&self) -> bool {
        // SAFETY: The device and its parent are valid.
        unsafe { kernel::bindings::dma_max_mapping_size(self.raw_parent()) != usize::MAX }
    }

    /// Returns whether some of the memory that is mapped for the device has to be synchronized between
    /// device and CPU; C: `dma_dev_need_sync()`.
    pub fn needs_dma_sync(&self) -> bool {
        // SAFETY: The device and its parent are valid.
        unsafe { bindings::helper_dma_dev_need_sync(self.raw_parent()) }
    }

    /// Called when the driver leaves the device that the DRM device was created for. After that, nothing may
    /// be mapped for the device, and nothing may call a function of the driver's fences. C:
    /// `dma_fence_signal()`, `dma_unmap_sgtable()`.
    extern "C" fn untie_callback(this: *mut kernel::ffi::c_void) {
        let Some(this) = NonNull::new(this.cast::<Self>()) else {
            return;
        };
        // SAFETY: `with_parent` has passed this reference to the action.
        let this: ARef<Self> = unsafe { ARef::from_raw(this) };
        this.fences.end();
        this.mappings.clear();
    }

    /// Calls `f` unless the device was unplugged, for which a device that was never registered does not
    /// count. C: `drm_dev_enter()`.
    ///
    /// # Context
    ///
    /// Any. `f` may sleep where the caller may.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # use kernel::prelude::*;
    /// use drm::{Device, Driver};
    ///
    /// fn access<T: Driver>(dev: &Device<T>, registers: impl FnOnce() -> u32) -> Result<u32> {
    ///     dev.while_plugged(registers).ok_or(ENODEV)
    /// }
    /// ```
    pub fn while_plugged<R>(&self, f: impl FnOnce() -> R) -> Option<R> {
        let section = Section::enter(self)?;
        let result = f();
        drop(section);
        Some(result)
    }

    extern "C" fn release(raw: *mut bindings::drm_device, _data: *mut kernel::ffi::c_void) {
        let this: *mut Self = raw.cast();
        // SAFETY: The core calls this after the last reference was dropped. `complete` has
        // initialized the fields behind the C struct.
        let data = unsafe { &raw mut (*this).data };
        // SAFETY: As above. Nothing accesses the field after this.
        unsafe { ptr::drop_in_place(data) };
        // SAFETY: As above.
        let commits = unsafe { &raw mut (*this).commits };
        // SAFETY: As above.
        unsafe { ptr::drop_in_place(commits) };
        // SAFETY: As above.
        let fences = unsafe { &raw mut (*this).fences };
        // SAFETY: As above.
        unsafe { ptr::drop_in_place(fences) };
        // SAFETY: As above.
        let window = unsafe { &raw mut (*this).window };
        // SAFETY: As above.
        unsafe { ptr::drop_in_place(window) };
        // SAFETY: As above.
        let mode_setting = unsafe { &raw mut (*this).mode_setting };
        // SAFETY: As above.
        unsafe { ptr::drop_in_place(mode_setting) };
        // SAFETY: As above.
        let mappings = unsafe { &raw mut (*this).mappings };
        // SAFETY: As above.
        unsafe { ptr::drop_in_place(mappings) };
    }
}

/// A section of code during which a device is not unplugged; C: `drm_dev_enter()`.
///
/// # Invariants
///
/// This thread is in the section with this number.
struct Section(i32, NotThreadSafe);

impl Section {
    /// Enters a section, unless the device was unplugged.
    fn enter<T: Driver, C: DeviceContext>(dev: &Device<T, C>) -> Option<Self> {
        let mut index = 0;
        // SAFETY: The device is valid.
        let entered = unsafe { bindings::drm_dev_enter(dev.as_raw(), &mut index) };
        // INVARIANT: It was entered above.
        entered.then(|| Self(index, NotThreadSafe))
    }
}

impl Drop for Section {
    fn drop(&mut self) {
        // SAFETY: By the type's invariants.
        unsafe { bindings::drm_dev_exit(self.0) };
    }
}

/// Keeps a device registered: an unplug waits until the guard is dropped. If it is forgotten, the unplug
/// waits forever.
///
/// # Context
///
/// The thread may sleep while it holds the guard. It must not wait for an unplug.
///
/// # Examples
///
/// ```no_run
/// # use kernel::prelude::*;
/// use drm::{Device, Driver, Ioctl};
///
/// fn with_data<T: Driver>(
///     dev: &Device<T, Ioctl>,
///     f: impl FnOnce(&T::RegistrationData<'static>),
/// ) -> Result {
///     let guard = dev.registration_guard().ok_or(ENODEV)?;
///     guard.registration_data_with(f);
///     Ok(())
/// }
/// ```
#[must_use]
pub struct RegistrationGuard<'a, T: Driver> {
    dev: &'a Device<T, Registered>,
    _section: Section,
}

impl<T: Driver> Deref for RegistrationGuard<'_, T> {
    type Target = Device<T, Registered>;

    fn deref(&self) -> &Device<T, Registered> {
        self.dev
    }
}

impl<T: Driver> Device<T, Ioctl> {
    /// Returns a guard, unless the device was unplugged.
    #[must_use]
    pub fn registration_guard(&self) -> Option<RegistrationGuard<'_, T>> {
        let section = Section::enter(self)?;
        // INVARIANT: The device was registered, by its context, and was not unplugged. `Registration`
        // unplugs it before it drops the data and before the driver leaves `tied_to`. The unplug waits
        // for the end of the section, which is that of the guard.
        // SAFETY: As above.
        let dev = unsafe { self.in_context() };
        Some(RegistrationGuard {
            dev,
            _section: section,
        })
    }
}

impl<T: Driver> Device<T, Registered> {
    /// Calls `f` with the data of the registration.
    pub fn registration_data_with<R>(
        &self,
        f: impl for<'a> FnOnce(&'a T::RegistrationData<'static>) -> R,
    ) -> R {
        // SAFETY: The field is only written while the device is not registered.
        let data = unsafe { *self.registration_data.get() };
        // SAFETY: By the type's invariants, it is the data of the registration, and stays as long as the
        // reference to the device.
        f(unsafe { data.as_ref() })
    }
}

impl<T: Driver> AsRef<T::ParentDevice<Bound>> for Device<T, Registered> {
    fn as_ref(&self) -> &T::ParentDevice<Bound> {
        // SAFETY: By the type's invariants, the device is bound, so it is valid. `device::Device` is
        // transparent over `struct device`.
        let dev: &device::Device<Bound> = unsafe { &*self.tied_to.as_ptr().cast() };
        // SAFETY: `with_parent` has made the pointer from a `T::ParentDevice`.
        unsafe { AsBusDevice::from_device(dev) }
    }
}

impl<T: Driver> Deref for Device<T, Ioctl> {
    type Target = Device<T>;

    fn deref(&self) -> &Device<T> {
        // SAFETY: Any device is in the context `Normal`.
        unsafe { self.in_context() }
    }
}

impl<T: Driver> Deref for Device<T, Registered> {
    type Target = Device<T>;

    fn deref(&self) -> &Device<T> {
        // SAFETY: As above.
        unsafe { self.in_context() }
    }
}

impl<T: Driver> Deref for Device<T> {
    type Target = T::Data;

    fn deref(&self) -> &T::Data {
        &self.data
    }
}

// SAFETY: The functions use the reference count of the C device.
unsafe impl<T: Driver> AlwaysRefCounted for Device<T> {
    fn inc_ref(&self) {
        // SAFETY: By the type's invariants, the count is not zero.
        unsafe { bindings::drm_dev_get(self.as_raw()) };
    }

    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller passes a reference that it owns. `dev` is the first field.
        unsafe { bindings::drm_dev_put(obj.as_ptr().cast()) };
    }
}

// SAFETY: The C device may be used on any thread, and the bounds of `Driver` require that the data
// is `Send` and `Sync`.
unsafe impl<T: Driver, C: DeviceContext> Send for Device<T, C> {}
// SAFETY: As above.
unsafe impl<T: Driver, C: DeviceContext> Sync for Device<T, C> {}

impl<T: Driver, const ID: u64> WorkItem<ID> for Device<T>
where
    T::Data: WorkItem<ID, Pointer = ARef<Self>> + HasWork<Self, ID>,
{
    type Pointer = ARef<Self>;

    fn run(device: ARef<Self>) {
        T::Data::run(device)
    }
}

// SAFETY: The work is at a fixed offset in the data, which is at a fixed offset in the device, so
// the two functions are inverse.
unsafe impl<T: Driver, const ID: u64> HasWork<Self, ID> for Device<T>
where
    T::Data: HasWork<Self, ID>,
{
    unsafe fn raw_get_work(device: *mut Self) -> *mut Work<Self, ID> {
        // SAFETY: The caller passes a valid device.
        let data = unsafe { &raw mut (*device).data };
        // SAFETY: As above.
        unsafe { T::Data::raw_get_work(data) }
    }

    unsafe fn work_container_of(work: *mut Work<Self, ID>) -> *mut Self {
        // SAFETY: The caller passes the work of a device's data.
        let data = unsafe { T::Data::work_container_of(work) };
        data.wrapping_byte_sub(offset_of!(Self, data)).cast()
    }
}

// SAFETY: By `HasDelayedWork` of the data, the work is in a delayed work.
unsafe impl<T: Driver, const ID: u64> HasDelayedWork<Self, ID> for Device<T> where
    T::Data: HasDelayedWork<Self, ID>
{
}

impl<T: Driver> Device<T> {
    /// Returns the C struct of a work of the device.
    fn raw_work<const ID: u64>(&self) -> *mut kernel::bindings::work_struct
    where
        T::Data: HasWork<Self, ID> + WorkItem<ID, Pointer = ARef<Self>>,
    {
        // SAFETY: The device is valid.
        let work =
            unsafe { <Self as HasWork<Self, ID>>::raw_get_work(ptr::from_ref(self).cast_mut()) };
        // SAFETY: The work is a field of the device.
        unsafe { Work::raw_get(work) }
    }

    /// Drops the reference that a queue held for a work that was removed from it.
    ///
    /// # Safety
    ///
    /// A work of the device was removed from its queue, and this was not called for it.
    unsafe fn put_work(&self) {
        // SAFETY: The queue held a reference to the device for the work, and has given it up.
        drop(unsafe { ARef::<Self>::from_raw(NonNull::from(self)) });
    }

    /// Disables a work for good. Removes it from its queue, or waits until it has run.
    ///
    /// C: `disable_work_sync()`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn disable_work<const ID: u64>(&self)
    where
        T::Data: HasWork<Self, ID> + WorkItem<ID, Pointer = ARef<Self>>,
    {
        // SAFETY: The work is part of the device, to which the caller has a reference.
        if unsafe { kernel::bindings::disable_work_sync(self.raw_work::<ID>()) } {
            // SAFETY: The work was removed from its queue.
            unsafe { self.put_work() };
        }
    }

    /// Does the same as [`disable_work`](Self::disable_work) for a delayed work; C:
    /// `disable_delayed_work_sync()`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn disable_delayed_work<const ID: u64>(&self)
    where
        T::Data: HasDelayedWork<Self, ID> + WorkItem<ID, Pointer = ARef<Self>>,
    {
        let work = self.raw_work::<ID>().cast();
        // SAFETY: As in `disable_work`. By `HasDelayedWork`, the work is the first field of a delayed
        // work.
        if unsafe { kernel::bindings::disable_delayed_work_sync(work) } {
            // SAFETY: The work was removed from its queue.
            unsafe { self.put_work() };
        }
    }

    /// Removes a work from its queue, or waits until it has run; C: `cancel_work_sync()`.
    ///
    /// # Context
    ///
    /// May sleep.
    pub fn cancel_work<const ID: u64>(&self)
    where
        T::Data: HasWork<Self, ID> + WorkItem<ID, Pointer = ARef<Self>>,
    {
        // SAFETY: As in `disable_work`.
        if unsafe { kernel::bindings::cancel_work_sync(self.raw_work::<ID>()) } {
            // SAFETY: The work was removed from its queue.
            unsafe { self.put_work() };
        }
    }
}
