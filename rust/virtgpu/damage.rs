// SPDX-License-Identifier: GPL-2.0
//! Damage: the few rectangles worth uploading out of what a commit declares as changed.
use drm::{
    kms::{DriverPlane, PlaneState},
    Rect,
};

/// Rectangles uploaded one by one in a frame; more are joined.
const MAX: usize = 16;

/// What has to be uploaded, in framebuffer pixels.
pub(crate) struct Damage {
    count: usize,
    rects: [Rect; MAX],
}

impl Damage {
    /// Finds out what a commit has to upload.
    ///
    /// Host copies are per buffer: after a flip the clips say nothing about the new buffer's copy,
    /// and all of it is uploaded.
    pub(crate) fn collect<T: DriverPlane>(old: &PlaneState<T>, new: &PlaneState<T>) -> Self {
        let mut damage = Self {
            count: 0,
            rects: [Rect::default(); MAX],
        };
        if old.same_framebuffer(new) {
            new.for_each_damage(old, |rect| damage.add(rect));
        } else {
            damage.add(new.src());
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

    /// Joins a rectangle with those it shares so much with that uploading both apart would move
    /// more pixels. A join may reach further rectangles, so start over after each.
    fn add(&mut self, mut rect: Rect) {
        let mut i = 0;
        while i < self.count {
            let joined = rect.join(&self.rects[i]);
            if joined.area() > rect.area() + self.rects[i].area() {
                i += 1;
                continue;
            }
            rect = joined;
            self.count -= 1;
            self.rects[i] = self.rects[self.count];
            i = 0;
        }

        if self.count == MAX {
            rect = self.bounds().map_or(rect, |bounds| rect.join(&bounds));
            self.count = 0;
        }
        self.rects[self.count] = rect;
        self.count += 1;
    }
}
