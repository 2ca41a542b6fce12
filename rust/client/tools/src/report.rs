// SPDX-License-Identifier: GPL-2.0 OR MIT
//! What `virtgpu-info` shows.
use std::ops::{Bound, RangeBounds};

use serde_json::{json, Map, Value};
use virtgpu::{
    capset::{CrossDomain, Drm, Venus, Virgl, Virgl2},
    drm::{
        control::{connector, Device as _},
        Device as _, DriverCapability,
    },
    usage::Client,
    CapsetId, Device, Location, Param,
};

use crate::counters::host_visible_window;

/// Bytes of a capset that are asked for: more than any known one has.
const CAPSET_SIZE: u32 = 8192;

/// Returns everything about one device. `clients` are those of all devices. What cannot be read is a text in
/// `problems`.
#[must_use]
pub fn describe(location: &Location, clients: &[Client]) -> Value {
    let mut problems = Vec::new();
    let mut found = json!({
        "bus_id": location.bus_id,
        "module": location.module,
        "card": location.card,
        "render": location.render,
    });
    found["memory"] = memory(location, clients);
    match location.open() {
        Ok(device) => add_device(&mut found, &device, &mut problems),
        Err(error) => problems.push(error.to_string()),
    }
    match Device::open(&location.card) {
        Ok(card) => add_heads(&mut found, &card, &mut problems),
        Err(error) => problems.push(error.to_string()),
    }
    found["problems"] = json!(problems);
    found
}

/// Returns how much memory the clients of a device have, and the size of the window, which only root may read. A
/// buffer of two clients is counted twice.
fn memory(location: &Location, clients: &[Client]) -> Value {
    let bus_id = Some(&location.bus_id);
    let here = || {
        let usages = clients.iter().map(|client| &client.usage);
        usages.filter(move |usage| usage.bus_id.as_ref() == bus_id)
    };
    let mut memory = json!({
        "clients": here().count(),
        "total_bytes": here().map(|usage| usage.total).sum::<u64>(),
        "resident_bytes": here().map(|usage| usage.resident).sum::<u64>(),
    });
    if let Some(bytes) = host_visible_window(&location.card) {
        memory["host_visible_window_bytes"] = json!(bytes);
    }
    memory
}

fn add_device(found: &mut Value, device: &Device, problems: &mut Vec<String>) {
    if let Ok(driver) = device.get_driver() {
        let (major, minor, patch) = driver.version;
        found["driver"] = json!({
            "name": driver.name().to_string_lossy(),
            "description": driver.description().to_string_lossy(),
            "version": format!("{major}.{minor}.{patch}"),
        });
    }
    let params = Param::ALL.into_iter().filter_map(|param| {
        let value = device.param(param).ok()?;
        Some((param.name().to_owned(), json!(value)))
    });
    found["features"] = Value::Object(params.collect());
    match device.features() {
        Ok(features) => {
            let capsets = features.capsets.iter().map(|id| {
                let text = match device.capset(id, 0, CAPSET_SIZE) {
                    Ok(bytes) => capset(id, &bytes),
                    Err(error) => json!({ "problem": error.to_string() }),
                };
                (id.to_string(), text)
            });
            found["capsets"] = Value::Object(capsets.collect());
            found["zero_copy"] = json!(zero_copy(features.blob, features.host_visible));
        }
        Err(error) => problems.push(error.to_string()),
    }
}

/// Returns what of a capset people ask about first.
fn capset(id: CapsetId, bytes: &[u8]) -> Value {
    match id {
        CapsetId::VIRGL => {
            let caps = Virgl::parse(bytes);
            json!({ "version": caps.max_version, "glsl": caps.glsl_level, "samples": caps.max_samples })
        }
        CapsetId::VIRGL2 => {
            let caps = Virgl2::parse(bytes);
            json!({
                "version": caps.v1.max_version,
                "renderer": caps.renderer,
                "glsl": caps.v1.glsl_level,
                "samples": caps.v1.max_samples,
                "max_texture_2d_size": caps.max_texture_2d_size,
                "video_memory_mib": caps.max_video_memory,
                "capability_bits": format!("{:#x}", caps.capability_bits),
                "capability_bits_v2": format!("{:#x}", caps.capability_bits_v2),
            })
        }
        CapsetId::VENUS => {
            let caps = Venus::parse(bytes);
            json!({
                "wire_format": caps.wire_format_version,
                "vulkan": caps.vk_xml_version.to_string(),
                "protocol": caps.vk_mesa_venus_protocol_spec_version,
                "multiple_timelines": caps.supports_multiple_timelines,
                "guest_vram": caps.use_guest_vram,
            })
        }
        CapsetId::CROSS_DOMAIN => {
            let caps = CrossDomain::parse(bytes);
            json!({ "version": caps.version, "channels": caps.supported_channels })
        }
        CapsetId::DRM => {
            let caps = Drm::parse(bytes);
            json!({ "wire_format": caps.wire_format_version, "context_type": caps.context_type })
        }
        _ => json!({ "first_bytes": bytes.get(..16) }),
    }
}

