// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Tests of the crate `virtgpu` and of its programs on any virtio GPU.
use std::{
    fs,
    io::{BufRead, BufReader},
    os::{fd::AsFd, unix::process::CommandExt},
    process::{Command, ExitCode, Output, Stdio},
    thread,
    time::Duration,
};

use serde_json::Value;
use virtgpu::{
    drm::{control::Device as _, Device as _},
    usage, Blob, BlobMemory, BufferObject, CapsetId, Context, ContextBuilder, Device, Error, Event,
    Format, Ioctl, Param, Region, Submission, Texture, Transfer,
};
use virtgpu_device_tests::{
    check, check_eq, device, driver_is_stock, judge, location, run, Failure, TestResult,
};

const SIZE: u32 = 64;
const PIXELS: usize = (SIZE * SIZE) as usize;
/// A user who is in no group.
const NOBODY: u32 = 65534;
/// How often the leak test repeats everything.
const TURNS: usize = 40;
/// How long the host needs at most for what is in its queue.
const REST: Duration = Duration::from_millis(500);

fn image(device: &Device) -> virtgpu::Result<BufferObject> {
    device.create_texture(&Texture::image(Format::B8G8R8X8, SIZE, SIZE))
}

fn discovery() -> TestResult {
    let location = location()?;
    let device = location.open()?;
    let driver = device.get_driver()?;
    check_eq!(driver.name().to_str(), Some("virtio_gpu"));
    check!(location.render.is_some(), "no render node");
    check!(location.module.is_some(), "no module");
    let card = Device::open(&location.card)?;
    check!(
        !card.resource_handles()?.connectors().is_empty(),
        "no connectors"
    );
    let same = Device::from_fd(card.as_fd().try_clone_to_owned()?)?;
    check_eq!(same.features()?, card.features()?);
    let wanted = device.features()?.capsets.contains(CapsetId::VIRGL2);
    check_eq!(Device::with_capset(CapsetId::VIRGL2).is_ok(), wanted);
    check_eq!(
        Device::with_capset(CapsetId(31)).map(|_| ()),
        Err(Error::NoCapset(CapsetId(31)))
    );
    Ok(())
}

fn open_errors() -> TestResult {
    check!(
        matches!(Device::open("/dev/dri/none"), Err(Error::Open { .. })),
        "a missing file"
    );
    check!(
        matches!(Device::open("/dev/null"), Err(Error::OtherDriver { .. })),
        "a file that is no device"
    );
    Ok(())
}

fn parameters() -> TestResult {
    let device = device()?;
    let features = device.features()?;
    println!("{features:?}");
    check!(features.capset_query_fix, "capset query fix");
    check_eq!(device.param(Param::Renderer)? != 0, features.renderer);
    check!(
        !features.context_init || features.renderer,
        "contexts without a renderer"
    );
    check_eq!(features.capsets.0 != 0, features.renderer);
    for param in Param::ALL {
        match device.param(param) {
            Ok(_) | Err(Error::Unsupported(Ioctl::Getparam)) => {}
            other => check!(false, "{}: {other:?}", param.name()),
        }
    }
    Ok(())
}

fn memory() -> TestResult {
    let device = device()?;
    let buffer = image(&device)?;
    let mut pixels = buffer.map::<u32>()?;
    check_eq!(pixels.len(), PIXELS);
    pixels.fill(0x0012_3456);
    pixels.write_slice(PIXELS - 2, &[1, 2])?;
    check_eq!(pixels.read(PIXELS - 1)?, 2);
    check_eq!(pixels.read(PIXELS), Err(Error::OutOfBounds));
    check_eq!(
        pixels.write_slice(PIXELS - 1, &[1, 2]),
        Err(Error::OutOfBounds)
    );
    check_eq!(
        pixels.read_slice(usize::MAX, &mut [0; 2]),
        Err(Error::OutOfBounds)
    );
    // Another mapping of the same memory, as other elements.
    let quads = buffer.map::<[u32; 4]>()?;
    check_eq!(quads.len(), PIXELS / 4);
    check_eq!(
        quads.read(PIXELS / 4 - 1)?,
        [0x0012_3456, 0x0012_3456, 1, 2]
    );
    check_eq!(buffer.info()?.resource, buffer.resource());
    check_eq!(u64::from(buffer.info()?.size), buffer.size());
    Ok(())
}

