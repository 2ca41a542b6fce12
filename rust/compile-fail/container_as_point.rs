// SPDX-License-Identifier: GPL-2.0 OR MIT
//! A driver adds a fence that may consist of others to a timeline.
//!
//! expect: E0308: mismatched types
use drm::{
    dma_buf::{Fence, FenceChain},
    syncobj::SyncObj,
};

/// Adds a fence of a program, e.g. the timeline itself.
pub fn container_as_point(timeline: &SyncObj, chain: FenceChain, fence: &Fence) {
    timeline.add_point(chain, fence, 1);
}
