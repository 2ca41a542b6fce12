// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Finds the virtio GPUs of this machine.
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::{CapsetId, Device, Error, Result};

/// Where the kernel lists DRM devices, and where their files are.
const CLASS: &str = "/sys/class/drm";
const NODES: &str = "/dev/dri";
/// How the names of the two kinds of files begin.
const CARD: &str = "card";
const RENDER: &str = "renderD";

/// Where a virtio GPU is.
///
/// # Examples
///
/// ```
/// for location in virtgpu::devices() {
///     println!("{}: {}", location.bus_id, location.card.display());
/// }
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The primary node, for mode setting.
    pub card: PathBuf,
    /// The render node, for everything else.
    pub render: Option<PathBuf>,
    /// The name of the device on its bus, for example `0000:00:02.0`.
    pub bus_id: String,
    /// The module of its driver, if it has one.
    pub module: Option<String>,
}

impl Location {
    /// Opens the render node, or the primary node if there is no other.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> virtgpu::Result<()> {
    /// for location in virtgpu::devices() {
    ///     let device = location.open()?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn open(&self) -> Result<Device> {
        Device::open(self.render.as_ref().unwrap_or(&self.card))
    }
}

/// Returns the virtio GPUs of this machine, in the order of their primary nodes. They may be busy, or not
/// permitted to this process.
///
/// # Examples
///
/// ```
/// let devices = virtgpu::devices();
/// println!("{} virtio GPUs", devices.len());
/// ```
#[must_use]
pub fn devices() -> Vec<Location> {
    devices_below(Path::new(CLASS))
}

fn devices_below(class: &Path) -> Vec<Location> {
    let mut cards: Vec<(u32, String)> = names(class)
        .filter_map(|name| Some((name.strip_prefix(CARD)?.parse().ok()?, name)))
        .collect();
    cards.sort();
    cards
        .into_iter()
        .filter_map(|(_, card)| location(class, &card))
        .collect()
}

/// Returns the names in a folder; none if it cannot be read.
fn names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
}

/// Returns the location of a device with a primary node, if it is a virtio GPU.
fn location(class: &Path, card: &str) -> Option<Location> {
    let device = class.join(card).join("device");
    // The parent of the DRM device is the virtio device with mainline's older drivers, else the device that
    // carries it, of which the virtio device is a child.
    let is_gpu = |folder: &Path| {
        let id = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        id("vendor").trim() == "0x1af4" && id("device").trim() == "0x0010"
    };
    let virtio = names(&device)
        .filter(|name| name.starts_with("virtio"))
        .map(|name| device.join(name))
        .find(|folder| is_gpu(folder))
        .or_else(|| is_gpu(&device).then(|| device.clone()))?;
    let render = names(&device.join("drm")).find(|name| name.starts_with(RENDER));
    let module = fs::canonicalize(virtio.join("driver/module")).ok();
    Some(Location {
        card: Path::new(NODES).join(card),
        render: render.map(|name| Path::new(NODES).join(name)),
        bus_id: last_part(&fs::canonicalize(&device).ok()?)?,
        module: module.and_then(|path| last_part(&path)),
    })
}

fn last_part(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

/// Says why a file could not be opened.
pub(crate) fn open_error(path: &Path, error: &io::Error) -> Error {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            let group = missing_group(&path);
            Error::PermissionDenied { path, group }
        }
        _ => Error::Open {
            path,
            errno: error.raw_os_error().unwrap_or(0),
        },
    }
}

/// Returns the group of a file if its members may open it, and this process is none.
fn missing_group(path: &Path) -> Option<String> {
    const GROUP_MAY_READ_AND_WRITE: u32 = 0o060;
    let file = fs::metadata(path).ok()?;
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mine = status
        .lines()
        .find_map(|line| line.strip_prefix("Groups:"))?;
    let is_member = mine
        .split_whitespace()
        .any(|id| id.parse() == Ok(file.gid()));
    if is_member || file.mode() & GROUP_MAY_READ_AND_WRITE != GROUP_MAY_READ_AND_WRITE {
        return None;
    }
    let groups = fs::read_to_string("/etc/group").ok()?;
    group_name(&groups, file.gid()).or_else(|| Some(file.gid().to_string()))
}

/// Returns the name of a group in the text of `/etc/group`.
fn group_name(groups: &str, id: u32) -> Option<String> {
    groups.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    })
}

impl Device {
    /// Opens the first virtio GPU that can be opened.
    ///
    /// Returns the error of the first one if there is none, and [`Error::NoDevice`] if this machine has none.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> virtgpu::Result<()> {
    /// let device = virtgpu::Device::first()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn first() -> Result<Self> {
        Self::find(|_| Ok(true), Error::NoDevice)
    }

    /// Opens the first virtio GPU whose renderer has a capset.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> virtgpu::Result<()> {
    /// let device = virtgpu::Device::with_capset(virtgpu::CapsetId::VENUS)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_capset(id: CapsetId) -> Result<Self> {
        Self::find(
            |device| Ok(device.features()?.capsets.contains(id)),
            Error::NoCapset(id),
        )
    }

    fn find(fits: impl Fn(&Self) -> Result<bool>, none: Error) -> Result<Self> {
        let mut first_error = None;
        for location in devices() {
            let fitting = location
                .open()
                .and_then(|device| Ok(fits(&device)?.then_some(device)));
            match fitting {
                Ok(Some(device)) => return Ok(device),
                Ok(None) => {}
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        Err(first_error.unwrap_or(none))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn devices_of_other_drivers_are_left_out() {
        let top = std::env::temp_dir().join(format!("virtgpu-class-{}", std::process::id()));
        let pci = top.join("0000:00:02.0");
        for folder in ["virtio3", "drm/card10", "drm/renderD129"] {
            fs::create_dir_all(pci.join(folder)).unwrap();
        }
        fs::write(pci.join("virtio3/vendor"), "0x1af4\n").unwrap();
        fs::write(pci.join("virtio3/device"), "0x0010\n").unwrap();
        for (card, device) in [("card10", &pci), ("card9", &top)] {
            fs::create_dir_all(top.join("class").join(card)).unwrap();
            symlink(device, top.join("class").join(card).join("device")).unwrap();
        }
        let found = devices_below(&top.join("class"));
        fs::remove_dir_all(&top).unwrap();
        assert_eq!(
            found,
            [Location {
                card: "/dev/dri/card10".into(),
                render: Some("/dev/dri/renderD129".into()),
                bus_id: "0000:00:02.0".into(),
                module: None,
            }]
        );
    }

    #[test]
    fn groups_have_names() {
        let groups = "root:x:0:\nbad line\nrender:x:104:me\n";
        assert_eq!(group_name(groups, 104).as_deref(), Some("render"));
        assert_eq!(group_name(groups, 105), None);
    }
}
