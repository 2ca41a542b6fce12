// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Structs that are sent to a device, and received from it, as their bytes.

/// Declares structs that implement [`AsBytes`](kernel::transmute::AsBytes) and
/// [`FromBytes`](kernel::transmute::FromBytes), in the layout of C. Does not compile if a field does not
/// implement both, or if there is padding. It is a macro, because a trait cannot check the fields of a type.
///
/// # Examples
///
/// ```
/// virtio::byte_structs! {
///     /// A request.
///     pub struct Request {
///         /// What is requested.
///         pub kind: u32,
///         /// From which queue.
///         pub queue: u32,
///     }
/// }
/// ```
#[macro_export]
macro_rules! byte_structs {
    ($($(#[$doc:meta])* $vis:vis struct $name:ident {
        $($(#[$field_doc:meta])* $field_vis:vis $field:ident: $type:ty),* $(,)?
    })*) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, kernel::prelude::Zeroable)]
        $vis struct $name { $($(#[$field_doc])* $field_vis $field: $type),* }

        // SAFETY: Any bytes are a valid value of each field, as is checked below.
        unsafe impl kernel::transmute::FromBytes for $name {}
        // SAFETY: No field has bytes that are not initialized, and there is no padding, as is checked below.
        unsafe impl kernel::transmute::AsBytes for $name {}
        const _: () = {
            const fn size<T: kernel::transmute::AsBytes + kernel::transmute::FromBytes>() -> usize {
                size_of::<T>()
            }

            ::core::assert!(
                size_of::<$name>() == 0 $(+ size::<$type>())*,
                "the struct has padding"
            );
        };
    )*};
}
