// SPDX-License-Identifier: GPL-2.0
//! Encoders: one function per command of the protocol.
//!
//! Functions that return a command leave it to the caller to submit and to kick. The others submit
//! the command and wait for the answer.
use drm::Rect;
use kernel::{
    prelude::*,
    transmute::AsBytes,
    uaccess::{UserPtr, UserSlice},
};
use virtio::virtqueue::REQUEST_SIZE;

use crate::{
    device::Device,
    gpu::{self, cmd, resp, Header, Wire},
    transport::{
        command::{
            command, command_with_response, command_with_room, command_without_response, kind,
            quiet, wake, Chain, Waiter,
        },
        pool::Pool,
    },
};

fn header(kind: u32) -> Header {
    Header {
        kind,
        ..Header::zeroed()
    }
}

fn rect(rect: &Rect) -> gpu::Rect {
    gpu::Rect {
        x: rect.x1 as u32,
        y: rect.y1 as u32,
        width: rect.width() as u32,
        height: rect.height() as u32,
    }
}

/// Sends a command and waits for its answer.
fn ask(dev: &Device, chain: Chain) -> Result<Chain> {
    let waiter = Waiter::new(kind(&chain))?;
    dev.transport.ctrl.submit(dev, wake(chain, &waiter));
    dev.transport.ctrl.kick(dev);
    dev.transport.ctrl.wait(dev, &waiter)
}

fn query<R: Wire, A: Wire>(dev: &Device, request: &R, resp_type: u32) -> Result<A> {
    let chain = command_with_response::<R, A>(request, resp_type)?;
    A::read(ask(dev, chain)?.response()).ok_or(EIO)
}

/// Reads the size and state of every head. Waits for the answer.
pub(crate) fn get_display_info(dev: &Device) -> Result<gpu::DisplayInfo> {
    query(dev, &header(cmd::GET_DISPLAY_INFO), resp::OK_DISPLAY_INFO)
}

/// Makes a command that every host answers, to find out whether this one is alive.
pub(crate) fn question() -> Result<Chain> {
    let request = header(cmd::GET_DISPLAY_INFO);
    let chain = command_with_response::<_, gpu::DisplayInfo>(&request, resp::OK_DISPLAY_INFO)?;
    Ok(quiet(chain))
}

/// Reads a head's EDID. Waits for the answer.
pub(crate) fn get_edid(dev: &Device, scanout: u32) -> Result<KBox<gpu::Edid>> {
    let request = gpu::GetEdid {
        hdr: header(cmd::GET_EDID),
        scanout,
        padding: 0,
    };
    Ok(KBox::new(query(dev, &request, resp::OK_EDID)?, GFP_KERNEL)?)
}

/// Creates a host resource.
pub(crate) fn resource_create_2d(
    resource_id: u32,
    format: u32,
    width: u32,
    height: u32,
) -> Result<Chain> {
    command(&gpu::ResourceCreate2d {
        hdr: header(cmd::RESOURCE_CREATE_2D),
        resource_id,
        format,
        width,
        height,
    })
}

/// Attaches guest pages to a host resource; `entries` lists them as `count` runs.
pub(crate) fn attach_backing(resource_id: u32, entries: KVVec<u8>, count: u32) -> Result<Chain> {
    let mut chain = command(&gpu::ResourceAttachBacking {
        hdr: header(cmd::RESOURCE_ATTACH_BACKING),
        resource_id,
        nr_entries: count,
    })?;
    chain.set_payload(entries)?;
    Ok(chain)
}

/// Detaches the guest pages of a host resource. It is not an error if it has none.
pub(crate) fn detach_backing(resource_id: u32) -> Result<Chain> {
    Ok(quiet(command(&gpu::ResourceDetachBacking {
        hdr: header(cmd::RESOURCE_DETACH_BACKING),
        resource_id,
        padding: 0,
    })?))
}

/// Destroys a host resource, and detaches its backing.
pub(crate) fn resource_unref(resource_id: u32) -> Result<Chain> {
    command(&gpu::ResourceUnref {
        hdr: header(cmd::RESOURCE_UNREF),
        resource_id,
        padding: 0,
    })
}

fn transfer_request(resource_id: u32, pixels: &Rect, offset: u64) -> gpu::TransferToHost2d {
    gpu::TransferToHost2d {
        hdr: header(cmd::TRANSFER_TO_HOST_2D),
        r: rect(pixels),
        offset,
        resource_id,
        padding: 0,
    }
}

