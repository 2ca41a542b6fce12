// SPDX-License-Identifier: GPL-2.0 OR MIT
//! Shows what the virtio GPUs of this machine can do.
use std::{io, process::ExitCode};

use serde_json::{json, Value};
use virtgpu_tools::{cli, report};

/// Returns why a device could not be shown.
fn problems(device: &Value) -> Vec<&str> {
    let problems = device["problems"].as_array().into_iter().flatten();
    problems.filter_map(Value::as_str).collect()
}

fn main() -> io::Result<ExitCode> {
    let arguments = cli::info().get_matches();
    // Before this process is a client itself.
    let clients = virtgpu::usage::clients();
    let devices: Vec<Value> = virtgpu::devices()
        .iter()
        .map(|location| report::describe(location, &clients))
        .collect();
    if arguments.get_flag("json") {
        cli::print(&format!("{:#}", json!({ "devices": devices })))?;
    } else {
        for device in &devices {
            cli::print(&report::text(device))?;
        }
    }
    if devices.is_empty() {
        eprintln!("{}", virtgpu::Error::NoDevice);
    }
    for problem in devices.iter().flat_map(problems) {
        eprintln!("{problem}");
    }
    let is_shown = devices.iter().any(|device| !device["driver"].is_null());
    Ok(if is_shown {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
