// SPDX-License-Identifier: GPL-2.0
//! Damage: the few rectangles worth uploading out of what a commit declares as changed.
use drm::{
    kms::{DriverPlane, PlaneState},
    Rect,
};

/// Clips that are uploaded one by one, and into how many runs more of them are joined.
const MAX: usize = 16;
const RUNS: usize = 8;

/// Pixels whose copy costs guest and host no more than another command, see docs/frame.md.
const WASTE: i64 = 4096;

/// What has to be uploaded, in framebuffer pixels.
pub(crate) struct Damage {
    count: usize,
    rects: [Rect; MAX],
}

impl Damage {
    /// Finds out what a commit has to upload.
    ///
    /// If what the host has is not the last frame, the clips say nothing about it, and everything
    /// visible is damaged.
    ///
    /// Of many clips those that follow each other are joined, whatever that wastes: programs sort
    /// them, and to look for better neighbours takes longer than to copy.
    pub(crate) fn collect<T: DriverPlane>(
        old: &PlaneState<T>,
        new: &PlaneState<T>,
        is_current: bool,
    ) -> Self {
        let mut damage = Self {
            count: 0,
            rects: [Rect::default(); MAX],
        };
        if !is_current {
            damage.add(new.src());
            return damage;
        }
        let (mut run, mut joined) = (0, Rect::default());
        new.for_each_damage(old, |clip, count| {
            if run == 0 {
                joined = clip;
            } else {
                joined = joined.join(&clip);
            }
            run += 1;
            if count <= MAX || run == count.div_ceil(RUNS) {
                damage.add(joined);
                run = 0;
            }
        });
        if run > 0 {
            damage.add(joined);
        }
        damage
    }

    pub(crate) fn rects(&self) -> &[Rect] {
        &self.rects[..self.count]
    }

    /// The smallest rectangle around all damage, if there is any.
    pub(crate) fn bounds(&self) -> Option<Rect> {
        self.rects().iter().copied().reduce(|a, b| a.join(&b))
    }

    /// A rectangle costs a command: it is joined with another where the pixels copied in vain cost
    /// less. The joined one may be near to further rectangles.
    fn add(&mut self, mut rect: Rect) {
        while let Some((index, waste)) = self.nearest(&rect) {
            if waste > WASTE {
                break;
            }
            rect = rect.join(&self.rects[index]);
            self.count -= 1;
            self.rects[index] = self.rects[self.count];
        }
        self.rects[self.count] = rect;
        self.count += 1;
    }

    /// The rectangle with which another would be joined at the least waste, and that.
    fn nearest(&self, rect: &Rect) -> Option<(usize, i64)> {
        let area = |rect: &Rect| rect.area() as i64;
        let waste = |other: &Rect| area(&rect.join(other)) - area(rect) - area(other);
        self.rects()
            .iter()
            .map(waste)
            .enumerate()
            .min_by_key(|(_, waste)| *waste)
    }
}
