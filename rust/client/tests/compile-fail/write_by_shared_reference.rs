// SPDX-License-Identifier: GPL-2.0 OR MIT
//! To write needs a mapping that nothing else of the program reads at the same time.
use virtgpu::{Mapping, Result};

fn clear(mapping: &Mapping<'_, u32>) -> Result<()> {
    mapping.write(0, 0)
}

fn main() {
    let _ = clear;
}
