// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver uses the memory of a point of a timeline twice.
//!
//! expect: E0382: use of moved value: `chain`
use drm::{
    dma_buf::{FenceChain, SingleFence},
    syncobj::SyncObj,
};

/// Puts the same node into two lists.
pub fn point_added_twice(timelines: [&SyncObj; 2], chain: FenceChain, fence: &SingleFence) {
    timelines[0].add_point(chain, fence, 1);
    timelines[1].add_point(chain, fence, 1);
}
