// SPDX-License-Identifier: GPL-2.0
//! Damage: the few rectangles that a commit uploads.
use drm::{kms::plane::RawPlaneState, Rect};

/// Up to this number, clips are uploaded one by one. More of them are joined into up to `RUNS`
/// runs.
const MAX: usize = 16;
const RUNS: usize = 8;

/// Number of pixels whose copy costs guest and host as much as another command, see docs/frame.md.
const WASTE: i64 = 4096;

/// The rectangles that have to be uploaded, in framebuffer pixels.
pub(crate) struct Damage {
    count: usize,
    rects: [Rect; MAX],
}

impl Damage {
    /// Collects the rectangles that a commit has to upload.
    ///
    /// Clips describe the difference to the last frame. If the host's resource does not hold the
    /// last frame, everything visible has to be uploaded.
    ///
    /// Of many clips, those that follow each other are joined. Programs sort them, and a search for
    /// better neighbours would take longer than the copy of some more pixels.
    pub(crate) fn collect(
        old: &impl RawPlaneState,
        new: &impl RawPlaneState,
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

    /// Collects clips. `for_each` passes them one by one, each with the number of all clips.
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

    /// Returns the smallest rectangle that contains all damage, if there is any.
    pub(crate) fn bounds(&self) -> Option<Rect> {
        self.rects().iter().copied().reduce(|a, b| a.join(&b))
    }

    /// Adds a rectangle. Each rectangle costs a command, so it is joined with another one if the
    /// pixels that are then copied needlessly cost less. The result may be joined with further
    /// ones.
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

    /// Returns the rectangle to join another with at the least waste, and the waste in pixels.
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

    /// Small rectangles at this distance are not joined.
    const DISTANCE: i32 = 1900;

    fn of(clips: &[Rect]) -> Damage {
        Damage::of_clips(|f| clips.iter().for_each(|clip| f(*clip, clips.len())))
    }

    /// One of several clips in a row that are far from each other.
    fn far(index: usize) -> Rect {
        Rect::new(index as i32 * DISTANCE, 0, 1, 10)
    }

    fn near_rects_are_joined(test: &Test) {
        // There are 64 x 64 pixels between them, which cost as much as a command.
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
