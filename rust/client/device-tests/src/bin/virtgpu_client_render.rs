// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Tests of the crate `virtgpu` on a virtio GPU whose host renders with virgl and Venus.
use std::{
    process::{Command, ExitCode},
    thread,
    time::Duration,
};

use virtgpu::{
    capset::{Venus, Virgl, Virgl2},
    drm::control::Device as _,
    CapsetId, Context, ContextBuilder, Device, Error, Event, FenceStatus, Format, Ioctl,
    Submission, SyncPoint, Texture, Transfer,
};
use virtgpu_device_tests::{check, check_eq, device, judge, run, TestResult};

const SIZE: u32 = 64;
/// Virgl's command that does nothing.
const NOP: [u32; 16] = [0; 16];
const SECOND: Option<Duration> = Some(Duration::from_secs(10));
/// How long the host needs at most for what is in its queue.
const REST: Duration = Duration::from_millis(500);
/// Bytes of each capset that are asked for: more than any has.
const CAPSET: u32 = 8192;

fn texture() -> Texture {
    Texture::image(Format::B8G8R8A8, SIZE, SIZE)
}

fn virgl2(rings: u32, polled: u64) -> virtgpu::Result<(Device, Context)> {
    let device = Device::with_capset(CapsetId::VIRGL2)?;
    let builder = ContextBuilder::new(CapsetId::VIRGL2)
        .rings(rings)
        .polled_rings(polled);
    let context = builder.debug_name("virtgpu_client").build(&device)?;
    Ok((device, context))
}

fn capsets() -> TestResult {
    let device = device()?;
    let mask = device.features()?.capsets;
    check!(
        mask.contains(CapsetId::VIRGL2) && mask.contains(CapsetId::VENUS),
        "only {mask}"
    );
    let virgl = Virgl::parse(&device.capset(CapsetId::VIRGL, 0, CAPSET)?);
    check!(
        virgl.max_version >= 1 && virgl.glsl_level >= 110,
        "{virgl:?}"
    );
    let caps = Virgl2::parse(&device.capset(CapsetId::VIRGL2, 0, CAPSET)?);
    println!("renderer: {}", caps.renderer);
    check!(
        !caps.renderer.is_empty() && caps.max_texture_2d_size >= 2048,
        "{caps:?}"
    );
    check!(
        caps.v1.render.contains(Format::B8G8R8A8.0),
        "no common format"
    );
    let venus = Venus::parse(&device.capset(CapsetId::VENUS, 0, CAPSET)?);
    println!("Vulkan {}", venus.vk_xml_version);
    check!(
        venus.wire_format_version > 0 && venus.vk_extension_mask[0] & 1 == 1,
        "{venus:?}"
    );
    check!(
        matches!(
            device.capset(CapsetId(30), 0, 64),
            Err(Error::Invalid { .. })
        ),
        "an unknown capset"
    );
    Ok(())
}

fn contexts() -> TestResult {
    let (device, _context) = virgl2(2, 0)?;
    let again = ContextBuilder::new(CapsetId::VIRGL2)
        .build(&device)
        .map(|_| ());
    check_eq!(again, Err(Error::HasContext));
    let unknown = ContextBuilder::new(CapsetId(30))
        .build(&Device::first()?)
        .map(|_| ());
    check!(matches!(unknown, Err(Error::Invalid { .. })), "{unknown:?}");
    let rings = ContextBuilder::new(CapsetId::VIRGL2)
        .rings(65)
        .build(&Device::first()?);
    check!(matches!(rings, Err(Error::Invalid { .. })), "65 rings");
    Ok(())
}

/// Pixels that a stream writes are read back.
fn stream() -> TestResult {
    let (device, context) = virgl2(1, 0)?;
    let buffer = device.create_texture(&texture())?;
    // Virgl's command for pixels in the stream: resource, level, usage, strides, box, and the pixels.
    let pixels: Vec<u32> = (0..SIZE).map(|x| 0xff00_0000 | x).collect();
    let mut commands = vec![
        ((11 + SIZE) << 16) | 9,
        buffer.resource(),
        0,
        0,
        SIZE * 4,
        0,
        0,
        0,
        0,
        SIZE,
        1,
        1,
    ];
    commands.extend(&pixels);
    context.submit(&Submission::new(&commands).buffer(&buffer))?;
    buffer.transfer_from_host(&Transfer::default())?;
    buffer.wait_timeout(Duration::from_secs(10))?;
    let mut got = vec![0; pixels.len()];
    buffer.map::<u32>()?.read_slice(0, &mut got)?;
    check_eq!(got, pixels);
    Ok(())
}

fn buffers_of_streams() -> TestResult {
    let (device, context) = virgl2(1, 0)?;
    let buffer = device.create_texture(&texture())?;
    let twice = Submission::new(&NOP).buffer(&buffer).buffer(&buffer);
    check_eq!(context.submit(&twice), Err(Error::NamedTwice));
    let other = Device::first()?.create_texture(&texture())?;
    check_eq!(
        context.submit(&Submission::new(&NOP).buffer(&other)),
        Err(Error::OtherDevice)
    );
    check_eq!(
        context.submit(&Submission::new(&NOP).ring(1)),
        Err(Error::NoRing(1))
    );
    context.submit(&Submission::new(&[]))?;
    Ok(())
}

