// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The bytes of an EDID are used after it is gone.
//!
//! expect: E0597: `edid` does not live long enough
use drm::kms::Edid;
use kernel::prelude::*;

/// Keeps the bytes and drops the EDID.
pub fn edid_bytes_past_edid(raw: &[u8]) -> Result<u8> {
    let bytes = {
        let edid = Edid::new(raw)?;
        edid.bytes()
    };
    Ok(bytes[0])
}
