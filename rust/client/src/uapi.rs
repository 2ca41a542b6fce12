// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The structs and numbers of `uapi/virtgpu_drm.h`, and the only place that calls its ioctls.
//!
//! `tests` compares names, sizes and offsets with the header, by the program that also checks the C drivers.
use std::{
    ffi::c_void,
    marker::PhantomData,
    os::fd::{AsFd, BorrowedFd},
};

use bytemuck::{Pod, Zeroable};
use rustix::{
    io::Errno,
    ioctl::{Ioctl as RawIoctl, IoctlOutput, Opcode},
};

use crate::{Error, Ioctl, Result};

/// The letter of DRM's ioctls, and the first number of those of a driver.
const GROUP: u8 = b'd';
const FIRST: u8 = 0x40;

/// Declares structs of the header. `derive(Pod)` checks at compile time that they have no padding.
macro_rules! structs {
    ($($(#[$attribute:meta])* struct $name:ident { $($field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$attribute])*
            #[repr(C)]
            #[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
            pub(crate) struct $name { $(pub(crate) $field: $kind,)* }
        )*

        /// Returns the lines that `uapi/layout.c` prints about these structs.
        #[cfg(test)]
        fn layout() -> Vec<String> {
            let mut lines = Vec::new();
            $(
                let name = snake(stringify!($name));
                lines.push(format!("{name} {}", size_of::<$name>()));
                $(lines.push(format!(
                    "{name}.{} {} {}",
                    stringify!($field),
                    std::mem::offset_of!($name, $field),
                    size_of::<$kind>(),
                ));)*
            )*
            lines
        }
    };
}

structs! {
    struct DrmVirtgpuMap {
        offset: u64,
        handle: u32,
        pad: u32,
    }

    struct DrmVirtgpuGetparam {
        param: u64,
        value: u64,
    }

    struct DrmVirtgpuResourceCreate {
        target: u32,
        format: u32,
        bind: u32,
        width: u32,
        height: u32,
        depth: u32,
        array_size: u32,
        last_level: u32,
        nr_samples: u32,
        flags: u32,
        bo_handle: u32,
        res_handle: u32,
        size: u32,
        stride: u32,
    }

    struct DrmVirtgpuResourceInfo {
        bo_handle: u32,
        res_handle: u32,
        size: u32,
        blob_mem: u32,
    }

    #[derive(PartialEq, Eq)]
    struct DrmVirtgpu3dBox {
        x: u32,
        y: u32,
        z: u32,
        w: u32,
        h: u32,
        d: u32,
    }

    struct DrmVirtgpu3dTransferToHost {
        bo_handle: u32,
        r#box: DrmVirtgpu3dBox,
        level: u32,
        offset: u32,
        stride: u32,
        layer_stride: u32,
    }

    struct DrmVirtgpu3dTransferFromHost {
        bo_handle: u32,
        r#box: DrmVirtgpu3dBox,
        level: u32,
        offset: u32,
        stride: u32,
        layer_stride: u32,
    }

    struct DrmVirtgpu3dWait {
        handle: u32,
        flags: u32,
    }

    struct DrmVirtgpuGetCaps {
        cap_set_id: u32,
        cap_set_ver: u32,
        addr: u64,
        size: u32,
        pad: u32,
    }

    struct DrmVirtgpuExecbufferSyncobj {
        handle: u32,
        flags: u32,
        point: u64,
    }

    struct DrmVirtgpuExecbuffer {
        flags: u32,
        size: u32,
        command: u64,
        bo_handles: u64,
        num_bo_handles: u32,
        fence_fd: i32,
        ring_idx: u32,
        syncobj_stride: u32,
        num_in_syncobjs: u32,
        num_out_syncobjs: u32,
        in_syncobjs: u64,
        out_syncobjs: u64,
    }

    struct DrmVirtgpuResourceCreateBlob {
        blob_mem: u32,
        blob_flags: u32,
        bo_handle: u32,
        res_handle: u32,
        size: u64,
        pad: u32,
        cmd_size: u32,
        cmd: u64,
        blob_id: u64,
        blob_hints: u32,
        pad2: u32,
    }

    struct DrmVirtgpuContextSetParam {
        param: u64,
        value: u64,
    }

    struct DrmVirtgpuContextInit {
        num_params: u32,
        pad: u32,
        ctx_set_params: u64,
    }
}

/// Declares numbers of the header.
macro_rules! numbers {
    ($($(#[$attribute:meta])* $name:ident: $kind:ty = $value:expr,)*) => {
        $($(#[$attribute])* pub(crate) const $name: $kind = $value;)*

        /// Returns the lines that `uapi/layout.c` prints about these numbers.
        #[cfg(test)]
        fn values() -> Vec<String> {
            vec![$(format!("{} {}", stringify!($name), $name),)*]
        }
    };
}

numbers! {
    VIRTGPU_WAIT_NOWAIT: u32 = 1,
    VIRTGPU_EXECBUF_SYNCOBJ_FLAGS: u32 = 1,
    #[cfg(test)]
    VIRTGPU_EXECBUF_FLAGS: u32 = EXECBUF_FENCE_FD_IN | EXECBUF_FENCE_FD_OUT | EXECBUF_RING_IDX,
    VIRTGPU_BLOB_MEM_GUEST: u32 = 1,
    VIRTGPU_BLOB_MEM_HOST3D: u32 = 2,
    VIRTGPU_BLOB_MEM_HOST3D_GUEST: u32 = 3,
    VIRTGPU_BLOB_FLAG_USE_MAPPABLE: u32 = 1,
    VIRTGPU_BLOB_FLAG_USE_SHAREABLE: u32 = 2,
    VIRTGPU_BLOB_FLAG_USE_CROSS_DEVICE: u32 = 4,
    DRM_VIRTGPU_BLOB_FLAG_HINT_DEFER_MAPPING: u32 = 1,
    VIRTGPU_CONTEXT_PARAM_CAPSET_ID: u64 = 1,
    VIRTGPU_CONTEXT_PARAM_NUM_RINGS: u64 = 2,
    VIRTGPU_CONTEXT_PARAM_POLL_RINGS_MASK: u64 = 3,
    VIRTGPU_CONTEXT_PARAM_DEBUG_NAME: u64 = 4,
    VIRTGPU_EVENT_FENCE_SIGNALED: u32 = 0x9000_0000,
}

pub(crate) const EXECBUF_FENCE_FD_IN: u32 = 1;
pub(crate) const EXECBUF_FENCE_FD_OUT: u32 = 2;
pub(crate) const EXECBUF_RING_IDX: u32 = 4;
pub(crate) const EXECBUF_SYNCOBJ_RESET: u32 = VIRTGPU_EXECBUF_SYNCOBJ_FLAGS;

/// The argument of an ioctl.
pub(crate) trait Request: Pod {
    /// Which one, for messages.
    const IOCTL: Ioctl;
    /// Its number, counted from that of the driver's first one.
    const NUMBER: u8;
    const OPCODE: Opcode = Opcode::read_write::<Self>(GROUP, FIRST + Self::NUMBER);
}

/// An argument that contains no addresses, so the kernel accesses no other memory than the argument.
pub(crate) trait Plain: Request {}

/// Declares which struct is the argument of which ioctl.
macro_rules! requests {
    ($($number:literal $name:ident: $request:ty;)*) => {
        $(impl Request for $request {
            const IOCTL: Ioctl = Ioctl::$name;
            const NUMBER: u8 = $number;
        })*

        /// Returns the lines that `uapi/layout.c` prints about the ioctls.
        #[cfg(test)]
        fn ioctls() -> Vec<String> {
            vec![$(format!(
                "DRM_IOCTL_VIRTGPU_{} {}",
                Ioctl::$name,
                <$request>::OPCODE.raw(),
            ),)*]
        }
    };
}

requests! {
    0x01 Map: DrmVirtgpuMap;
    0x02 Execbuffer: DrmVirtgpuExecbuffer;
    0x03 Getparam: DrmVirtgpuGetparam;
    0x04 ResourceCreate: DrmVirtgpuResourceCreate;
    0x05 ResourceInfo: DrmVirtgpuResourceInfo;
    0x06 TransferFromHost: DrmVirtgpu3dTransferFromHost;
    0x07 TransferToHost: DrmVirtgpu3dTransferToHost;
    0x08 Wait: DrmVirtgpu3dWait;
    0x09 GetCaps: DrmVirtgpuGetCaps;
    0x0a ResourceCreateBlob: DrmVirtgpuResourceCreateBlob;
    0x0b ContextInit: DrmVirtgpuContextInit;
}

impl Plain for DrmVirtgpuMap {}
impl Plain for DrmVirtgpuResourceCreate {}
impl Plain for DrmVirtgpuResourceInfo {}
impl Plain for DrmVirtgpu3dTransferFromHost {}
impl Plain for DrmVirtgpu3dTransferToHost {}
impl Plain for DrmVirtgpu3dWait {}

/// One call of an ioctl, in the form that `rustix` executes.
struct Call<'a, R>(&'a mut R, PhantomData<R>);

// SAFETY: The opcode has the size of `R`, and the kernel writes at most that much to `R`, all bit patterns of
// which are valid.
unsafe impl<R: Request> RawIoctl for Call<'_, R> {
    type Output = ();

    const OPCODE: Opcode = R::OPCODE;
    const IS_MUTATING: bool = true;

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut(self.0).cast()
    }

    unsafe fn output_from_ptr(_: IoctlOutput, _: *mut c_void) -> rustix::io::Result<()> {
        Ok(())
    }
}

/// Calls an ioctl whose argument contains addresses. As libdrm does, this repeats a call that a signal has
/// interrupted.
///
/// # Safety
///
/// Addresses in the argument must be those of memory that the kernel may access as the header says, as long
/// as this runs.
pub(crate) unsafe fn call_with_addresses<R: Request>(
    file: BorrowedFd<'_>,
    request: &mut R,
) -> Result<()> {
    loop {
        #[cfg(test)]
        if let Some(answer) = lies::answer(bytemuck::bytes_of_mut(request)) {
            return answer.map_err(|errno| Error::from_ioctl(R::IOCTL, errno));
        }
        let call = Call(&mut *request, PhantomData);
        // SAFETY: The argument is one of this ioctl, and addresses in it are valid by the requirements of this
        // function.
        match unsafe { rustix::ioctl::ioctl(file, call) } {
            Err(Errno::INTR | Errno::AGAIN) => {}
            result => return result.map_err(|errno| Error::from_ioctl(R::IOCTL, errno)),
        }
    }
}

/// Calls an ioctl whose argument contains no addresses.
pub(crate) fn call<R: Plain>(file: &impl AsFd, request: &mut R) -> Result<()> {
    // SAFETY: There are no addresses in the argument.
    unsafe { call_with_addresses(file.as_fd(), request) }
}

/// Returns the address and the number of the elements of an array, as arguments of ioctls have them. An empty
/// array has no address.
pub(crate) fn array<T>(array: &[T]) -> Result<(u64, u32)> {
    let length = u32::try_from(array.len()).map_err(|_| Error::TooLarge)?;
    let address = if array.is_empty() {
        0
    } else {
        array.as_ptr().expose_provenance() as u64
    };
    Ok((address, length))
}

/// Answers ioctls in tests, instead of a kernel.
#[cfg(test)]
pub(crate) mod lies {
    use std::cell::RefCell;

    use rustix::io::Errno;

    type Answer = Box<dyn FnMut(&mut [u8]) -> Result<(), Errno>>;

    thread_local! {
        static LIAR: RefCell<Option<Answer>> = const { RefCell::new(None) };
    }

    pub(super) fn answer(request: &mut [u8]) -> Option<Result<(), Errno>> {
        LIAR.with_borrow_mut(|liar| liar.as_mut().map(|liar| liar(request)))
    }

    /// Runs `f` while `liar` answers all ioctls of this thread: it changes the argument and returns an error.
    pub(crate) fn with<T>(
        liar: impl FnMut(&mut [u8]) -> Result<(), Errno> + 'static,
        f: impl FnOnce() -> T,
    ) -> T {
        LIAR.set(Some(Box::new(liar)));
        let result = f();
        LIAR.set(None);
        result
    }
}

/// Returns the C name of a struct. A digit begins a word, as in `drm_virtgpu_3d_box`.
#[cfg(test)]
fn snake(name: &str) -> String {
    let mut result = String::new();
    for letter in name.chars() {
        if !result.is_empty() && (letter.is_ascii_uppercase() || letter.is_ascii_digit()) {
            result.push('_');
        }
        result.push(letter.to_ascii_lowercase());
    }
    result
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, env, fs, path::PathBuf, process::Command};

    /// Compiles `uapi/layout.c` for the header, and returns what it prints.
    fn printed_by_c() -> HashSet<String> {
        let folder =
            env::var_os("VIRTGPU_UAPI").map_or_else(|| PathBuf::from("../../uapi"), PathBuf::from);
        let folder =
            fs::canonicalize(folder).expect("VIRTGPU_UAPI= is the folder of virtgpu_drm.h");
        let program = env::temp_dir().join(format!("virtgpu-layout-{}", std::process::id()));
        let flags = Command::new("pkg-config")
            .args(["--cflags", "libdrm"])
            .output();
        let flags = String::from_utf8(flags.expect("pkg-config").stdout).expect("flags");
        let status = Command::new(env::var("CC").unwrap_or_else(|_| "cc".into()))
            .args(flags.split_whitespace())
            .arg(format!(
                "-DHEADER=\"{}\"",
                folder.join("virtgpu_drm.h").display()
            ))
            .arg(folder.join("layout.c"))
            .arg("-o")
            .arg(&program)
            .status();
        assert!(status.expect("a C compiler").success());
        let output = Command::new(&program).output().expect("the program");
        fs::remove_file(program).expect("the program");
        let text = String::from_utf8(output.stdout).expect("text");
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn layout_is_that_of_the_header() {
        let wanted = printed_by_c();
        let mut ours: Vec<String> = super::layout();
        ours.extend(super::values());
        ours.extend(super::ioctls());
        // The header's fields are spelled without the mark of a raw identifier.
        let ours: HashSet<String> = ours
            .into_iter()
            .map(|line| line.replace("r#", ""))
            .collect();
        let wrong: Vec<_> = wanted
            .iter()
            .filter(|line| line.starts_with("drm_") || line.starts_with("DRM_IOCTL"))
            .filter(|line| !ours.contains(*line))
            .collect();
        assert!(wrong.is_empty(), "the header has {wrong:?}");
        for line in super::values() {
            assert!(wanted.contains(&line), "the header does not have {line}");
        }
    }
}