/// Copies pixels from the backing to the host resource. In the backing they begin at a byte offset.
pub(crate) fn transfer(pool: &Pool, resource_id: u32, pixels: &Rect, offset: u64) -> Result<Chain> {
    pool.command(&transfer_request(resource_id, pixels, offset))
}

/// Shows a part of a resource on a head. Resource 0 switches the head off.
pub(crate) fn set_scanout(
    pool: &Pool,
    scanout_id: u32,
    resource_id: u32,
    part: &Rect,
) -> Result<Chain> {
    pool.command(&gpu::SetScanout {
        hdr: header(cmd::SET_SCANOUT),
        r: rect(part),
        scanout_id,
        resource_id,
    })
}

fn flush_request(resource_id: u32, pixels: &Rect) -> gpu::ResourceFlush {
    gpu::ResourceFlush {
        hdr: header(cmd::RESOURCE_FLUSH),
        r: rect(pixels),
        resource_id,
        padding: 0,
    }
}

/// Makes the host redraw pixels on every head that shows them.
pub(crate) fn flush(pool: &Pool, resource_id: u32, pixels: &Rect) -> Result<Chain> {
    pool.command(&flush_request(resource_id, pixels))
}

/// Makes a transfer and a flush for the panic screen, which must not allocate memory. They have no
/// room for a response, because nothing reads it then.
pub(crate) fn blanks() -> Result<(Chain, Chain)> {
    let nothing = Rect::default();
    Ok((
        command_without_response(&transfer_request(0, &nothing, 0))?,
        command_without_response(&flush_request(0, &nothing))?,
    ))
}

/// Overwrites one of the [`blanks`] with a transfer of a resource's pixels.
pub(crate) fn refill_transfer(
    chain: &mut Chain,
    resource_id: u32,
    pixels: &Rect,
    offset: u64,
) -> Result {
    chain.set_request(transfer_request(resource_id, pixels, offset).as_bytes())
}

/// Overwrites one of the [`blanks`] with a flush.
pub(crate) fn refill_flush(chain: &mut Chain, resource_id: u32, pixels: &Rect) -> Result {
    chain.set_request(flush_request(resource_id, pixels).as_bytes())
}

/// Moves a head's cursor or changes its image. Hosts send no response to cursor commands.
pub(crate) fn cursor(pool: &Pool, kind: u32, wire: &gpu::UpdateCursor) -> Result<Chain> {
    pool.command_without_response(&gpu::UpdateCursor {
        hdr: header(kind),
        ..*wire
    })
}

/// Reads number and size of a capability set, by its index. Waits for the answer.
pub(crate) fn get_capset_info(dev: &Device, capset_index: u32) -> Result<gpu::CapsetInfo> {
    let request = gpu::GetCapsetInfo {
        hdr: header(cmd::GET_CAPSET_INFO),
        capset_index,
        padding: 0,
    };
    query(dev, &request, resp::OK_CAPSET_INFO)
}

/// Reads a capability set of `size` bytes. Waits for the answer.
pub(crate) fn get_capset(dev: &Device, id: u32, version: u32, size: usize) -> Result<KVVec<u8>> {
    let head = core::mem::size_of::<Header>();
    let request = gpu::GetCapset {
        hdr: header(cmd::GET_CAPSET),
        capset_id: id,
        capset_version: version,
    };
    let mut data = KVVec::with_capacity(size, GFP_KERNEL)?;
    let answer = ask(
        dev,
        command_with_room(&request, head + size, resp::OK_CAPSET)?,
    )?;
    data.extend_from_slice(answer.response().get(head..).ok_or(EIO)?, GFP_KERNEL)?;
    Ok(data)
}

fn context_header(kind: u32, ctx_id: u32) -> Header {
    Header {
        ctx_id,
        ..header(kind)
    }
}

/// Creates a context for a renderer, or with 0 for the host's default. `name` is for debugging.
pub(crate) fn ctx_create(pool: &Pool, ctx_id: u32, capset: u32, name: &[u8]) -> Result<Chain> {
    let mut debug_name = [0; 64];
    let len = name.len().min(debug_name.len());
    debug_name[..len].copy_from_slice(&name[..len]);
    Ok(quiet(pool.command(&gpu::CtxCreate {
        hdr: context_header(cmd::CTX_CREATE, ctx_id),
        nlen: len as u32,
        context_init: capset,
        debug_name,
    })?))
}

