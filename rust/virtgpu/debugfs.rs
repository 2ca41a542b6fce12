// SPDX-License-Identifier: GPL-2.0
//! Files in debugfs: `/sys/kernel/debug/dri/N/virtgpu-*`.
use drm::debugfs::Info;
use kernel::{prelude::*, seq_file::SeqFile, seq_print, sync::atomic::Relaxed};
use virtio::device::{F_INDIRECT_DESC, F_VERSION_1};

use crate::{
    device::{Device, VirtGpu},
    gpu,
};

pub(crate) const FILES: &[Info<VirtGpu>] = &[
    Info::new(c"virtgpu-capabilities", capabilities),
    Info::new(c"virtgpu-queues", queues),
    Info::new(c"virtgpu-resources", resources),
];

fn yes_no(value: bool) -> &'static str {
    if value {
        "yes"
    } else {
        "no"
    }
}

fn capabilities(dev: &Device, m: &SeqFile) -> Result {
    let (version_1, indirect, memory) = dev
        .transport
        .vdev
        .with(|vdev| {
            (
                vdev.has_feature(F_VERSION_1),
                vdev.has_feature(F_INDIRECT_DESC),
                vdev.shared_memory(gpu::SHM_ID_HOST_VISIBLE),
            )
        })
        .ok_or(ENODEV)?;

    seq_print!(m, "virtio 1: {}\n", yes_no(version_1));
    seq_print!(m, "indirect descriptors: {}\n", yes_no(indirect));
    seq_print!(m, "edid: {}\n", yes_no(dev.display.has_edid));
    seq_print!(
        m,
        "memory by dma address: {}\n",
        yes_no(dev.memory.use_dma_addr)
    );
    seq_print!(m, "huge pages: {}\n", yes_no(dev.has_huge_pages()));
    seq_print!(
        m,
        "host-visible memory: {} bytes\n",
        memory.map_or(0, |memory| memory.length)
    );
    seq_print!(m, "scanouts: {}\n", dev.display.outputs.len());
    for output in dev.display.outputs.iter() {
        let window = output.window.lock();
        seq_print!(
            m,
            "scanout {}: {} {}x{} resource {}\n",
            output.index,
            if window.enabled { "on" } else { "off" },
            window.width,
            window.height,
            output.shown_resource()
        );
    }
    Ok(())
}

fn queues(dev: &Device, m: &SeqFile) -> Result {
    let (state, cause) = dev.life.status();
    seq_print!(m, "state: {}\n", state.name());
    seq_print!(
        m,
        "last reset: {}\n",
        cause.map_or("none", |cause| cause.rule().text)
    );
    seq_print!(m, "resets: {}\n", dev.life.resets());
    seq_print!(m, "contexts: {}\n", dev.render.contexts.count_live());
    seq_print!(m, "late fences: {}\n", dev.render.fences.late.load(Relaxed));
    for queue in [&dev.transport.ctrl, &dev.transport.cursor] {
        let status = queue.status();
        let stats = status.stats;
        seq_print!(
            m,
            "{}: {}, {} of {} descriptors free, {} in flight\n",
            queue.name,
            match (status.size, status.stalled) {
                (0, _) => "stopped",
                (_, true) => "stalled",
                (_, false) => "running",
            },
            status.free,
            status.size,
            status.in_flight
        );
        seq_print!(
            m,
            "{}: {} commands, {} kicks, {} interrupts, {} errors, {} dropped\n",
            queue.name,
            stats.commands,
            stats.kicks,
            stats.interrupts,
            stats.errors,
            stats.dropped
        );
    }
    Ok(())
}

fn resources(dev: &Device, m: &SeqFile) -> Result {
    let mut count = 0;
    dev.memory
        .resources
        .for_each(|id, format, (width, height), size| {
            seq_print!(
                m,
                "resource {}: {}x{} format {} backing {} bytes\n",
                id,
                width,
                height,
                format,
                size
            );
            count += 1;
        });
    seq_print!(m, "total: {}\n", count);
    Ok(())
}