fn transfers() -> TestResult {
    let device = device()?;
    let buffer = image(&device)?;
    buffer.transfer_to_host(&Transfer::default())?;
    buffer.transfer_to_host(&Transfer::of(Region::rectangle(8, 8, 56, 56)))?;
    buffer.wait()?;
    for region in [
        Region::rectangle(0, 0, SIZE + 1, 1),
        Region::rectangle(SIZE, 0, 1, 1),
        Region::rectangle(1, 0, u32::MAX, 1),
        Region::rectangle(0, 0, 0, 1),
    ] {
        check_eq!(
            buffer.transfer_to_host(&Transfer::of(region)),
            Err(Error::OutOfBounds)
        );
    }
    let level = Transfer {
        level: 1,
        ..Transfer::default()
    };
    check_eq!(buffer.transfer_to_host(&level), Err(Error::OutOfBounds));
    let offset = Transfer {
        offset: SIZE * SIZE * 4,
        ..Transfer::default()
    };
    check_eq!(buffer.transfer_to_host(&offset), Err(Error::OutOfBounds));
    let from = buffer.transfer_from_host(&Transfer::default());
    if device.features()?.renderer {
        check_eq!(from, Ok(()));
        buffer.wait()?;
    } else {
        check_eq!(from, Err(Error::Unsupported(Ioctl::TransferFromHost)));
    }
    Ok(())
}

fn waits() -> TestResult {
    let buffer = image(&device()?)?;
    buffer.wait()?;
    check!(!buffer.is_busy()?, "a buffer that nobody uses is busy");
    buffer.wait_timeout(Duration::ZERO)?;
    Ok(())
}

fn shared() -> TestResult {
    let (one, other) = (device()?, device()?);
    let buffer = image(&one)?;
    buffer.map::<u32>()?.fill(7);
    let file = buffer.export()?;
    // The same file has one handle, which two values share.
    let same = one.import(&file)?;
    check_eq!(same.handle(), buffer.handle());
    drop(same);
    check_eq!(buffer.map::<u32>()?.read(9)?, 7);
    let foreign = other.import(&file)?;
    drop(buffer);
    check_eq!(foreign.map::<u32>()?.read(PIXELS - 1)?, 7);
    check_eq!(u64::from(foreign.info()?.size), foreign.size());
    Ok(())
}

fn blobs() -> TestResult {
    let device = device()?;
    let blob = Blob::guest(8192).mappable();
    if !device.features()?.blob {
        let refused = device.create_blob(&blob).map(|_| ());
        check!(
            matches!(
                refused,
                Err(Error::Invalid {
                    ioctl: Ioctl::ResourceCreateBlob,
                    ..
                })
            ),
            "{refused:?}"
        );
        return Ok(());
    }
    let buffer = device.create_blob(&blob)?;
    check_eq!(buffer.info()?.blob, Some(BlobMemory::Guest));
    buffer.map::<u64>()?.write(1023, u64::MAX)?;
    check_eq!(buffer.map::<u64>()?.read(1023)?, u64::MAX);
    check!(
        matches!(
            device.create_blob(&Blob::guest(0)),
            Err(Error::Invalid { .. })
        ),
        "an empty blob"
    );
    Ok(())
}

/// What needs a renderer fails with an error that says so.
fn no_renderer() -> TestResult {
    let device = device()?;
    if device.features()?.renderer {
        return Err(Failure::Skip("the host renders".into()));
    }
    let capset = device.capset(CapsetId::VIRGL2, 0, 64);
    check_eq!(capset, Err(Error::Unsupported(Ioctl::GetCaps)));
    let submitted = Context::of(&device).submit(&Submission::new(&[0; 16]));
    check_eq!(submitted, Err(Error::Unsupported(Ioctl::Execbuffer)));
    let context = ContextBuilder::new(CapsetId::VIRGL2)
        .build(&device)
        .map(|_| ());
    check!(
        matches!(
            context,
            Err(Error::Invalid {
                ioctl: Ioctl::ContextInit,
                ..
            })
        ),
        "{context:?}"
    );
    Ok(())
}