fn fences() -> TestResult {
    let (_device, context) = virgl2(1, 0)?;
    let first = context.submit_fenced(&Submission::new(&NOP))?;
    let second = context.submit_fenced(&Submission::new(&NOP).wait_fence(&first).ring(0))?;
    second.wait(SECOND)?;
    first.wait(SECOND)?;
    check_eq!(second.status()?, FenceStatus::Signalled);
    let file = std::fs::File::open("/dev/null")?;
    let wrong = context.submit(&Submission::new(&NOP).wait_fence(&file));
    check!(
        matches!(
            wrong,
            Err(Error::Invalid {
                ioctl: Ioctl::Execbuffer,
                ..
            })
        ),
        "{wrong:?}"
    );
    Ok(())
}

fn syncobjs() -> TestResult {
    let (device, context) = virgl2(1, 0)?;
    let binary = device.create_syncobj(false)?;
    let timeline = device.create_syncobj(false)?;
    let empty = context.submit(&Submission::new(&NOP).wait(SyncPoint::new(binary)));
    check!(
        matches!(
            empty,
            Err(Error::Invalid {
                ioctl: Ioctl::Execbuffer,
                ..
            })
        ),
        "a syncobj without a fence: {empty:?}"
    );
    let first = Submission::new(&NOP)
        .signal(SyncPoint::new(binary))
        .signal(SyncPoint::new(timeline).at(3));
    context.submit(&first)?;
    let second = Submission::new(&NOP)
        .wait_and_reset(SyncPoint::new(binary))
        .wait(SyncPoint::new(timeline).at(3))
        .signal(SyncPoint::new(timeline).at(4));
    context.submit(&second)?;
    device.syncobj_timeline_wait(&[timeline], &[4], i64::MAX, true, false, false)?;
    let mut points = [0];
    device.syncobj_timeline_query(&[timeline], &mut points, false)?;
    check_eq!(points, [4]);
    let again = context.submit(&Submission::new(&NOP).wait(SyncPoint::new(binary)));
    check!(
        matches!(
            again,
            Err(Error::Invalid {
                ioctl: Ioctl::Execbuffer,
                ..
            })
        ),
        "not reset: {again:?}"
    );
    device.destroy_syncobj(binary)?;
    device.destroy_syncobj(timeline)?;
    Ok(())
}

fn polled_ring() -> TestResult {
    // For this type of context the renderer supports only the first ring.
    let (device, context) = virgl2(1, 0b1)?;
    // On the timeline of the device, which is not polled.
    context
        .submit_fenced(&Submission::new(&NOP))?
        .wait(SECOND)?;
    check_eq!(device.read_events()?, []);
    context.submit(&Submission::new(&NOP).ring(0))?;
    check_eq!(device.wait_events(SECOND)?, [Event::FenceSignalled]);

    let without_rings = ContextBuilder::new(CapsetId::VIRGL2)
        .polled_rings(1)
        .build(&Device::first()?);
    check!(
        matches!(without_rings, Err(Error::Invalid { .. })),
        "a polled ring that does not exist: {without_rings:?}"
    );
    Ok(())
}

fn examples() -> TestResult {
    for example in [
        "virtgpu-example-stream",
        "virtgpu-example-poll",
        "virtgpu-example-guide",
    ] {
        let output = Command::new(example).output()?;
        println!("{}", String::from_utf8_lossy(&output.stdout));
        check!(
            output.status.success(),
            "{example}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Neither contexts nor resources are left on the host.
fn leak() -> TestResult {
    let device = device()?;
    let wait = || {
        Context::of(&device)
            .submit_fenced(&Submission::new(&NOP))?
            .wait(SECOND)
    };
    wait()?;
    // What earlier subtests have dropped must be gone before this.
    thread::sleep(REST);
    judge::ask("host-mark", &[])?;
    for _ in 0..20 {
        let (again, context) = virgl2(1, 0)?;
        let buffer = again.create_texture(&texture())?;
        let submission = Submission::new(&NOP).buffer(&buffer).ring(0);
        context.submit_fenced(&submission)?.wait(SECOND)?;
        drop(device.import(buffer.export()?)?);
    }
    wait()?;
    judge::ask("host-marked", &[])
}

fn main() -> ExitCode {
    run(
        "virtgpu_client_render",
        &[
            ("capsets", "capsets of virgl and Venus are parsed", capsets),
            ("contexts", "a file has one context", contexts),
            ("stream", "pixels in a stream are read back", stream),
            (
                "buffers",
                "buffers and rings that a stream must not name",
                buffers_of_streams,
            ),
            ("fences", "fences of streams, in and out", fences),
            ("syncobjs", "syncobjs and points of timelines", syncobjs),
            ("polled-ring", "events of a polled ring", polled_ring),
            ("examples", "the examples for renderers", examples),
            ("leak", "nothing is left on the host", leak),
        ],
    )
}