/// Destroys a context.
pub(crate) fn ctx_destroy(pool: &Pool, ctx_id: u32) -> Result<Chain> {
    Ok(quiet(
        pool.command(&context_header(cmd::CTX_DESTROY, ctx_id))?,
    ))
}

/// Attaches a resource to a context, or detaches it, as `kind` says.
pub(crate) fn ctx_resource(pool: &Pool, kind: u32, ctx_id: u32, resource_id: u32) -> Result<Chain> {
    Ok(quiet(pool.command(&gpu::CtxResource {
        hdr: context_header(kind, ctx_id),
        resource_id,
        padding: 0,
    })?))
}

/// Creates a host resource for a renderer. The header of `create` is set here.
pub(crate) fn resource_create_3d(create: &gpu::ResourceCreate3d) -> Result<Chain> {
    Ok(quiet(command(&gpu::ResourceCreate3d {
        hdr: header(cmd::RESOURCE_CREATE_3D),
        ..*create
    })?))
}

/// Creates a host resource that is plain memory, for a context that knows the host's memory, or 0.
/// `entries` lists the guest's pages as `count` runs. Header and number of entries of `create` are set
/// here.
pub(crate) fn resource_create_blob(
    ctx_id: u32,
    create: &gpu::ResourceCreateBlob,
    entries: KVVec<u8>,
    count: u32,
) -> Result<Chain> {
    let mut chain = quiet(command(&gpu::ResourceCreateBlob {
        hdr: context_header(cmd::RESOURCE_CREATE_BLOB, ctx_id),
        nr_entries: count,
        ..*create
    })?);
    if count != 0 {
        chain.set_payload(entries)?;
    }
    Ok(chain)
}

/// Shows a part of a blob on a head. Header and rectangle of `scanout` are set here. If the host cannot
/// show blobs, that is no error, because the pixels are copied then.
pub(crate) fn set_scanout_blob(
    pool: &Pool,
    scanout: &gpu::SetScanoutBlob,
    part: &Rect,
) -> Result<Chain> {
    Ok(quiet(pool.command(&gpu::SetScanoutBlob {
        hdr: header(cmd::SET_SCANOUT_BLOB),
        r: rect(part),
        ..*scanout
    })?))
}

/// Has the host map a blob into the window, at an offset. The response is a [`gpu::MapInfo`].
pub(crate) fn map_blob(resource_id: u32, offset: u64) -> Result<Chain> {
    let request = gpu::ResourceMapBlob {
        hdr: header(cmd::RESOURCE_MAP_BLOB),
        resource_id,
        padding: 0,
        offset,
    };
    Ok(quiet(command_with_response::<_, gpu::MapInfo>(
        &request,
        resp::OK_MAP_INFO,
    )?))
}

/// Has the host unmap a blob from the window.
pub(crate) fn unmap_blob(pool: &Pool, resource_id: u32) -> Result<Chain> {
    Ok(quiet(pool.command(&gpu::ResourceUnmapBlob {
        hdr: header(cmd::RESOURCE_UNMAP_BLOB),
        resource_id,
        padding: 0,
    })?))
}

/// Reads the UUID by which other virtio devices know a resource. Waits for the answer.
pub(crate) fn assign_uuid(dev: &Device, resource_id: u32) -> Result<[u8; 16]> {
    let request = gpu::ResourceAssignUuid {
        hdr: header(cmd::RESOURCE_ASSIGN_UUID),
        resource_id,
        padding: 0,
    };
    let response: gpu::ResourceUuid = query(dev, &request, resp::OK_RESOURCE_UUID)?;
    Ok(response.uuid)
}

/// Copies a box between backing and host resource, in the direction of `kind`. The header of
/// `transfer` is set here.
pub(crate) fn transfer_3d(
    pool: &Pool,
    kind: u32,
    ctx_id: u32,
    transfer: &gpu::TransferHost3d,
) -> Result<Chain> {
    Ok(quiet(pool.command(&gpu::TransferHost3d {
        hdr: context_header(kind, ctx_id),
        ..*transfer
    })?))
}