/// The file of a device has events of all kinds.
fn events() -> TestResult {
    use virtgpu::drm::control::{connector, Device as _, PageFlipFlags};

    let device = Device::open(location()?.card)?;
    check_eq!(device.read_events()?, []);
    let resources = device.resource_handles()?;
    let connectors = resources.connectors().iter();
    let connected = connectors
        .filter_map(|handle| device.get_connector(*handle, true).ok())
        .find(|connector| connector.state() == connector::State::Connected)
        .ok_or_else(|| Failure::Fail("no connected head".into()))?;
    let mode = connected.modes()[0];
    let (width, height) = mode.size();
    let buffer = device.create_texture(&Texture::image(
        Format::B8G8R8X8,
        width.into(),
        height.into(),
    ))?;
    let image = buffer
        .image()
        .ok_or_else(|| Failure::Fail("no picture".into()))?;
    let framebuffer = device.add_framebuffer(&image, 24, 32)?;
    let crtc = resources.crtcs()[0];
    device.set_crtc(
        crtc,
        Some(framebuffer),
        (0, 0),
        &[connected.handle()],
        Some(mode),
    )?;
    device.page_flip(crtc, framebuffer, PageFlipFlags::EVENT, None)?;
    let events = device.wait_events(Some(Duration::from_secs(5)))?;
    // The end of a flip.
    check!(
        matches!(events[..], [Event::Other { kind: 2, .. }]),
        "{events:?}"
    );
    device.destroy_framebuffer(framebuffer)?;
    Ok(())
}

/// The sizes in `fdinfo` are those of this program's buffers.
fn memory_use() -> TestResult {
    if driver_is_stock() {
        return Err(Failure::Skip(
            "the kernel's own driver has nothing in fdinfo".into(),
        ));
    }
    let mine = |wanted: u64| {
        let pid = std::process::id();
        let clients = usage::clients().into_iter();
        let mut clients = clients.filter(|one| one.processes.iter().any(|(id, _)| *id == pid));
        clients.any(|one| one.usage.total == wanted)
    };
    let device = device()?;
    check!(mine(0), "a client without buffers");
    let buffer = image(&device)?;
    check!(mine(buffer.size()), "a client with a buffer");
    buffer.map::<u32>()?.fill(1);
    let clients = usage::clients();
    check!(
        clients
            .iter()
            .any(|one| one.usage.resident == buffer.size()),
        "{clients:?}"
    );
    Ok(())
}

fn output(command: &mut Command) -> Result<Output, Failure> {
    println!("$ {command:?}");
    let output = command.stdin(Stdio::null()).output()?;
    println!("{}", String::from_utf8_lossy(&output.stdout));
    println!("{}", String::from_utf8_lossy(&output.stderr));
    Ok(output)
}

fn info() -> TestResult {
    let buffer = image(&device()?)?;
    buffer.map::<u32>()?.fill(1);
    let text = output(&mut Command::new("virtgpu-info"))?;
    check!(text.status.success(), "{}", text.status);
    let text = String::from_utf8(text.stdout)?;
    let features = device()?.features()?;
    check!(text.contains("virtio_gpu"), "no driver");
    let json = output(Command::new("virtgpu-info").arg("--json"))?;
    check!(json.status.success(), "{}", json.status);
    let json: Value = serde_json::from_slice(&json.stdout)?;
    let gpu = &json["devices"][0];
    check_eq!(gpu["driver"]["name"], "virtio_gpu");
    check_eq!(gpu["features"]["3D_FEATURES"], u32::from(features.renderer));
    check!(
        gpu["heads"]
            .as_array()
            .is_some_and(|heads| !heads.is_empty()),
        "no heads"
    );
    check!(gpu["heads"][0]["modes"][0].is_string(), "no modes");
    let memory = &gpu["memory"];
    if driver_is_stock() {
        check_eq!(memory["total_bytes"], 0);
        return Ok(());
    }
    check!(
        memory["resident_bytes"].as_u64() >= Some(buffer.size()),
        "the memory of this process is missing"
    );
    let window = memory["host_visible_window_bytes"].as_u64();
    check_eq!(window.map(|bytes| bytes != 0), Some(features.host_visible));
    Ok(())
}