/// Says which memory host and guest share without a copy.
fn zero_copy(blob: bool, host_visible: bool) -> Vec<&'static str> {
    let mut found = Vec::new();
    if blob {
        found.push("memory of the guest, as blobs");
    }
    if host_visible {
        found.push("memory of the host, in the host-visible window");
    }
    found
}

/// Returns the end of a range of sizes.
fn limit(range: &impl RangeBounds<u32>) -> u32 {
    match range.end_bound() {
        Bound::Included(end) | Bound::Excluded(end) => *end,
        Bound::Unbounded => u32::MAX,
    }
}

fn add_heads(found: &mut Value, card: &Device, problems: &mut Vec<String>) {
    let resources = match card.resource_handles() {
        Ok(resources) => resources,
        Err(error) => return problems.push(format!("no mode setting: {error}")),
    };
    let capability = |which| card.get_driver_capability(which).unwrap_or(0);
    found["limits"] = json!({
        "width": limit(&resources.supported_fb_width()),
        "height": limit(&resources.supported_fb_height()),
        "cursor_width": capability(DriverCapability::CursorWidth),
        "cursor_height": capability(DriverCapability::CursorHeight),
    });
    let heads = resources.connectors().iter().filter_map(|handle| {
        let head = card.get_connector(*handle, false).ok()?;
        let modes = head.modes().iter().map(|mode| {
            let (width, height) = mode.size();
            format!("{width}x{height}@{}", mode.vrefresh())
        });
        Some(json!({
            "name": format!("{}-{}", head.interface().as_str(), head.interface_id()),
            "connected": head.state() == connector::State::Connected,
            "modes": modes.collect::<Vec<_>>(),
        }))
    });
    found["heads"] = heads.collect();
}

/// Returns a value as lines for people.
#[must_use]
pub fn text(value: &Value) -> String {
    let mut text = String::new();
    write_value(value, 0, &mut text);
    text
}

fn write_value(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(fields) => write_fields(fields, depth, text),
        Value::Array(items) => items.iter().for_each(|item| write_value(item, depth, text)),
        other => {
            text.push_str(&format!("{}{}\n", "  ".repeat(depth), word(other)));
        }
    }
}

fn write_fields(fields: &Map<String, Value>, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    for (name, value) in fields {
        match value {
            Value::Object(fields) if fields.is_empty() => {}
            Value::Array(items) if items.is_empty() => {}
            Value::Array(items) if items.iter().all(|item| !item.is_object()) => {
                let words: Vec<_> = items.iter().map(word).collect();
                // Problems and the like are sentences.
                let gap = if words.iter().any(|word| word.contains(' ')) {
                    "\n"
                } else {
                    " "
                };
                if gap == "\n" {
                    text.push_str(&format!("{indent}{name}:\n"));
                    for word in words {
                        text.push_str(&format!("{indent}  {word}\n"));
                    }
                } else {
                    text.push_str(&format!("{indent}{name}: {}\n", words.join(gap)));
                }
            }
            Value::Object(_) | Value::Array(_) => {
                text.push_str(&format!("{indent}{name}:\n"));
                write_value(value, depth + 1, text);
            }
            other => text.push_str(&format!("{indent}{name}: {}\n", word(other))),
        }
    }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".into(),
        Value::Bool(true) => "yes".into(),
        Value::Bool(false) => "no".into(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_for_people() {
        let value = json!({
            "a": 1, "b": [], "c": {"d": true}, "e": ["x", "y"], "f": ["not permitted"], "g": null,
        });
        assert_eq!(
            text(&value),
            "a: 1\nc:\n  d: yes\ne: x y\nf:\n  not permitted\ng: none\n"
        );
    }

    #[test]
    fn any_capset_has_a_description() {
        for id in (0..10).map(CapsetId) {
            assert!(capset(id, &[0xff; 3]).is_object());
        }
    }
}
