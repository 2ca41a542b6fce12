// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Planes and their states.
//!
//! C header: [`include/drm/drm_plane.h`](srctree/include/drm/drm_plane.h)
use core::{marker::PhantomData, mem, ops::Deref, ptr};

use drm_bindings as bindings;
use kernel::{
    error::{to_result, VTABLE_DEFAULT_ERROR},
    prelude::*,
    types::Opaque,
};

use super::{
    atomic::{AtomicCheck, AtomicCommit},
    shadow, Framebuffer, KmsDriver, UnregisteredKmsDevice,
};
use crate::{errno, Device, Rect};

/// The type of a plane.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// The primary plane of a CRTC.
    Primary,
    /// The cursor plane of a CRTC.
    Cursor,
}

type Fb<T> = Framebuffer<<<T as DriverPlane>::Driver as KmsDriver>::Framebuffer>;

/// The driver's data of a plane.
///
/// # Context
///
/// Methods may sleep, except [`panic_flush`](Self::panic_flush).
#[vtable]
pub trait DriverPlane: Send + Sync + Sized + 'static {
    /// The driver.
    type Driver: KmsDriver;

    /// The plane's type.
    const TYPE: Type;
    /// Pixel formats, the preferred one first.
    const FORMATS: &'static [u32];
    /// Programs may declare what has changed in a framebuffer (`FB_DAMAGE_CLIPS`).
    const DAMAGE_CLIPS: bool = false;
    /// The CPU copies the pixels, so they are mapped for each commit, see
    /// [`PlaneState::shadow_buffer`]. Cannot be combined with
    /// [`atomic_async_check`](Self::atomic_async_check).
    const SHADOW: bool = false;
    /// The pixels of planes with [`SHADOW`](Self::SHADOW) are converted for the device, see
    /// [`ShadowBuffer::convert_to`](super::ShadowBuffer::convert_to). The memory for that is allocated
    /// before the commit, which fails with `ENOMEM` if there is none.
    const CONVERTS: bool = false;
    /// The only size that the plane shows, in pixels.
    const SIZE_HINT: Option<(u16, u16)> = None;

    /// Called when a framebuffer is about to be shown. The commit cannot fail after this.
    ///
    /// # Errors
    ///
    /// The error that the commit fails with.
    fn prepare_fb(&self, _dev: &Device<Self::Driver>, _fb: &Fb<Self>) -> Result {
        Ok(())
    }

    /// Called after [`prepare_fb`](Self::prepare_fb) has returned `ENOSPC`. The driver may give up
    /// what the plane shows to make room. The previous commit is done, and no other commits to the
    /// CRTC.
    ///
    /// # Errors
    ///
    /// The error that the commit fails with.
    fn prepare_fb_instead(&self, _dev: &Device<Self::Driver>, _fb: &Fb<Self>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Called when a prepared framebuffer is not shown any more, or will not be shown.
    fn cleanup_fb(&self, _dev: &Device<Self::Driver>, _fb: &Fb<Self>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Checks whether the device can show a state. Must not change the device.
    ///
    /// # Errors
    ///
    /// The error that the commit fails with.
    fn atomic_check(
        &self,
        old: &PlaneState<Self>,
        new: &PlaneState<Self>,
        check: &AtomicCheck<'_>,
    ) -> Result;

    /// Shows a state.
    fn atomic_update(
        &self,
        dev: &Device<Self::Driver>,
        old: &PlaneState<Self>,
        new: &PlaneState<Self>,
        commit: &AtomicCommit<'_>,
    );

    /// Shows nothing any more.
    fn atomic_disable(
        &self,
        dev: &Device<Self::Driver>,
        old: &PlaneState<Self>,
        new: &PlaneState<Self>,
    );

    /// Checks whether a state can be shown at once, before commits that wait.
    ///
    /// # Errors
    ///
    /// Any. The state is then committed in order.
    fn atomic_async_check(&self, _old: &PlaneState<Self>, _new: &PlaneState<Self>) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Called when the kernel has panicked and has drawn into the framebuffer: shows its pixels.
    ///
    /// Must not wait or allocate memory. The kernel only draws into the driver's own buffers in
    /// shared memory whose first pixel has the offset 0.
    fn panic_flush(&self, _dev: &Device<Self::Driver>, _state: &PlaneState<Self>) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Shows a state at once. `new_image` tells whether more than the position has changed.
    fn atomic_async_update(
        &self,
        _dev: &Device<Self::Driver>,
        _current: &PlaneState<Self>,
        _new_image: bool,
    ) {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// A plane; the C counterpart is `struct drm_plane`.
///
/// # Invariants
///
/// `plane` is a valid plane of a device of `T::Driver`.
#[repr(C)]
pub struct Plane<T: DriverPlane> {
    plane: Opaque<bindings::drm_plane>,
    inner: T,
}

impl<T: DriverPlane> Plane<T> {
    const FUNCS: bindings::drm_plane_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_plane_funcs = unsafe { mem::zeroed() };
        funcs.destroy = Some(Self::destroy_callback);
        funcs.update_plane = Some(bindings::drm_atomic_helper_update_plane);
        funcs.disable_plane = Some(bindings::drm_atomic_helper_disable_plane);
        if T::SHADOW {
            funcs.reset = Some(bindings::drm_gem_reset_shadow_plane);
            funcs.atomic_duplicate_state = Some(bindings::drm_gem_duplicate_shadow_plane_state);
            funcs.atomic_destroy_state = Some(bindings::drm_gem_destroy_shadow_plane_state);
        } else {
            funcs.reset = Some(bindings::drm_atomic_helper_plane_reset);
            funcs.atomic_duplicate_state = Some(bindings::drm_atomic_helper_plane_duplicate_state);
            funcs.atomic_destroy_state = Some(bindings::drm_atomic_helper_plane_destroy_state);
        }
        funcs
    };

    const HELPER: bindings::drm_plane_helper_funcs = {
        // SAFETY: All zeros is a valid, empty struct of functions.
        let mut funcs: bindings::drm_plane_helper_funcs = unsafe { mem::zeroed() };
        funcs.prepare_fb = Some(Self::prepare_fb_callback);
        if T::HAS_CLEANUP_FB {
            funcs.cleanup_fb = Some(Self::cleanup_fb_callback);
        }
        if T::SHADOW {
            funcs.begin_fb_access = if T::CONVERTS {
                Some(shadow::begin_conversion_callback)
            } else {
                Some(bindings::drm_gem_begin_shadow_fb_access)
            };
            funcs.end_fb_access = Some(bindings::drm_gem_end_shadow_fb_access);
        }
        funcs.atomic_check = Some(Self::atomic_check_callback);
        funcs.atomic_update = Some(Self::atomic_update_callback);
        funcs.atomic_disable = Some(Self::atomic_disable_callback);
        // An asynchronous update would use the new framebuffer with the mapping of the old one.
        assert!(
            !(T::SHADOW && T::HAS_ATOMIC_ASYNC_CHECK),
            "planes with SHADOW cannot be updated asynchronously"
        );
        if T::HAS_ATOMIC_ASYNC_CHECK {
            funcs.atomic_async_check = Some(Self::atomic_async_check_callback);
            funcs.atomic_async_update = Some(Self::atomic_async_update_callback);
        }
        if T::HAS_PANIC_FLUSH {
            funcs.get_scanout_buffer = Some(get_scanout_buffer_callback);
            funcs.panic_flush = Some(Self::panic_flush_callback);
        }
        funcs
    };

    /// Creates a plane for the CRTCs in the mask `possible_crtcs`. It lives as long as the device.
    ///
    /// # Errors
    ///
    /// `ENOMEM`. C: `drm_universal_plane_init()`.
    pub fn new<'a>(
        dev: &'a UnregisteredKmsDevice<'_, T::Driver>,
        possible_crtcs: u32,
        inner: T,
    ) -> Result<&'a Self> {
        // SAFETY: All zeros is a valid value of the C struct, and is what the core expects.
        let plane: bindings::drm_plane = unsafe { mem::zeroed() };
        let this = KBox::into_raw(KBox::new(
            Self {
                plane: Opaque::new(plane),
                inner,
            },
            GFP_KERNEL,
        )?);
        let raw: *mut bindings::drm_plane = this.cast();
        // SAFETY: Device and memory are valid, and functions and formats are static.
        let ret = to_result(unsafe {
            bindings::drm_universal_plane_init(
                dev.as_raw(),
                raw,
                possible_crtcs,
                const { &Self::FUNCS },
                T::FORMATS.as_ptr(),
                T::FORMATS.len() as u32,
                ptr::null(),
                match T::TYPE {
                    Type::Primary => bindings::drm_plane_type_DRM_PLANE_TYPE_PRIMARY,
                    Type::Cursor => bindings::drm_plane_type_DRM_PLANE_TYPE_CURSOR,
                },
                ptr::null(),
            )
        });
        if let Err(error) = ret {
            // If the core has failed, it does not refer to the object, unless the object is in the
            // device's list. In that case the device destroys it.
            // SAFETY: The memory is valid: only `destroy_callback` frees it.
            if unsafe { (*raw).head.next }.is_null() {
                // SAFETY: The box was leaked above, and the core does not refer to it.
                drop(unsafe { KBox::from_raw(this) });
            }
            return Err(error);
        }

        // SAFETY: The plane is initialized, and is valid until `destroy_callback`. The device is not
        // registered, so nothing else uses the plane.
        unsafe { (*raw).helper_private = const { &Self::HELPER } };
        // Nothing but black is below the plane, and there premultiplied pixels look opaque.
        // SAFETY: As above.
        unsafe { bindings::drm_plane_create_blend_mode_property(raw, 1) };
        if T::DAMAGE_CLIPS {
            // SAFETY: As above.
            unsafe { bindings::drm_plane_enable_fb_damage_clips(raw) };
        }
        if let Some((width, height)) = T::SIZE_HINT {
            let hint = bindings::drm_plane_size_hint { width, height };
            // SAFETY: As above. The function copies the hint.
            to_result(unsafe { bindings::drm_plane_add_size_hints_property(raw, &hint, 1) })?;
        }
        // INVARIANT: The plane was initialized above, for a device of `T::Driver`.
        // SAFETY: The plane is valid until `destroy_callback`, which the device calls.
        Ok(unsafe { &*this })
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::drm_plane {
        self.plane.get()
    }

    /// Returns the device that the plane belongs to.
    ///
    /// # Context
    ///
    /// Any.
    pub fn dev(&self) -> &Device<T::Driver> {
        // SAFETY: By the type's invariants, the plane is valid. Its device does not change.
        let dev = unsafe { (*self.as_raw()).dev };
        // SAFETY: By the type's invariants, it is a device of `T::Driver`, which is valid as long as
        // the plane.
        unsafe { Device::from_raw(dev) }
    }

    /// # Safety
    ///
    /// `raw` must be a valid `Self` as long as the reference is used.
    unsafe fn from_raw<'a>(raw: *mut bindings::drm_plane) -> &'a Self {
        // SAFETY: By the requirements of this function. `plane` is the first field.
        unsafe { &*raw.cast() }
    }

    extern "C" fn destroy_callback(raw: *mut bindings::drm_plane) {
        // SAFETY: The core calls this once.
        unsafe { bindings::drm_plane_cleanup(raw) };
        // SAFETY: The core does not use the object afterwards. `new` made it of a box.
        drop(unsafe { KBox::<Self>::from_raw(raw.cast()) });
    }

    extern "C" fn prepare_fb_callback(
        raw: *mut bindings::drm_plane,
        state: *mut bindings::drm_plane_state,
    ) -> kernel::ffi::c_int {
        // SAFETY: The core calls this with a valid state, which it does not change meanwhile.
        let fb = unsafe { (*state).fb };
        if fb.is_null() {
            return 0;
        }
        // SAFETY: The core calls this for a plane with a state of it.
        let ret = unsafe { bindings::drm_gem_plane_helper_prepare_fb(raw, state) };
        if ret != 0 {
            return ret;
        }
        // SAFETY: The core calls this for a plane of this type.
        let plane = unsafe { Self::from_raw(raw) };
        // SAFETY: The state holds a reference to its framebuffer, which is of the plane's driver.
        let fb = unsafe { Framebuffer::from_raw(fb) };
        let ret = plane.inner.prepare_fb(plane.dev(), fb);
        if !T::HAS_PREPARE_FB_INSTEAD || ret != Err(ENOSPC) {
            return errno(ret);
        }
        // SAFETY: The state has a framebuffer, so it has a CRTC, whose state is in the commit.
        let ret = unsafe { bindings::helper_drm_wait_for_last_commit(state) };
        if ret != 0 {
            return ret;
        }
        errno(plane.inner.prepare_fb_instead(plane.dev(), fb))
    }

    extern "C" fn cleanup_fb_callback(
        raw: *mut bindings::drm_plane,
        state: *mut bindings::drm_plane_state,
    ) {
        // SAFETY: The core calls this with a valid state, which it does not change meanwhile.
        let fb = unsafe { (*state).fb };
        if fb.is_null() {
            return;
        }
        // SAFETY: The core calls this for a plane of this type.
        let plane = unsafe { Self::from_raw(raw) };
        // SAFETY: The state holds a reference to its framebuffer, which is of the plane's driver.
        let fb = unsafe { Framebuffer::from_raw(fb) };
        plane.inner.cleanup_fb(plane.dev(), fb);
    }

    extern "C" fn atomic_check_callback(
        raw: *mut bindings::drm_plane,
        state: *mut bindings::drm_atomic_commit,
    ) -> kernel::ffi::c_int {
        // SAFETY: The core calls this for a plane of this type.
        let plane = unsafe { Self::from_raw(raw) };
        // SAFETY: The core calls this with a state that this thread checks.
        let check = unsafe { AtomicCheck::from_raw(state) };
        errno(plane.inner.atomic_check(
            check.old_plane_state(plane),
            check.new_plane_state(plane),
            &check,
        ))
    }

    extern "C" fn atomic_update_callback(
        raw: *mut bindings::drm_plane,
        state: *mut bindings::drm_atomic_commit,
    ) {
        // SAFETY: The core calls this for a plane of this type.
        let plane = unsafe { Self::from_raw(raw) };
        // SAFETY: The core calls this with a state that is being committed.
        let commit = unsafe { AtomicCommit::from_raw(state) };
        plane.inner.atomic_update(
            plane.dev(),
            commit.old_plane_state(plane),
            commit.new_plane_state(plane),
            &commit,
        )
    }

    extern "C" fn atomic_disable_callback(
        raw: *mut bindings::drm_plane,
        state: *mut bindings::drm_atomic_commit,
    ) {
        // SAFETY: The core calls this for a plane of this type.
        let plane = unsafe { Self::from_raw(raw) };
        // SAFETY: The core calls this with a state that is being committed.
        let commit = unsafe { AtomicCommit::from_raw(state) };
        plane.inner.atomic_disable(
            plane.dev(),
            commit.old_plane_state(plane),
            commit.new_plane_state(plane),
        )
    }

    extern "C" fn panic_flush_callback(raw: *mut bindings::drm_plane) {
        // SAFETY: The core calls this for a plane of this type.
        let plane = unsafe { Self::from_raw(raw) };
        // SAFETY: No other CPU runs.
        let state = unsafe { (*raw).state };
        // SAFETY: The core calls this for a plane whose framebuffer it has drawn into, so there is a
        // state.
        let state = unsafe { PlaneState::from_raw(state) };
        plane.inner.panic_flush(plane.dev(), state)
    }

    extern "C" fn atomic_async_check_callback(
        raw: *mut bindings::drm_plane,
        state: *mut bindings::drm_atomic_commit,
        flip: bool,
    ) -> kernel::ffi::c_int {
        // SAFETY: The core calls this for a plane of this type.
        let plane = unsafe { Self::from_raw(raw) };
        // SAFETY: The core calls this with a state that this thread checks.
        let check = unsafe { AtomicCheck::from_raw(state) };
        let (old, new) = (check.old_plane_state(plane), check.new_plane_state(plane));
        if flip || old.framebuffer().is_none() || new.framebuffer().is_none() {
            return EINVAL.to_errno();
        }
        errno(plane.inner.atomic_async_check(old, new))
    }

    extern "C" fn atomic_async_update_callback(
        raw: *mut bindings::drm_plane,
        state: *mut bindings::drm_atomic_commit,
    ) {
        // SAFETY: The core calls this for a plane of this type.
        let plane = unsafe { Self::from_raw(raw) };
        // SAFETY: The core calls this with a state that is being committed.
        let commit = unsafe { AtomicCommit::from_raw(state) };
        // SAFETY: The core holds the plane's lock, so the plane's state does not change.
        let current = unsafe { (*raw).state };
        // SAFETY: As above. A plane of a registered device has a state.
        let state = unsafe { PlaneState::<T>::from_raw(current) };
        let new = commit.new_plane_state(plane);
        let new_image = state.image_differs(new);
        // SAFETY: Both states are valid. The core holds the plane's lock, and only this thread has the
        // new state.
        unsafe { move_to_current(current, new.as_raw()) };
        plane
            .inner
            .atomic_async_update(plane.dev(), state, new_image)
    }
}

/// Does what an asynchronous update does to the states: the current one gets the new framebuffer and
/// position, and the new one the old framebuffer.
///
/// # Safety
///
/// Both must be valid states of a plane, and nothing else may access their fields.
unsafe fn move_to_current(
    current: *mut bindings::drm_plane_state,
    new: *mut bindings::drm_plane_state,
) {
    macro_rules! take {
        ($($field:ident),*) => {$(
            // SAFETY: By the requirements of this function.
            let from = unsafe { &raw const (*new).$field };
            // SAFETY: As above.
            let to = unsafe { &raw mut (*current).$field };
            // SAFETY: As above. The field has only numbers.
            unsafe { ptr::copy_nonoverlapping(from, to, 1) };
        )*};
    }

    // SAFETY: By the requirements of this function.
    let a = unsafe { &raw mut (*current).fb };
    // SAFETY: As above.
    let b = unsafe { &raw mut (*new).fb };
    // SAFETY: As above. Each state keeps one reference to a framebuffer.
    unsafe { ptr::swap(a, b) };
    take!(crtc_x, crtc_y, src_x, src_y, src, dst, visible, hotspot_x, hotspot_y);
}

extern "C" fn get_scanout_buffer_callback(
    plane: *mut bindings::drm_plane,
    sb: *mut bindings::drm_scanout_buffer,
) -> kernel::ffi::c_int {
    // SAFETY: The core calls this with a valid plane and a buffer to fill.
    errno(unsafe { get_scanout_buffer(plane, sb) })
}

/// # Safety
///
/// The plane must be one of this crate's, and nothing may change its state. Nothing else may access
/// `sb`.
unsafe fn get_scanout_buffer(
    plane: *mut bindings::drm_plane,
    sb: *mut bindings::drm_scanout_buffer,
) -> Result {
    // SAFETY: By the requirements of this function.
    let state = unsafe { (*plane).state };
    if state.is_null() {
        return Err(ENODEV);
    }
    // SAFETY: By the requirements of this function, the state is valid and does not change.
    let fb = unsafe { (*state).fb };
    // SAFETY: As above.
    let visible = unsafe { (*state).visible };
    if fb.is_null() || !visible {
        return Err(ENODEV);
    }
    // SAFETY: The state holds a reference to its framebuffer, which has an object.
    let object = unsafe { (*fb).obj[0] };
    // SAFETY: As above.
    let offset = unsafe { (*fb).offsets[0] };
    // SAFETY: The framebuffer holds a reference to its object.
    let import = unsafe { (*object).import_attach };
    if !import.is_null() || offset != 0 {
        return Err(ENODEV);
    }
    // All objects of the crate's drivers are shmem objects.
    let shmem: *mut bindings::drm_gem_shmem_object = object.cast();
    // SAFETY: As above. When the kernel has panicked, nothing maps or frees it.
    let vaddr = unsafe { (*shmem).vaddr };
    // SAFETY: As above.
    let pages = unsafe { (*shmem).pages };
    if !vaddr.is_null() {
        // SAFETY: By the requirements of this function.
        let map = unsafe { &raw mut (*sb).map[0] };
        // SAFETY: As above.
        unsafe { bindings::helper_iosys_map_set_vaddr(map, vaddr) };
    } else if !pages.is_null() {
        // SAFETY: As above.
        unsafe { (*sb).pages = pages };
    } else {
        return Err(ENODEV);
    }
    // SAFETY: The framebuffer is valid, and does not change.
    let format = unsafe { (*fb).format };
    // SAFETY: By the requirements of this function.
    unsafe { (*sb).format = format };
    // SAFETY: As for the format.
    let width = unsafe { (*fb).width };
    // SAFETY: As for the format.
    unsafe { (*sb).width = width };
    // SAFETY: As for the format.
    let height = unsafe { (*fb).height };
    // SAFETY: As for the format.
    unsafe { (*sb).height = height };
    // SAFETY: As for the format.
    let pitch = unsafe { (*fb).pitches[0] };
    // SAFETY: As for the format.
    unsafe { (*sb).pitch[0] = pitch };
    Ok(())
}

impl<T: DriverPlane> Deref for Plane<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

/// The state of a plane: what it shows, and where; the C counterpart is `struct drm_plane_state`.
///
/// There is no Rust reference to its contents, because C code counts references to it and checks it
/// meanwhile.
///
/// # Invariants
///
/// The contents are a valid state of a plane of `T`. The fields that are read here do not change while
/// a callback runs that was called with it, except by that callback.
///
/// # Context
///
/// No method sleeps.
///
/// # Examples
///
/// ```no_run
/// use drm::{kms::{DriverPlane, PlaneState}, Rect};
///
/// /// Draws what has changed, as `DriverPlane::atomic_update` does.
/// fn update<T: DriverPlane>(
///     old: &PlaneState<T>,
///     new: &PlaneState<T>,
///     mut draw: impl FnMut(Rect),
/// ) {
///     if new.framebuffer().is_none() || !new.visible() {
///         return;
///     }
///     if old.same_framebuffer(new) && !old.image_differs(new) {
///         // Only the position differs.
///         let (_x, _y) = new.crtc_position();
///         return;
///     }
///     new.for_each_damage(old, |part, _count| draw(part));
/// }
/// ```
#[repr(transparent)]
pub struct PlaneState<T: DriverPlane>(Opaque<bindings::drm_plane_state>, PhantomData<T>);

impl<T: DriverPlane> PlaneState<T> {
    /// # Safety
    ///
    /// `raw` must be a valid state of a plane of `T` as long as the reference is used.
    pub(crate) unsafe fn from_raw<'a>(raw: *mut bindings::drm_plane_state) -> &'a Self {
        // SAFETY: By the requirements of this function, and the type is transparent.
        unsafe { &*raw.cast() }
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::drm_plane_state {
        self.0.get()
    }

    /// Returns the framebuffer of the C API.
    pub(crate) fn raw_fb(&self) -> *mut bindings::drm_framebuffer {
        // SAFETY: By the type's invariants, the state is valid, and the field does not change while
        // there is a reference to it.
        unsafe { (*self.as_raw()).fb }
    }

    /// Returns the framebuffer, if any.
    pub fn framebuffer(&self) -> Option<&Fb<T>> {
        let raw = self.raw_fb();
        // SAFETY: The state holds a reference to its framebuffer, which is of the plane's driver.
        (!raw.is_null()).then(|| unsafe { Framebuffer::from_raw(raw) })
    }

    /// Returns the format of the framebuffer, if there is one, as DRM's four-character code.
    pub fn fourcc(&self) -> Option<u32> {
        self.framebuffer().map(|fb| fb.info().fourcc)
    }

    /// Returns whether any of it is visible.
    pub fn visible(&self) -> bool {
        // SAFETY: As in `raw_fb`.
        unsafe { (*self.as_raw()).visible }
    }

    /// Returns the visible part of the framebuffer in whole pixels, as clipped by the check.
    pub fn src(&self) -> Rect {
        // SAFETY: As in `raw_fb`.
        let raw = unsafe { &raw const (*self.as_raw()).src };
        // SAFETY: As in `raw_fb`.
        Rect::from_fixed_point(unsafe { Rect::read(raw) })
    }

    /// Returns the requested width and height of the part of the framebuffer in 1/65536 pixels.
    pub fn src_size(&self) -> (u32, u32) {
        // SAFETY: As in `raw_fb`.
        let width = unsafe { (*self.as_raw()).src_w };
        // SAFETY: As in `raw_fb`.
        let height = unsafe { (*self.as_raw()).src_h };
        (width, height)
    }

    /// Returns the position on the CRTC in pixels, which may be beyond its edges.
    pub fn crtc_position(&self) -> (i32, i32) {
        // SAFETY: As in `raw_fb`.
        let x = unsafe { (*self.as_raw()).crtc_x };
        // SAFETY: As in `raw_fb`.
        let y = unsafe { (*self.as_raw()).crtc_y };
        (x, y)
    }

    /// Returns the hotspot of a cursor.
    pub fn hotspot(&self) -> (i32, i32) {
        // SAFETY: As in `raw_fb`.
        let x = unsafe { (*self.as_raw()).hotspot_x };
        // SAFETY: As in `raw_fb`.
        let y = unsafe { (*self.as_raw()).hotspot_y };
        (x, y)
    }

    /// Returns whether both show the same framebuffer. Its contents may differ.
    pub fn same_framebuffer(&self, other: &Self) -> bool {
        ptr::eq(self.raw_fb(), other.raw_fb())
    }

    fn raw_crtc(&self) -> *mut bindings::drm_crtc {
        // SAFETY: As in `raw_fb`.
        unsafe { (*self.as_raw()).crtc }
    }

    /// Returns whether programs have declared what has changed in the framebuffer.
    fn has_clips(&self) -> bool {
        // SAFETY: As in `raw_fb`.
        !unsafe { (*self.as_raw()).fb_damage_clips }.is_null()
    }

    /// Returns whether `new` differs in more than the position.
    pub fn image_differs(&self, new: &Self) -> bool {
        !self.same_framebuffer(new)
            || !ptr::eq(self.raw_crtc(), new.raw_crtc())
            || new.has_clips()
            || self.hotspot() != new.hotspot()
    }

    /// Calls `f` with each part of the framebuffer that has changed since `old`, in pixels, and
    /// with the maximum number of them; C: `drm_atomic_for_each_plane_damage()`.
    pub fn for_each_damage(&self, old: &Self, mut f: impl FnMut(Rect, usize)) {
        let mut iter = mem::MaybeUninit::<bindings::drm_atomic_helper_damage_iter>::zeroed();
        let iter = iter.as_mut_ptr();
        // SAFETY: Both are valid states, and the memory is that of an iterator.
        unsafe {
            bindings::drm_atomic_helper_damage_iter_init(iter, old.as_raw(), self.as_raw());
        }
        // SAFETY: The iterator was initialized above.
        let count = unsafe { (*iter).num_clips }.max(1) as usize;
        let mut clip = Rect::default().into_raw();
        // SAFETY: As above. The states are valid as long as the references to them.
        while unsafe { bindings::drm_atomic_helper_damage_iter_next(iter, &mut clip) } {
            f(Rect::from_raw(&clip), count);
        }
    }
}
