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
        if is_current {
            Self::of_clips(|f| new.for_each_damage(old, f))
        } else {
            let mut damage = Self::none();
            damage.add(new.src());
            damage
        }
    }

    fn none() -> Self {
        Self {
            count: 0,
            rects: [Rect::default(); MAX],
        }
    }

    /// What clips damage, which `for_each` gives one by one, each with the number of all.
    fn of_clips(for_each: impl FnOnce(&mut dyn FnMut(Rect, usize))) -> Self {
        let mut damage = Self::none();
        let (mut run, mut joined) = (0, Rect::default());
        for_each(&mut |clip, count| {
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

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kunit::{expect, expect_eq, Test};

    /// So far from each other small rectangles are not joined.
    const DISTANCE: i32 = 1900;

    fn of(clips: &[Rect]) -> Damage {
        Damage::of_clips(|f| clips.iter().for_each(|clip| f(*clip, clips.len())))
    }

    /// Clips in a row that are far from each other.
    fn far(index: usize) -> Rect {
        Rect::new(index as i32 * DISTANCE, 0, 1, 10)
    }

    fn near_rects_are_joined(test: &Test) {
        // 64 x 64 pixels between them: as much as a command costs.
        let damage = of(&[Rect::new(0, 0, 1, 64), Rect::new(65, 0, 1, 64)]);
        expect_eq!(test, damage.rects(), [Rect::new(0, 0, 66, 64)]);
    }

    fn far_rects_stay_apart(test: &Test) {
        let damage = of(&[Rect::new(0, 0, 1, 64), Rect::new(66, 0, 1, 64)]);
        expect_eq!(test, damage.rects().len(), 2);
    }

    fn inner_rect_adds_nothing(test: &Test) {
        let outer = Rect::new(100, 100, 500, 500);
        expect_eq!(
            test,
            of(&[outer, Rect::new(200, 200, 10, 10)]).rects(),
            [outer]
        );
        expect_eq!(
            test,
            of(&[Rect::new(200, 200, 10, 10), outer]).rects(),
            [outer]
        );
    }

    fn joined_rect_joins_others(test: &Test) {
        let (left, right) = (Rect::new(0, 0, 64, 64), Rect::new(164, 0, 64, 64));
        expect_eq!(test, of(&[left, right]).rects(), [left, right]);
        let damage = of(&[left, right, Rect::new(64, 0, 100, 64)]);
        expect_eq!(test, damage.rects(), [Rect::new(0, 0, 228, 64)]);
    }

    /// The area of the joined rectangle does not fit into 32 bits.
    fn areas_are_64_bit(test: &Test) {
        let damage = of(&[Rect::new(0, 0, 1, 1), Rect::new(65535, 65535, 1, 1)]);
        expect_eq!(test, damage.rects().len(), 2);
    }

    fn few_clips_are_kept(test: &Test) {
        let clips: [Rect; MAX] = core::array::from_fn(far);
        expect_eq!(test, of(&clips).rects(), clips);
    }

    /// 17 clips in at most 8 runs: runs of 3, the last one shorter.
    fn many_clips_are_joined_in_runs(test: &Test) {
        let clips: [Rect; MAX + 1] = core::array::from_fn(far);
        let damage = of(&clips);
        expect_eq!(test, damage.rects().len(), 6);
        expect_eq!(test, damage.rects()[0], far(0).join(&far(2)));
        expect_eq!(test, damage.rects()[5], far(15).join(&far(16)));
    }

    fn no_clips_are_no_damage(test: &Test) {
        expect!(test, of(&[]).rects().is_empty());
        expect!(test, of(&[]).bounds().is_none());
    }

    fn bounds_hold_everything(test: &Test) {
        let damage = of(&[far(0), far(3), Rect::new(0, 30000, 7, 8)]);
        let bounds = Rect::new(0, 0, 3 * DISTANCE + 1, 30008);
        expect!(test, damage.bounds() == Some(bounds));
    }

    kunit::suite!(
        c"virtgpu_rs_damage",
        [
            near_rects_are_joined,
            far_rects_stay_apart,
            inner_rect_adds_nothing,
            joined_rect_joins_others,
            areas_are_64_bit,
            few_clips_are_kept,
            many_clips_are_joined_in_runs,
            no_clips_are_no_damage,
            bounds_hold_everything,
        ]
    );
}
