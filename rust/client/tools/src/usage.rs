// SPDX-License-Identifier: GPL-2.0 OR MIT
//! What `virtgpu-top` shows.
use std::io;

use serde_json::{json, Value};
use virtgpu::usage::{clients, Client};

use crate::counters::Queues;

/// A device with its counters, or why there are none.
pub struct Gpu {
    /// The name of the device on its bus.
    pub bus_id: String,
    /// The module of its driver.
    pub module: String,
    /// State and counters.
    pub queues: Result<Queues, String>,
}

/// Everything at one time.
pub struct Sample {
    /// The devices.
    pub gpus: Vec<Gpu>,
    /// The clients of all devices. Those with most memory come first.
    pub clients: Vec<Client>,
}

/// Says why a file cannot be read.
fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "only root may read debugfs".into(),
        io::ErrorKind::NotFound => "this driver has no counters, or debugfs is not mounted".into(),
        _ => error.to_string(),
    }
}

impl Sample {
    /// Looks at all devices and clients.
    #[must_use]
    pub fn take() -> Self {
        let gpus = virtgpu::devices().into_iter().map(|location| Gpu {
            queues: Queues::read(&location.card).map_err(|error| explain(&error)),
            bus_id: location.bus_id,
            module: location.module.unwrap_or_default(),
        });
        let mut clients = clients();
        clients.sort_by_key(|client| std::cmp::Reverse(client.usage.total));
        Self {
            gpus: gpus.collect(),
            clients,
        }
    }

    /// Returns it as JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        let gpus = self.gpus.iter().map(|gpu| match &gpu.queues {
            Ok(queues) => json!({
                "bus_id": gpu.bus_id,
                "module": gpu.module,
                "state": queues.state,
                "last_reset": queues.last_reset,
                "contexts": queues.contexts,
                "counters": queues.counters.json(),
            }),
            Err(why) => json!({
                "bus_id": gpu.bus_id, "module": gpu.module, "counters": null, "why": why,
            }),
        });
        let clients = self.clients.iter().map(|client| {
            let usage = &client.usage;
            let processes = client.processes.iter();
            json!({
                "client": usage.client,
                "name": usage.name,
                "bus_id": usage.bus_id,
                "total": usage.total,
                "shared": usage.shared,
                "resident": usage.resident,
                "active": usage.active,
                "processes": processes.map(|(pid, name)| json!({ "pid": pid, "name": name }))
                    .collect::<Vec<_>>(),
            })
        });
        json!({ "devices": gpus.collect::<Vec<_>>(), "clients": clients.collect::<Vec<_>>() })
    }
}

/// Returns a client's processes in a few words.
#[must_use]
pub fn processes(client: &Client) -> String {
    let words: Vec<_> = client
        .processes
        .iter()
        .map(|(pid, name)| format!("{name} ({pid})"))
        .collect();
    words.join(", ")
}

/// Returns a size with a unit.
#[must_use]
pub fn size(bytes: u64) -> String {
    match bytes {
        0..0x2800 => format!("{bytes} B"),
        0x2800..0xa0_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_have_units() {
        assert_eq!(super::size(10_000), "10000 B");
        assert_eq!(super::size(20 << 10), "20 KiB");
        assert_eq!(super::size(u64::MAX), "17592186044415 MiB");
    }
}
