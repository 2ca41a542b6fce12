// SPDX-License-Identifier: GPL-2.0
//! KUnit tests of computations of the crates `drm` and `virtio`.
use drm::{kms::modes::Timing, Rect};
use kernel::transmute::AsBytes;
use kunit::{expect, expect_eq, Test};

use crate::gpu::{self, Wire};

fn rect_has_a_size(test: &Test) {
    let rect = Rect::new(3, 5, 70, 90);
    expect_eq!(test, (rect.x1, rect.y1, rect.x2, rect.y2), (3, 5, 73, 95));
    expect_eq!(test, (rect.width(), rect.height()), (70, 90));
    expect_eq!(test, Rect::default().area(), 0);
}

fn area_is_64_bit(test: &Test) {
    expect_eq!(test, Rect::new(0, 0, 65536, 65536).area(), 1 << 32);
}

/// The sizes that hosts use are unsigned.
fn size_may_wrap_around(test: &Test) {
    for (at, size) in [(i32::MAX, 2), (0, i32::MIN), (i32::MIN, i32::MAX), (5, -1)] {
        let rect = Rect::new(at, at, size, size);
        expect_eq!(test, (rect.x1, rect.y1), (at, at));
        expect_eq!(test, (rect.width(), rect.height()), (size, size));
        let pixels = u64::from(size as u32);
        expect_eq!(test, rect.area(), pixels * pixels);
    }
}

fn join_holds_both(test: &Test) {
    let (a, b) = (Rect::new(-5, 10, 10, 10), Rect::new(100, -20, 1, 1));
    let both = Rect {
        x1: -5,
        y1: -20,
        x2: 101,
        y2: 20,
    };
    expect_eq!(test, a.join(&b), both);
    expect_eq!(test, b.join(&a), both);
    expect_eq!(test, both.join(&a), both);
}

fn fixed_point_loses_its_fractions(test: &Test) {
    let raw = Rect {
        x1: 0x1_8000,
        y1: 0x2_ffff,
        x2: 0xb_8000,
        y2: 0x5_ffff,
    };
    expect_eq!(test, Rect::from_fixed_point(raw), Rect::new(1, 2, 10, 3));
}

fn timing_is_in_order(test: &Test) {
    for size in [32, 853, 8192, 16384] {
        let timing = Timing::exact(size, 600, 60, 32);
        expect_eq!(
            test,
            timing.horizontal,
            [size, size + 8, size + 16, size + 32]
        );
        expect_eq!(test, timing.vertical, [600, 608, 616, 632]);
    }
}

fn clock_is_rounded(test: &Test) {
    // 132 x 132 pixels at 60 Hz are 1045.44 kHz, at 61 Hz 1062.864 kHz.
    expect_eq!(test, Timing::exact(100, 100, 60, 32).clock, 1045);
    expect_eq!(test, Timing::exact(100, 100, 61, 32).clock, 1063);
}

fn wire_structs_are_their_bytes(test: &Test) {
    let rect = gpu::Rect {
        x: 0x0403_0201,
        y: 0,
        width: 5,
        height: 0,
    };
    let bytes = [1, 2, 3, 4, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0];
    expect!(test, rect.as_bytes() == bytes);
    expect!(
        test,
        gpu::Rect::read(&bytes).is_some_and(|back| back.width == 5)
    );
}

fn short_bytes_are_no_struct(test: &Test) {
    expect!(test, gpu::Rect::read(&[0; 15]).is_none());
    expect!(test, gpu::Rect::read(&[]).is_none());
    // Further bytes are ignored.
    expect!(test, gpu::Rect::read(&[0; 17]).is_some());
}

kunit::suite!(
    c"virtgpu_rs_drm",
    [
        rect_has_a_size,
        area_is_64_bit,
        size_may_wrap_around,
        join_holds_both,
        fixed_point_loses_its_fractions,
        timing_is_in_order,
        clock_is_rounded,
        wire_structs_are_their_bytes,
        short_bytes_are_no_struct,
    ]
);