/// Has a context execute a command stream of a program, which has `size` bytes at `address`.
///
/// # Errors
///
/// `EFAULT`, `ENOMEM`.
pub(crate) fn submit_3d(pool: &Pool, ctx_id: u32, address: u64, size: u32) -> Result<Chain> {
    const HEAD: usize = core::mem::size_of::<gpu::CmdSubmit>();

    let request = gpu::CmdSubmit {
        hdr: context_header(cmd::SUBMIT_3D, ctx_id),
        size,
        padding: 0,
    };
    let size = size as usize;
    let mut stream = UserSlice::new(UserPtr::from_addr(address as usize), size).reader();
    if size <= REQUEST_SIZE - HEAD {
        // Saves allocations and a descriptor.
        let mut bytes = [0; REQUEST_SIZE];
        bytes[..HEAD].copy_from_slice(request.as_bytes());
        stream.read_slice(&mut bytes[HEAD..HEAD + size])?;
        return Ok(quiet(pool.command_of_bytes(&bytes[..HEAD + size])?));
    }
    let mut payload = KVVec::new();
    stream.read_all(&mut payload, GFP_KERNEL)?;
    let mut chain = quiet(command(&request)?);
    chain.set_payload(payload)?;
    Ok(chain)
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    fn rect_is(rect: &gpu::Rect, wanted: (u32, u32, u32, u32)) -> bool {
        (rect.x, rect.y, rect.width, rect.height) == wanted
    }

    fn transfer_has_its_rect_and_offset(test: &Test) {
        let request = transfer_request(42, &Rect::new(3, 5, 70, 90), 0x12_3456_789a);
        expect_eq!(test, request.hdr.kind, cmd::TRANSFER_TO_HOST_2D);
        expect!(test, rect_is(&request.r, (3, 5, 70, 90)));
        expect_eq!(test, request.offset, 0x12_3456_789a);
        expect_eq!(test, request.resource_id, 42);
    }

    fn flush_has_its_rect(test: &Test) {
        let request = flush_request(7, &Rect::new(1, 2, 3, 4));
        expect_eq!(test, request.hdr.kind, cmd::RESOURCE_FLUSH);
        expect!(test, rect_is(&request.r, (1, 2, 3, 4)));
        expect_eq!(test, request.resource_id, 7);
    }

    fn creation_names_format_and_size(test: &Test) -> Result {
        let chain = resource_create_2d(9, 2, 853, 481)?;
        let request = gpu::ResourceCreate2d::read(chain.request()).ok_or(EIO)?;
        expect_eq!(test, request.hdr.kind, cmd::RESOURCE_CREATE_2D);
        expect_eq!(test, (request.resource_id, request.format), (9, 2));
        expect_eq!(test, (request.width, request.height), (853, 481));
        Ok(())
    }

    fn backing_carries_its_entries(test: &Test) -> Result {
        let chain = attach_backing(9, KVVec::from_elem(0, 96, GFP_KERNEL)?, 6)?;
        let request = gpu::ResourceAttachBacking::read(chain.request()).ok_or(EIO)?;
        expect_eq!(test, (request.resource_id, request.nr_entries), (9, 6));
        // Request, entries and response.
        expect_eq!(test, chain.descriptors(), 3);
        Ok(())
    }

    /// The panic screen overwrites commands that were allocated before.
    fn blanks_are_refilled(test: &Test) -> Result {
        let (mut transfer, mut flush) = blanks()?;
        expect_eq!(test, transfer.descriptors(), 1);
        expect_eq!(test, flush.descriptors(), 1);
        refill_transfer(&mut transfer, 8, &Rect::new(0, 0, 640, 480), 4096)?;
        refill_flush(&mut flush, 8, &Rect::new(0, 0, 640, 480))?;
        let request = gpu::TransferToHost2d::read(transfer.request()).ok_or(EIO)?;
        expect_eq!(test, (request.resource_id, request.offset), (8, 4096));
        let request = gpu::ResourceFlush::read(flush.request()).ok_or(EIO)?;
        expect!(test, rect_is(&request.r, (0, 0, 640, 480)));
        Ok(())
    }

    kunit::suite!(
        c"virtgpu_rs_encode",
        [
            transfer_has_its_rect_and_offset,
            flush_has_its_rect,
            creation_names_format_and_size,
            backing_carries_its_entries,
            blanks_are_refilled,
        ]
    );
}
