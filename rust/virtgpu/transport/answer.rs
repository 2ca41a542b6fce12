// SPDX-License-Identifier: GPL-2.0
//! Checks of the device's answers.
//!
//! The device is not trusted: length and type of each response are checked before anyone reads it.
//! An error of the protocol becomes an errno.
use kernel::prelude::*;

use crate::{
    device::Device,
    gpu::{cmd, resp, Header, Wire},
    transport::command::{kind, Chain},
};

/// Checks a response that should have the type `expected` and the size `room`. The device sends no
/// response if `expected` is 0. An `early` command was sent before the device had all resources again
/// after a reset. If it named one that the device did not have, it counts as lost in the reset.
fn verdict(response: &[u8], expected: u32, room: usize, early: bool) -> Result {
    if expected == 0 {
        return Ok(());
    }
    match Header::read(response).ok_or(EIO)?.kind {
        kind if kind == expected => {
            if response.len() == room {
                Ok(())
            } else {
                Err(EIO)
            }
        }
        resp::ERR_INVALID_RESOURCE_ID if early => Err(ENODEV),
        resp::ERR_OUT_OF_MEMORY => Err(ENOMEM),
        resp::ERR_INVALID_SCANOUT_ID..=resp::ERR_INVALID_PARAMETER => Err(EINVAL),
        _ => Err(EIO),
    }
}

/// Logs what is wrong with a response, unless it is an error that is expected.
fn complain(dev: &Device, chain: &Chain) {
    let (request, response) = (cmd::name(kind(chain)), chain.response());
    let expected = chain.data().resp_type;
    let Some(header) = Header::read(response) else {
        drm::drm_err_ratelimited!(
            dev,
            "{}: the response has {} bytes, less than a header\n",
            request,
            response.len()
        );
        return;
    };

    if header.kind == expected {
        drm::drm_err_ratelimited!(
            dev,
            "{}: the response has {} bytes instead of {}\n",
            request,
            response.len(),
            chain.response_room()
        );
    } else if !chain.data().quiet {
        drm::drm_err_ratelimited!(
            dev,
            "{}: host answered 0x{:x}, expected 0x{:x}\n",
            request,
            header.kind,
            expected
        );
    }
}

/// Checks length and type of a response, and logs what is wrong with it.
pub(super) fn check(dev: &Device, chain: &Chain) -> Result {
    verdict(
        chain.response(),
        chain.data().resp_type,
        chain.response_room(),
        chain.data().early,
    )
    .inspect_err(|error| {
        if *error != ENODEV {
            complain(dev, chain);
        }
    })
}

/// Returns whether the response says that the host did not execute the command. After any other
/// wrong response, or none, the host may have executed it.
pub(crate) fn is_refused(chain: &Chain) -> bool {
    Header::read(chain.response()).is_some_and(|header| resp::ERRORS.contains(&header.kind))
}

/// Returns whether a command that has failed is known to have had no effect on the host: it was not
/// sent, was lost with a reset or was refused.
pub(crate) fn had_no_effect(chain: &Chain) -> bool {
    !chain.data().is_answered() || is_refused(chain)
}

#[cfg(kunit)]
pub(crate) mod tests {
    use super::*;
    use kernel::transmute::AsBytes;
    use kunit::{expect_eq, Test};

    const ROOM: usize = core::mem::size_of::<Header>();

    fn answer(kind: u32) -> Header {
        Header {
            kind,
            ..Header::zeroed()
        }
    }

    fn judge(kind: u32, len: usize) -> Result {
        verdict(
            &answer(kind).as_bytes()[..len],
            resp::OK_NODATA,
            ROOM,
            false,
        )
    }

    pub(crate) fn right_answer_is_taken(test: &Test) {
        expect_eq!(test, judge(resp::OK_NODATA, ROOM), Ok(()));
    }

    pub(crate) fn answer_without_a_header_is_none(test: &Test) {
        expect_eq!(test, judge(resp::OK_NODATA, 0), Err(EIO));
        expect_eq!(test, judge(resp::OK_NODATA, ROOM - 1), Err(EIO));
        // The device did not write the whole type, so the type means nothing.
        expect_eq!(test, judge(resp::ERR_OUT_OF_MEMORY, ROOM - 1), Err(EIO));
    }

    pub(crate) fn short_answer_is_rejected(test: &Test) {
        let header = answer(resp::OK_EDID);
        let short = verdict(header.as_bytes(), resp::OK_EDID, ROOM + 1, false);
        expect_eq!(test, short, Err(EIO));
    }

    pub(crate) fn errors_become_errnos(test: &Test) {
        for (kind, error) in [
            (0x1200, EIO),
            (0x1201, ENOMEM),
            (0x1202, EINVAL),
            (0x1203, EINVAL),
            (0x1204, EINVAL),
            (0x1205, EINVAL),
            // An unknown type, another command's success, a request.
            (0x1206, EIO),
            (resp::OK_EDID, EIO),
            (cmd::RESOURCE_FLUSH, EIO),
            (0, EIO),
            (u32::MAX, EIO),
        ] {
            expect_eq!(test, judge(kind, ROOM), Err(error));
        }
    }

    pub(crate) fn command_without_answer_is_not_judged(test: &Test) {
        expect_eq!(test, verdict(&[], 0, 0, false), Ok(()));
    }

    /// The only error that is due to the reset is that the host does not know a resource.
    pub(crate) fn early_command_is_lost_with_the_reset(test: &Test) {
        for (kind, status) in [
            (resp::OK_NODATA, Ok(())),
            (resp::ERR_INVALID_RESOURCE_ID, Err(ENODEV)),
            (resp::ERR_INVALID_SCANOUT_ID, Err(EINVAL)),
            (resp::ERR_OUT_OF_MEMORY, Err(ENOMEM)),
        ] {
            let header = answer(kind);
            let result = verdict(header.as_bytes(), resp::OK_NODATA, ROOM, true);
            expect_eq!(test, result, status);
        }
    }
}
