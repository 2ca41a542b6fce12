// SPDX-License-Identifier: GPL-2.0 OR MIT
//! The counters of a driver of this repository, in debugfs.
use std::{fs, io, path::Path};

use serde_json::{json, Value};

/// What both queues have done since the driver was loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Commands that were queued.
    pub commands: u64,
    /// Kicks that the driver has asked for.
    pub kicks: u64,
    /// Interrupts that were handled.
    pub interrupts: u64,
    /// Commands to which the host has returned an error.
    pub errors: u64,
    /// Commands that were dropped.
    pub dropped: u64,
    /// Resets of the device.
    pub resets: u64,
    /// Fences that were late on a host that was alive.
    pub late_fences: u64,
}

/// The state of a device and its counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queues {
    /// The state, in the driver's words.
    pub state: String,
    /// Why the device was reset last, in the driver's words.
    pub last_reset: String,
    /// How many contexts there are now.
    pub contexts: u64,
    /// Its counters.
    pub counters: Counters,
}

impl Queues {
    /// Parses the text of the file `virtgpu-queues`.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut queues = Self::default();
        for line in text.lines() {
            let Some((key, value)) = line.split_once(": ") else {
                continue;
            };
            match key {
                "state" => value.clone_into(&mut queues.state),
                "last reset" => value.clone_into(&mut queues.last_reset),
                "contexts" => queues.contexts = value.parse().unwrap_or(0),
                "resets" => queues.counters.resets = value.parse().unwrap_or(0),
                "late fences" => queues.counters.late_fences = value.parse().unwrap_or(0),
                _ => queues.counters.add(value),
            }
        }
        queues
    }

    /// Reads them for the device with a primary node, for example `/dev/dri/card0`.
    ///
    /// # Errors
    ///
    /// `PermissionDenied` for users; `NotFound` for another driver, or if debugfs is not mounted.
    pub fn read(card: &Path) -> io::Result<Self> {
        Ok(Self::parse(&read_file(card, "virtgpu-queues")?))
    }
}

/// Reads a file in debugfs of the device with a primary node.
fn read_file(card: &Path, name: &str) -> io::Result<String> {
    let minor = card
        .to_str()
        .and_then(|card| card.strip_prefix("/dev/dri/card"));
    let minor = minor.ok_or(io::ErrorKind::NotFound)?;
    fs::read_to_string(format!("/sys/kernel/debug/dri/{minor}/{name}"))
}

/// Returns the size in bytes of the window through which the guest sees memory of the host. It is 0 if the device
/// has none. Returns `None` where [`Queues::read`] fails.
#[must_use]
pub fn host_visible_window(card: &Path) -> Option<u64> {
    parse_window(&read_file(card, "virtgpu-capabilities").ok()?)
}

fn parse_window(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("host-visible memory: "))?;
    line.strip_suffix(" bytes")?.parse().ok()
}

impl Counters {
    /// Adds the counters of a line, for example `3 commands, 2 kicks`.
    fn add(&mut self, line: &str) {
        for part in line.split(", ") {
            let Some((number, name)) = part.split_once(' ') else {
                continue;
            };
            let counter = match name {
                "commands" => &mut self.commands,
                "kicks" => &mut self.kicks,
                "interrupts" => &mut self.interrupts,
                "errors" => &mut self.errors,
                "dropped" => &mut self.dropped,
                _ => continue,
            };
            *counter = counter.saturating_add(number.parse().unwrap_or(0));
        }
    }

    /// Returns what was counted since an earlier time. A driver that was loaded again counts from 0.
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            commands: self.commands.saturating_sub(earlier.commands),
            kicks: self.kicks.saturating_sub(earlier.kicks),
            interrupts: self.interrupts.saturating_sub(earlier.interrupts),
            errors: self.errors.saturating_sub(earlier.errors),
            dropped: self.dropped.saturating_sub(earlier.dropped),
            resets: self.resets.saturating_sub(earlier.resets),
            late_fences: self.late_fences.saturating_sub(earlier.late_fences),
        }
    }

    /// Returns the names and values, for tables.
    #[must_use]
    pub fn rows(self) -> [(&'static str, u64); 7] {
        [
            ("commands", self.commands),
            ("kicks", self.kicks),
            ("interrupts", self.interrupts),
            ("errors", self.errors),
            ("dropped", self.dropped),
            ("resets", self.resets),
            ("late_fences", self.late_fences),
        ]
    }

    /// Returns them as JSON.
    #[must_use]
    pub fn json(self) -> Value {
        self.rows()
            .into_iter()
            .map(|(name, value)| (name.to_owned(), json!(value)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "state: up\nlast reset: none\nresets: 2\ncontexts: 4\nlate fences: 5\n\
        control: running, 64 of 64 descriptors free, 0 in flight\n\
        control: 12 commands, 8 kicks, 7 interrupts, 1 errors, 0 dropped\n\
        cursor: running, 16 of 16 descriptors free, 0 in flight\n\
        cursor: 3 commands, 3 kicks, 0 interrupts, 0 errors, 2 dropped\n";

    #[test]
    fn both_queues_are_added() {
        let queues = Queues::parse(TEXT);
        assert_eq!(
            (queues.state.as_str(), queues.last_reset.as_str()),
            ("up", "none")
        );
        let counters = queues.counters;
        assert_eq!(
            (counters.commands, counters.kicks, counters.interrupts),
            (15, 11, 7)
        );
        assert_eq!((counters.errors, counters.dropped), (1, 2));
        assert_eq!(
            (counters.resets, counters.late_fences, queues.contexts),
            (2, 5, 4)
        );
        assert_eq!(counters.since(counters), Counters::default());
    }

    #[test]
    fn window_has_a_size() {
        let text = "edid: yes\nhost-visible memory: 268435456 bytes\nscanouts: 1\n";
        assert_eq!(parse_window(text), Some(256 << 20));
        assert_eq!(parse_window("host-visible memory: much\n"), None);
        assert_eq!(parse_window(""), None);
    }

    #[test]
    fn other_text_counts_nothing() {
        let queues = Queues::parse("control: -1 commands, x kicks\n: \nstate:\n12 commands");
        assert_eq!(queues.counters, Counters::default());
    }
}
