// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Events of a device's file.
use std::time::Duration;

use rustix::io::Errno;

use crate::{fence, uapi, Device, Error, Result};

/// Bytes of an event's header: type and length.
const HEADER: usize = 8;
/// More than the kernel returns at once: it has room for 4096 bytes of events.
const ROOM: usize = 4096;

/// An event of a device's file.
///
/// # Examples
///
/// ```no_run
/// use virtgpu::{Device, Event};
///
/// # fn main() -> virtgpu::Result<()> {
/// let finished = Device::first()?.read_events()?.iter().filter(|event| **event == Event::FenceSignalled).count();
/// # Ok(())
/// # }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The host has executed a command stream of a [polled ring](crate::ContextBuilder::polled_rings). The event
    /// does not tell which one; those of a ring come in order.
    FenceSignalled,
    /// An event that all DRM drivers have, for example the end of a page flip.
    Other {
        /// Its type, which the kernel's `drm.h` explains.
        kind: u32,
        /// Its data, behind the header.
        data: Vec<u8>,
    },
}

/// Splits what was read into events. Bytes that are no event end the list.
fn parse(mut bytes: &[u8]) -> Vec<Event> {
    let mut events = Vec::new();
    let word = |bytes: &[u8]| bytes.try_into().map_or(0, u32::from_ne_bytes);
    while bytes.len() >= HEADER {
        let (kind, length) = (word(&bytes[..4]), word(&bytes[4..HEADER]) as usize);
        if length < HEADER || length > bytes.len() {
            break;
        }
        let (event, rest) = bytes.split_at(length);
        events.push(match kind {
            uapi::VIRTGPU_EVENT_FENCE_SIGNALED => Event::FenceSignalled,
            kind => Event::Other {
                kind,
                data: event[HEADER..].to_vec(),
            },
        });
        bytes = rest;
    }
    events
}

impl Device {
    /// Returns the events that there are now, and does not wait. The device's file is readable while there are some,
    /// so a poll loop or an asynchronous runtime can wait for it. A program that reads the file by
    /// [`drm::control::Device::receive_events`] gets the same events.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> virtgpu::Result<()> {
    /// let events = virtgpu::Device::first()?.read_events()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_events(&self) -> Result<Vec<Event>> {
        self.wait_events(Some(Duration::ZERO))
    }

    /// Waits until there are events, for ever or for at most some time, and returns them.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use std::time::Duration;
    ///
    /// # fn main() -> virtgpu::Result<()> {
    /// let events = virtgpu::Device::first()?.wait_events(Some(Duration::from_secs(1)))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_events(&self, timeout: Option<Duration>) -> Result<Vec<Event>> {
        if !fence::readable(self, timeout)? {
            return Ok(Vec::new());
        }
        let mut bytes = [0; ROOM];
        match rustix::io::read(self, &mut bytes) {
            Ok(length) => Ok(parse(&bytes[..length.min(ROOM)])),
            Err(Errno::AGAIN | Errno::INTR) => Ok(Vec::new()),
            Err(errno) => Err(Error::from_call("read", errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fences_and_others() {
        let mut bytes = Vec::new();
        for word in [uapi::VIRTGPU_EVENT_FENCE_SIGNALED, 8, 2, 12, 7, 1, 3] {
            bytes.extend(u32::to_ne_bytes(word));
        }
        let other = Event::Other {
            kind: 2,
            data: 7_u32.to_ne_bytes().to_vec(),
        };
        assert_eq!(parse(&bytes), [Event::FenceSignalled, other]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_events(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            parse(&bytes);
        }
    }
}
