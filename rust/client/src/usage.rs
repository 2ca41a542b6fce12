// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Who uses how much memory of virtio GPUs: what the kernel's `fdinfo` says.
//!
//! The kernel's own driver says nothing there (Linux 7.3). Both drivers of this repository do.
use std::{collections::BTreeMap, fs, path::Path};

/// The memory of one client, which is an open file of a device.
///
/// # Examples
///
/// ```
/// use virtgpu::usage::Usage;
///
/// let text = "drm-driver:\tvirtio_gpu\ndrm-client-id:\t7\ndrm-total-memory:\t12 MiB\n";
/// let usage = Usage::parse(text).unwrap();
/// assert_eq!((usage.client, usage.total), (7, 12 << 20));
/// assert!(Usage::parse("drm-driver:\tamdgpu\ndrm-client-id:\t7\n").is_none());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The client's number, which is unique for its device.
    pub client: u64,
    /// The client's name, if it has given itself one.
    pub name: Option<String>,
    /// The name of the device on its bus, for example `0000:00:02.0`.
    pub bus_id: Option<String>,
    /// Bytes of all its buffers.
    pub total: u64,
    /// Bytes of those that other clients or devices have, too.
    pub shared: u64,
    /// Bytes of those that have memory.
    pub resident: u64,
    /// Bytes of those that the host is working with.
    pub active: u64,
}

impl Usage {
    /// Parses the text of a file in `/proc/PID/fdinfo`. Returns `None` for a file that is not one of a virtio GPU.
    /// Sizes that are missing are 0.
    ///
    /// # Examples
    ///
    /// ```
    /// assert!(virtgpu::usage::Usage::parse("pos:\t0\nflags:\t02\n").is_none());
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut usage = Self::default();
        let (mut is_ours, mut client) = (false, None);
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            match key {
                "drm-driver" => is_ours = value == "virtio_gpu",
                "drm-client-id" => client = value.parse().ok(),
                "drm-client-name" => usage.name = Some(value.to_owned()),
                "drm-pdev" => usage.bus_id = Some(value.to_owned()),
                "drm-total-memory" => usage.total = bytes(value),
                "drm-shared-memory" => usage.shared = bytes(value),
                "drm-resident-memory" => usage.resident = bytes(value),
                "drm-active-memory" => usage.active = bytes(value),
                _ => {}
            }
        }
        usage.client = client?;
        is_ours.then_some(usage)
    }
}

/// Reads a size, for example `12 MiB`.
fn bytes(text: &str) -> u64 {
    let mut parts = text.split_whitespace();
    let number: u64 = parts
        .next()
        .and_then(|number| number.parse().ok())
        .unwrap_or(0);
    let unit = match parts.next() {
        Some("KiB") => 1 << 10,
        Some("MiB") => 1 << 20,
        _ => 1,
    };
    number.saturating_mul(unit)
}

/// A client with the processes that have its file.
///
/// # Examples
///
/// ```
/// for client in virtgpu::usage::clients() {
///     println!("{:?}: {} bytes", client.processes, client.usage.total);
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Its memory.
    pub usage: Usage,
    /// Numbers and names of the processes, in the order of their numbers.
    pub processes: Vec<(u32, String)>,
}

/// Returns the clients of all virtio GPUs, in the order of their numbers. Those of processes that this process may
/// not look into are left out.
///
/// # Examples
///
/// ```
/// let total: u64 = virtgpu::usage::clients().iter().map(|client| client.usage.total).sum();
/// ```
#[must_use]
pub fn clients() -> Vec<Client> {
    clients_below(Path::new("/proc"))
}

fn clients_below(proc: &Path) -> Vec<Client> {
    let mut found: BTreeMap<(Option<String>, u64), Client> = BTreeMap::new();
    let mut processes: Vec<u32> = fs::read_dir(proc)
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    processes.sort_unstable();
    for process in processes {
        let folder = proc.join(process.to_string());
        let files = fs::read_dir(folder.join("fdinfo")).into_iter().flatten();
        for file in files.filter_map(Result::ok) {
            let text = fs::read_to_string(file.path()).unwrap_or_default();
            let Some(usage) = Usage::parse(&text) else {
                continue;
            };
            let key = (usage.bus_id.clone(), usage.client);
            let client = found.entry(key).or_insert_with(|| Client {
                usage,
                processes: Vec::new(),
            });
            if client
                .processes
                .last()
                .is_none_or(|(last, _)| *last != process)
            {
                let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
                client.processes.push((process, name.trim().to_owned()));
            }
        }
    }
    found.into_values().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_client_of_two_processes_is_one() {
        let proc = std::env::temp_dir().join(format!("virtgpu-proc-{}", std::process::id()));
        let text = "drm-driver:\tvirtio_gpu\ndrm-client-id:\t3\ndrm-pdev:\t0000:00:02.0\n\
                    drm-total-memory:\t8 KiB\ndrm-resident-memory:\t100\n";
        for (process, file) in [(20, 4), (3, 5), (3, 6)] {
            let folder = proc.join(process.to_string()).join("fdinfo");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(file.to_string()), text).unwrap();
            fs::write(folder.join("../comm"), "viewer\n").unwrap();
        }
        fs::create_dir_all(proc.join("sys")).unwrap();
        let clients = clients_below(&proc);
        fs::remove_dir_all(&proc).unwrap();
        let [client] = clients.try_into().unwrap();
        assert_eq!(
            client.processes,
            [(3, "viewer".into()), (20, "viewer".into())]
        );
        assert_eq!((client.usage.total, client.usage.resident), (8192, 100));
    }

    proptest! {
        #[test]
        fn any_text_is_a_usage(text in "(drm-[a-z-]{0,20}:?[ \t]?[0-9a-zA-Z ]{0,30}\n?|.{0,40}\n){0,8}") {
            let _ = Usage::parse(&text);
        }
    }
}