/// A user without permission learns what to do.
fn permission() -> TestResult {
    let render = location()?
        .render
        .ok_or_else(|| Failure::Fail("no render node".into()))?;
    let group = "/etc/group";
    let line = fs::read_to_string(group)?;
    check!(line.contains("\nrender:"), "the guest has no group render");
    output(Command::new("chgrp").arg("render").arg(&render))?;
    output(Command::new("chmod").arg("660").arg(&render))?;
    let output = output(Command::new("virtgpu-info").uid(NOBODY).gid(NOBODY))?;
    check!(!output.status.success(), "success without permission");
    let text = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
    let wanted = format!(
        "{}: permission denied; you are not in group render",
        render.display()
    );
    check!(text.contains(&wanted), "no line {wanted:?}");
    Ok(())
}

fn top() -> TestResult {
    let buffer = image(&device()?)?;
    buffer.map::<u32>()?.fill(1);
    let json = output(Command::new("virtgpu-top").args(["--once", "--json"]))?;
    check!(json.status.success(), "{}", json.status);
    let json: Value = serde_json::from_slice(&json.stdout)?;
    let gpu = &json["devices"][0];
    if driver_is_stock() {
        check!(
            gpu["counters"].is_null(),
            "counters of a driver that has none"
        );
        return Ok(());
    }
    check!(gpu["counters"]["commands"].is_u64(), "no commands");
    let pid = std::process::id();
    let clients = json["clients"].as_array().cloned().unwrap_or_default();
    let mine = clients.iter().find(|one| one["processes"][0]["pid"] == pid);
    check_eq!(
        mine.map(|one| one["total"].clone()),
        Some(buffer.size().into())
    );
    Ok(())
}

/// The picture of `examples/picture.rs` is on the screen.
fn picture() -> TestResult {
    let mut example = Command::new("virtgpu-example-picture")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let stdout = example
        .stdout
        .take()
        .ok_or_else(|| Failure::Fail("no output".into()))?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    println!("{line}");
    let size = line
        .split_whitespace()
        .next()
        .and_then(|size| size.split_once('x'));
    let (width, height): (u32, u32) = match size {
        Some((width, height)) => (width.parse()?, height.parse()?),
        None => return Err(Failure::Fail(format!("the example has said {line:?}"))),
    };
    let pixels: Vec<u32> = (0..height)
        .flat_map(|y| {
            (0..width).map(move |x| ((x * 255 / width) << 16) | ((y * 255 / height) << 8) | 0x40)
        })
        .collect();
    let result = judge::picture(width, height, &pixels);
    drop(example.stdin.take());
    check!(example.wait()?.success(), "the example has failed");
    result
}

/// Nothing is left on the host when a program has ended, or has dropped what it had.
fn leak() -> TestResult {
    let device = device()?;
    // With a renderer, this makes the context of the file, which stays.
    let _kept = image(&device)?;
    // What earlier subtests have dropped must be gone before this.
    thread::sleep(REST);
    judge::ask("host-mark", &[])?;
    for _ in 0..TURNS {
        let again = Device::first()?;
        let buffers: Vec<_> = (0..4).map(|_| image(&again)).collect::<Result<_, _>>()?;
        for buffer in &buffers {
            buffer.map::<u32>()?.fill(3);
            buffer.transfer_to_host(&Transfer::default())?;
        }
        let imported = device.import(buffers[0].export()?)?;
        imported.wait()?;
    }
    judge::ask("host-marked", &[])
}

fn main() -> ExitCode {
    run(
        "virtgpu_client",
        &[
            (
                "discovery",
                "devices are found by driver, node and capset",
                discovery,
            ),
            ("open-errors", "files that are no virtio GPU", open_errors),
            ("parameters", "parameters and features agree", parameters),
            ("memory", "mappings have bounds", memory),
            ("transfers", "boxes are checked", transfers),
            ("waits", "waits for buffers end", waits),
            (
                "shared",
                "export and import, also of one's own buffer",
                shared,
            ),
            ("blobs", "memory of the guest as a blob", blobs),
            (
                "no-renderer",
                "errors of a device that does not render",
                no_renderer,
            ),
            ("events", "events of a page flip", events),
            (
                "memory-use",
                "fdinfo tells who has which memory",
                memory_use,
            ),
            ("info", "virtgpu-info, as text and as JSON", info),
            (
                "permission",
                "virtgpu-info says what a user is not permitted",
                permission,
            ),
            ("top", "virtgpu-top --once --json", top),
            ("picture", "the example's picture is on the screen", picture),
            ("leak", "nothing is left on the host", leak),
        ],
    )
}
